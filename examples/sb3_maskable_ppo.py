"""Train sb3-contrib's MaskablePPO on Territory, unchanged: it asks the environment for its `action_masks()`.

python examples/sb3_maskable_ppo.py --steps 25000
"""

import argparse

from sb3_contrib import MaskablePPO

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
model = MaskablePPO("MultiInputPolicy", envs, gamma=0.995, seed=args.seed, **hurry)
model.learn(args.steps)


def play(obs, mask):
    """Its model as a policy for `territory.evaluate`: batched observations and masks to actions."""
    return model.predict(obs, action_masks=mask)[0]


print(territory.evaluate(play, **world, games=args.games))
