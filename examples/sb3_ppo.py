"""Train Stable-Baselines3's PPO on Territory, unchanged: its own policy for dictionaries does the rest.

    python examples/sb3_ppo.py --steps 25000

It knows nothing of masks, so it has to find out which of the 90 actions have an effect; compare sb3_maskable_ppo.py.
"""

import argparse

from stable_baselines3 import PPO

import territory
from territory.envs import SB3VecEnv

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=25_000, help="environment steps to train for")
parser.add_argument("--side", type=int, default=64, help="rows and columns of the map: 64, 96, 128, …")
parser.add_argument("--num-bots", type=int, default=8, help="weak opponents")
parser.add_argument("--games", type=int, default=64, help="held-out maps to count wins on afterwards")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

world = {"height": args.side, "width": args.side, "num_bots": args.num_bots}
envs = SB3VecEnv(12, **world)  # one compiled call steps all games; make_vec_env("Territory-v0", 12) works too
hurry = {"n_steps": 32, "batch_size": 192, "n_epochs": 4, "learning_rate": 1e-3, "ent_coef": 0.003}  # a small world
model = PPO("MultiInputPolicy", envs, gamma=0.995, seed=args.seed, **hurry)
model.learn(args.steps)


def play(obs, mask):
    """SB3's model as a policy for `territory.evaluate`: batched observations and masks to actions."""
    return model.predict(obs)[0]


print(territory.evaluate(play, **world, games=args.games))
