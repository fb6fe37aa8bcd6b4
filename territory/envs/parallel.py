"""Self-play: every player of one game is an agent, as PettingZoo's parallel environments have it."""

from typing import Any, cast

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from pettingzoo import ParallelEnv

from territory.envs import common
from territory.envs.opponents import IdlePolicy
from territory.envs.single import ShownGame
from territory.errors import BadInput, one_of, shown, whole
from territory.world.actions import NUM_ACTIONS, SCRIPTED, checked_actions
from territory.world.params import HELD_OUT_SEED, MAX_BOTS
from territory.world.threads import Unbroken

FORBIDDEN = {"num_bots", "opponents"}  # of `WorldParams`: here everybody is an agent


class TerritoryParallelEnv(ShownGame, ParallelEnv):
    """Everyone against everyone; whoever owns 80 % of the land or is the last one wins.

    Agents are "player_1" to "player_P", each with the point of view, the actions and the reward of `TerritoryEnv`'s
    only one; all move at once. An observation is ``{"observation": {"map", "global"}, "action_mask": int8 (90,)}``, so
    that ``agent.act(seen["observation"], seen["action_mask"])`` plays. Eliminated players are terminated and leave;
    the last ``info`` of each holds ``win``, ``land_share`` and ``rank``.

    Args:
        num_players: 2 to 51.
        render_mode, map, render_scale: as for `TerritoryEnv`.
        **options: any field of `territory.world.WorldParams` but num_bots and opponents.
    """

    metadata = {  # noqa: RUF012 (PettingZoo's own convention)
        "name": "territory_v0",
        "render_modes": ["rgb_array", "human"],
        "render_fps": 10,
        "is_parallelizable": True,
    }

    def __init__(
        self, num_players: int = 6, render_mode: str | None = None, map: Any = None, render_scale: int = 4, **options
    ):
        self._prepare_drawing(render_mode, render_scale)
        if FORBIDDEN & set(options):
            raise BadInput(f"here every player is an agent: give num_players, not {' or '.join(sorted(FORBIDDEN))}")
        num_players = whole("num_players", num_players, 2, MAX_BOTS + 1)
        options |= {"num_bots": num_players - 1, "opponents": IdlePolicy()}  # whose seats are driven: so are these
        self.world, _ = common.make_world(type(self), 1, map, options)
        self.params = self.world.params
        self._seats = {f"player_{seat}": seat for seat in range(1, num_players + 1)}
        self.possible_agents, self.agents = list(self._seats), []
        mask = spaces.Box(0, 1, (NUM_ACTIONS,), np.int8)
        seen = common.observation_space(self.params)
        self.observation_spaces = {
            name: spaces.Dict({"observation": seen, "action_mask": mask}) for name in self._seats
        }
        self.action_spaces = {name: common.Actions() for name in self._seats}
        self._random, _ = seeding.np_random()

    def observation_space(self, agent: str) -> spaces.Dict:
        """Of one agent."""
        return cast(spaces.Dict, self.observation_spaces[one_of("agent", agent, self._seats)])

    def action_space(self, agent: str) -> spaces.Discrete:
        """Of one agent."""
        return cast(spaces.Discrete, self.action_spaces[one_of("agent", agent, self._seats)])

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start a game on the map of `seed`, or of a random one below 1,000,000; returns observations and infos."""
        seed = common.checked_seed(seed)
        common.checked_options(options, ["options"])  # nothing follows from it, but PettingZoo's own test passes one
        if seed is not None:
            self._random, _ = seeding.np_random(seed)
        with Unbroken():
            self.world.reset([int(self._random.integers(HELD_OUT_SEED)) if seed is None else seed])
            self.agents = list(self.possible_agents)
            self._played.clear()
        self._show()
        return self._observe(), {name: {} for name in self.agents}

    def step(self, actions: dict[str, int]):
        """Play ten ticks with one action for every living agent.

        Returns:
            observations, rewards, terminated, truncated and infos of all who lived before it.
        """
        orders = self._orders(actions)
        with Unbroken():
            rewards, _, _ = self.world.step(orders)
            self._played.append(orders[0])
            won = any(self.world.has_won(seat)[0] for seat in self._seats.values())
            late, alive = bool(self.world.state.step[0] >= self.params.max_steps), self.world.state.alive[0]
            ended = {name: won or not alive[self._seats[name]].item() for name in self.agents}
            cut_off = {name: late and not ended[name] for name in self.agents}
            left = {name: ended[name] or cut_off[name] for name in self.agents}
            infos = {name: self._summary(self._seats[name]) if left[name] else {} for name in self.agents}
            earned = {name: float(rewards[0, self._seats[name]]) for name in self.agents}
            seen = self._observe()
            self.agents = [name for name in self.agents if not left[name]]
        self._show()
        return seen, earned, ended, cut_off, infos

    def _orders(self, actions: dict[str, int]) -> np.ndarray:
        if not self.agents:
            raise BadInput("the game is over or has not begun: call reset() before step()")
        if not isinstance(actions, dict) or set(actions) != set(self.agents):
            given = ", ".join(map(str, actions)) if isinstance(actions, dict) else shown(actions)
            raise BadInput(f"expected one action for each of {', '.join(self.agents)}; got {given}")
        orders = np.full((1, self.params.num_players + 1), SCRIPTED)
        for name, action in actions.items():
            orders[0, self._seats[name]] = checked_actions(f"an action for {name}", action, ())
        return orders

    def _summary(self, seat: int) -> dict[str, Any]:
        values = {"win": self.world.has_won(seat), "land_share": self.world.land_share(seat)}
        return {name: value[0].item() for name, value in (values | {"rank": self.world.rank(seat)}).items()}

    def _observe(self) -> dict[str, dict[str, Any]]:
        seen = {}
        for name in self.agents:
            obs, masks = self.world.observe(self._seats[name])
            own = {part: value[0] for part, value in obs.items()}
            seen[name] = {"observation": own, "action_mask": masks[0].astype(np.int8)}
        return seen
