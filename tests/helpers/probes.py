"""Tiny games whose values are known exactly, and tiny networks for them (after ARENA's probe environments).

They speak the vector environment's interface: dictionary observations, masks in ``info``, SAME_STEP autoreset.
"""

import numpy as np
import torch
from gymnasium import spaces
from torch import nn

SIDE, STATS, ACTIONS = 4, 16, 3  # action 2 is masked in every probe


class Probe:
    """Games of ``length`` steps. The observation shows a sign (-1 or 1, drawn anew each step) and the step."""

    length = 1
    ends_by = "termination"
    shows_step = True

    def __init__(self, num_envs: int = 16):
        self.num_envs = num_envs
        self.single_action_space = spaces.Discrete(ACTIONS)
        self.actions_seen: list[np.ndarray] = []

    def reward(self, sign: np.ndarray, step: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """What the actions earn, ``(N,)``."""
        raise AssertionError("each probe has its own reward")

    def reset(self, seed: int | None = None):
        self.random = np.random.default_rng(seed)
        self.t = np.zeros(self.num_envs, dtype=np.int64)
        self.returns = np.zeros(self.num_envs)
        self._draw()
        return self._observe(), {"action_mask": self._masks()}

    def step(self, actions: np.ndarray):
        self.actions_seen.append(actions)
        rewards = self.reward(self.sign, self.t, actions)
        self.returns += rewards
        self.t += 1
        over = self.t >= self.length
        self._draw()
        info = self._final(over) if over.any() else {}
        self.t[over] = 0
        self.returns[over] = 0
        info["action_mask"] = self._masks()
        never = np.zeros_like(over)
        ends = (over, never) if self.ends_by == "termination" else (never, over)
        return self._observe(), rewards, *ends, info

    def state_dict(self) -> dict[str, np.ndarray]:
        state = self.random.bit_generator.state["state"]
        words = [int(state[name]) >> shift & 2**64 - 1 for name in ("state", "inc") for shift in (0, 64)]
        return {"t": self.t, "returns": self.returns, "sign": self.sign, "random": np.array(words, np.uint64)}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        self.t, self.returns, self.sign = (state[name].copy() for name in ("t", "returns", "sign"))
        words = [int(word) for word in state["random"]]
        whole = {"state": words[0] | words[1] << 64, "inc": words[2] | words[3] << 64}
        self.random.bit_generator.state = self.random.bit_generator.state | {"state": whole}

    def close(self) -> None:
        """Nothing to give back."""

    def _draw(self) -> None:
        self.sign = self.random.choice([-1.0, 1.0], size=self.num_envs)

    def _observe(self) -> dict[str, np.ndarray]:
        stats = np.zeros((self.num_envs, STATS), dtype=np.float32)
        stats[:, 0], stats[:, 1] = self.sign, self.t * self.shows_step
        return {"map": np.zeros((self.num_envs, 5, SIDE, SIDE), dtype=np.uint8), "global": stats}

    def _masks(self) -> np.ndarray:
        masks = np.ones((self.num_envs, ACTIONS), dtype=bool)
        masks[:, 2] = False
        return masks

    def _final(self, over: np.ndarray) -> dict:
        final_obs = np.full(self.num_envs, None, dtype=object)
        for game in np.flatnonzero(over):
            final_obs[game] = {name: array[game] for name, array in self._observe().items()}
        constant = {"win": self.returns > 0, "land_share": self.returns * 0, "idle_share": self.returns * 0}
        final_info = constant | {"return": self.returns.copy(), "length": self.t.copy(), "rank": self.t * 0 + 1}
        return {"final_obs": final_obs, "_final_obs": over, "final_info": final_info, "_final_info": over}


class ConstantReward(Probe):
    """One step, reward 1: the value of everything is 1."""

    def reward(self, sign, step, actions):
        return np.ones(self.num_envs)


class CutOff(ConstantReward):
    """Reward 1 in a game without end that is cut off after three steps: the value is 1 / (1 - gamma)."""

    length = 3
    ends_by = "truncation"
    shows_step = False


class SignReward(Probe):
    """The reward is the sign shown: the value is the observation."""

    def reward(self, sign, step, actions):
        return sign


class Delayed(Probe):
    """Two steps, reward 1 at the end: the values are gamma, then 1."""

    length = 2

    def reward(self, sign, step, actions):
        return (step == 1).astype(float)


class ActionReward(Probe):
    """Action 1 earns 1, action 0 loses 1."""

    def reward(self, sign, step, actions):
        return np.where(actions == 1, 1.0, -1.0)


class Matching(Probe):
    """Action 1 under a positive sign and action 0 under a negative one earn 1, the others lose 1."""

    def reward(self, sign, step, actions):
        return np.where((actions == 1) == (sign > 0), 1.0, -1.0)


class TinyModel(nn.Module):
    """Two small towers over the statistics; the map is used so that its weights get gradients too."""

    name = "tiny"

    def __init__(self, norm: bool = False):
        super().__init__()
        self.options = {"norm": norm}

        def tower(outputs: int) -> nn.Sequential:
            layers = [nn.Linear(STATS, 32), nn.BatchNorm1d(32)] if norm else [nn.Linear(STATS, 32)]
            return nn.Sequential(*layers, nn.Tanh(), nn.Linear(32, outputs))

        self.actor, self.critic = tower(ACTIONS), tower(1)
        self.map_branch = nn.Linear(5, 1)

    def forward(self, maps: torch.Tensor, stats: torch.Tensor):
        seen = self.map_branch(maps.float().mean(dim=(2, 3)) / 255)
        return self.actor(stats) + 0 * seen, self.critic(stats).squeeze(1)
