"""Stable-Baselines3's PPO with our network, our games and our hyperparameters: only the trainers differ."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from territory.training import TrainConfig
from territory.training.build import make_envs, make_model


class NetworkPolicy(ActorCriticPolicy):
    """Any of our networks as it is, one forward pass for policy and value."""

    def __init__(self, *spaces: Any, make_network: Callable[[], nn.Module], **options: Any):
        self.make_network = make_network
        super().__init__(*spaces, **options)

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        self.network = self.make_network()
        make_optimizer: Any = self.optimizer_class
        self.optimizer = make_optimizer(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def forward(self, obs: dict[str, Tensor], deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Actions, values and log-probabilities, each ``(B,)``."""
        policy, values = self._run(obs)
        actions = policy.get_actions(deterministic)
        return actions, values, policy.log_prob(actions)

    def evaluate_actions(self, obs: dict[str, Tensor], actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values, log-probabilities and entropies, each ``(B,)``."""
        policy, values = self._run(obs)
        return values, policy.log_prob(actions), policy.entropy()

    def predict_values(self, obs: dict[str, Tensor]) -> Tensor:
        """Values ``(B,)``."""
        return self._run(obs)[1]

    def _run(self, obs: dict[str, Tensor]):
        logits, values = self.network(obs["map"], obs["global"])
        return self.action_dist.proba_distribution(action_logits=logits), values


class NativeBatch(VecEnv):
    """Our vector environment under the interface of theirs; nothing is copied on the way."""

    def __init__(self, envs: Any):
        self.envs = envs
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> dict[str, np.ndarray]:
        """First observations."""
        return self.envs.reset(seed=0)[0]

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions until `step_wait`."""
        self.actions = actions

    def step_wait(self):
        """One step of every game: observations, rewards, dones, and one dictionary a game."""
        obs, rewards, terminated, truncated, info = self.envs.step(self.actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for game in np.flatnonzero(terminated | truncated):
            cut_off = truncated[game] and not terminated[game]
            infos[game] = {"terminal_observation": info["final_obs"][game], "TimeLimit.truncated": cut_off}
        return obs, rewards.astype(np.float32), terminated | truncated, infos

    def close(self) -> None:
        """Give the games back."""
        self.envs.close()

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No single game has a wrapper."""
        return [False] * self.num_envs

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The batch's attribute, once for each game."""
        return [getattr(self.envs, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set the batch's attribute."""
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **options: Any) -> list[Any]:
        """Call the batch's method."""
        return [getattr(self.envs, method_name)(*args, **options)] * self.num_envs


def make_peer(config: TrainConfig) -> PPO:
    """Their PPO, set up as the configuration says."""
    return PPO(
        NetworkPolicy,
        NativeBatch(make_envs(config)),
        policy_kwargs={"make_network": lambda: make_model(config)},
        n_steps=config.num_steps,
        batch_size=config.minibatch_size,
        n_epochs=config.update_epochs,
        learning_rate=config.learning_rate,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        clip_range=config.clip_coef,
        normalize_advantage=config.normalize_advantages,
        ent_coef=config.ent_coef,
        vf_coef=config.vf_coef,
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        device=torch.device("cpu"),
    )
