"""Agents play each other in one game, as PettingZoo's parallel environment; prints who won.

    python examples/self_play_pettingzoo.py attention steady random random

A player is a pretrained agent's name, the path of a checkpoint, or "random", "idle", "steady".
"""

import argparse

from territory.envs import TerritoryParallelEnv
from territory.envs.opponents import find_policy

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("players", nargs="*", default=["attention", "steady", "random", "random"])
parser.add_argument("--side", type=int, default=128, help="rows and columns of the map, a multiple of 32")
parser.add_argument("--max-steps", type=int, default=500, help="steps until time is up")
parser.add_argument("--seed", type=int, default=1_000_000, help="of the map")
args = parser.parse_args()

env = TerritoryParallelEnv(len(args.players), height=args.side, width=args.side, max_steps=args.max_steps)
policies = {name: find_policy(player) for name, player in zip(env.possible_agents, args.players, strict=True)}
observations, infos = env.reset(seed=args.seed)
while env.agents:
    actions = {}
    for name in env.agents:
        seen = observations[name]
        batch = {part: array[None] for part, array in seen["observation"].items()}  # policies take batches
        actions[name] = policies[name](batch, seen["action_mask"][None] == 1)[0]
    observations, rewards, terminated, truncated, infos = env.step(actions)
    for name in [name for name in infos if name not in env.agents]:
        player, info = args.players[env.possible_agents.index(name)], infos[name]
        ending = "won" if info["win"] else "time is up" if truncated[name] else "lost"
        print(f"step {env.world.state.step[0]:>3}: {name} ({player}) {ending}, {info['land_share']:.0%} of the land")
