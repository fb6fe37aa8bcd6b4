"""Stable-Baselines3's PPO with our network, our games and our hyperparameters: only the trainers differ."""

from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

from territory.envs import SB3VecEnv
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


def make_peer(config: TrainConfig) -> PPO:
    """Their PPO, set up as the configuration says."""
    peer = PPO(
        NetworkPolicy,
        SB3VecEnv(make_envs(config)),
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
    peer.set_logger(Logger(folder=None, output_formats=[]))  # its own would leave a folder behind in each process
    return peer
