"""Proximal policy optimisation (Schulman et al. 2017): collect a rollout, update the network; again.

In short:

    for update in ppo.iterate(TrainConfig(height=64, width=64)):
        print(update.step, update.win_rate)
"""

import math
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from territory.agent.agent import Agent
from territory.errors import BadInput
from territory.guests.call import check_model
from territory.models import products, without_gradients
from territory.models.one_pass import in_one_pass
from territory.models.policy import VIEWS, View, act, log_prob_of, masked_log_softmax, views_of
from territory.training import distributed, losses
from territory.training.build import compile_in_place, make_envs, make_model, memory_layout, pick_device
from territory.training.config import TrainConfig
from territory.training.fast import SLOW_BF16, choose, has_bf16, keep_freed_memory
from territory.training.parts import InParts
from territory.training.rollout import EpisodeWindow, Minibatch, Rollout, Update, finished
from territory.world.threads import allowed_cores

ADAM_EPSILON = 1e-5  # as the first PPO had it (Huang et al. 2022, detail 3): torch's 1e-8 lets tiny gradients jump


class PPO:
    """A network, its games and its optimiser; `updates` trains."""

    def __init__(self, config: TrainConfig, envs: Any = None, model: nn.Module | None = None):
        """``envs``: a gymnasium vector environment that is used as it is; by default `make_envs` makes one.

        In a process of `territory.training.distributed` it holds that process's games only. ``model``: a network of
        one's own, by default `make_model`'s.

        Raises BadInput: the model is none, or nothing of it can learn.
        """
        model = make_model(config) if model is None else model
        check_model(model)
        if not any(weight.requires_grad for weight in model.parameters()):
            raise BadInput("expected a network that can learn: none of its weights wants a gradient (requires_grad)")
        self.config = config
        self.device = pick_device(config.device)
        self.group = distributed.current_group()
        games = self.group.local_slice(config.num_envs)
        self.envs = make_envs(config, games.stop - games.start) if envs is None else envs
        self.obs, info = self.envs.reset(seed=config.seed + games.start)
        self.mask = info["action_mask"]
        self.layout = memory_layout(self.device, model)
        self.model = model.to(self.device, memory_format=self.layout)  # pyright: ignore[reportCallIssue] -- undeclared
        self.network = InParts(self.model)
        self.group.broadcast_parameters(self.model)
        self.notes = self._make_fast()
        config = self.config  # with the arithmetic that was chosen
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=config.learning_rate, eps=ADAM_EPSILON, fused=True
        )
        for weight in self.model.parameters():  # as Adam would at its first step: every training state has all arrays
            moments = {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
            self.optimizer.state[weight] = {"step": torch.zeros((), device=self.device), **moments}
        self.generator = torch.Generator(self.device).manual_seed(config.seed)
        self.episodes = EpisodeWindow()
        self.finished_updates = 0
        self.last: Update | None = None
        self.rollout = Rollout(config.num_steps, self.obs, self.mask, self.device, self.layout)
        if config.compile:
            compile_in_place(self.model, lambda: self._values(self.obs))

    @property
    def step(self) -> int:
        """Environment steps so far, over all games."""
        return self.finished_updates * self.config.batch_size

    def updates(self) -> Iterator[Update]:
        """Train to the end of the run, handing out a record after each update."""
        start = time.perf_counter()
        while self.finished_updates < self.config.num_updates:
            before = time.perf_counter()
            self._set_learning_rate()
            self.collect()
            measured = self.update()
            self.finished_updates += 1
            now = time.perf_counter()
            self.last = self._record(measured, self.config.batch_size / (now - before), now - start)
            yield self.last

    def collect(self) -> Rollout:
        """Play ``num_steps`` steps of every game with the network as it is.

        The network plays in evaluation mode: with batch norm that means its running averages, as Stable-Baselines3
        does it too, and what an agent plays with later.
        """
        self.model.eval()
        rollout, config, ended = self.rollout, self.config, []
        with without_gradients(self.model), self.network.playing(self.obs["map"][:, 0].size):
            for step in range(config.num_steps):
                seen = rollout.add_obs(step, self.obs, self.mask)
                chosen = act(self.forward, *seen, self.generator, local=(self.group.rank, self.group.size))
                rollout.add_action(step, chosen)
                self.obs, rewards, terminated, truncated, info = self.envs.step(chosen.actions.cpu().numpy())
                self.mask = info["action_mask"]
                rollout.add_outcome(step, rewards, terminated, truncated)
                self._bootstrap_truncated(step, truncated & ~terminated, info)
                ended.append(finished(info))
            rollout.compute_returns(self._values(self.obs), config.gamma, config.gae_lambda)
        for of_one_step in zip(*self.group.all_gather_objects(ended), strict=True):
            self.episodes.add(list(chain(*of_one_step)))
        return rollout

    def update(self) -> dict[str, float]:
        """Go over the rollout ``update_epochs`` times in shuffled minibatches; returns what was measured."""
        self.model.train()
        measured: list[dict[str, Tensor]] = []
        advantages = self.group.all_gather(self.rollout.advantages).flatten()
        samples, limit = len(self.rollout) * self.group.size, self.config.target_kl
        for number in range(self.config.update_epochs):
            augment = self.config.augment and number > 0  # first as seen in the games: there the ratio must begin at 1
            order = torch.randperm(samples, generator=self.generator, device=self.device)
            batches = order.split(self.config.minibatch_size)
            with self.network.sharing(self.config.minibatch_size // self.group.size):
                steps = [self.gradient_step(index, advantages, self._view(augment)) for index in batches]
            epoch = self.group.average_terms(*map(list, zip(*steps, strict=True)))
            measured += epoch
            if limit is not None and np.mean([terms["approx_kl"].item() for terms in epoch]) > limit:
                break
        return self._summary(measured, epoch)

    def loss(self, batch: Minibatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a minibatch, its advantages normalised before, and the terms it is made of."""
        config = self.config
        logits, values = self.forward(batch.maps, batch.globals)
        log_probs = masked_log_softmax(logits, batch.masks)
        log_ratio = log_prob_of(log_probs, batch.actions) - batch.log_probs
        ratio = log_ratio.exp()
        policy_loss = losses.policy_loss(ratio, batch.advantages, config.clip_coef)
        value_loss = losses.value_loss(values, batch.returns)
        entropy = losses.entropy(log_probs).mean()
        terms = {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropy,
            "approx_kl": losses.approx_kl(log_ratio),
            "clip_fraction": losses.clip_fraction(ratio, config.clip_coef),
            "ratio_deviation": (ratio - 1).abs().max(),
        }
        total = policy_loss - config.ent_coef * entropy + config.vf_coef * value_loss
        return total, {name: term.detach() for name, term in terms.items()}

    def forward(self, maps: Tensor, global_stats: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, actions)`` and values ``(B,)`` in float32, whatever precision they were computed in."""
        in_bf16 = torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16")
        with in_bf16, in_one_pass(), self.network.products():
            logits, values = self.network(maps.contiguous(memory_format=self.layout), global_stats)
        return logits.float(), values.float()

    def agent(self) -> Agent:
        """The network as it is now, ready to play: shares its weights, so it goes on learning with the run."""
        return Agent(self.model, self.config.as_dict(), self.last.as_dict() if self.last else {})

    def gradient_step(self, index: Tensor, advantages: Tensor, view: View) -> tuple[dict[str, Tensor], float]:
        """Learn from the samples ``index`` of the run; what was measured, and on which share of them here.

        In another view than they were played in, the ratio is that of the network's policy in that view to the policy
        that acted: as right, and it is what makes the eight views agree (Raileanu et al. 2021).
        """
        own = self.group.local_rows(index, len(self.mask))
        share = len(own) / len(index)
        batch = self.rollout.rows(own if len(own) else index[:1] * 0)  # with nothing of its own: any sample, times 0
        batch = batch if view == VIEWS[0] else batch.seen(view)
        if self.config.normalize_advantages:
            batch.advantages = losses.normalized(batch.advantages, among=advantages[index])
        loss, terms = self.loss(batch)
        self.optimizer.zero_grad()
        (loss * share).backward()
        self.group.all_reduce_gradients(self.model)
        terms["grad_norm"] = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        return terms, share

    def _make_fast(self) -> list[str]:
        """Keep memory and choose arithmetic, as far as the configuration wants it; what was done, for the log."""
        notes = [keep_freed_memory()] if self.config.keep_memory else []
        if allowed_cores() < (os.cpu_count() or 1):
            notes.append(f"a container's quota leaves the time of {allowed_cores()} of {os.cpu_count()} cores")
        if self.config.fast:
            chosen = choose(self.config, self.model, self.obs)
            self.config, reason = self.group.all_gather_objects(chosen)[0]  # all processes compute alike
            notes.append(reason)
        elif self.config.precision == "bf16" and self.device.type == "cpu" and not has_bf16(self.device):
            notes.append(f"bf16 was asked for, and {SLOW_BF16}: --precision fp32 is several times as fast")
        if self.network.can_be_shared() and self.config.compile:  # it will not be shared, once it is compiled
            notes.append(
                "compiled, the network goes without kernels and threads of this project, which are mostly quicker on a "
                "processor: --fast measures which"
            )
        elif self.network.can_be_shared() and products.is_quicker():
            notes.append("matrix products are computed by oneDNN: MKL would not use this processor's AVX-512")
        return notes

    def _view(self, augment: bool) -> View:
        """The view of a minibatch: sampled among those that keep the map's shape, or the maps as they were."""
        if not augment:
            return VIEWS[0]
        views = views_of(self.config.height, self.config.width)
        return views[torch.randint(len(views), (), generator=self.generator, device=self.device)]

    def _values(self, obs: dict[str, np.ndarray]) -> Tensor:
        maps, global_stats = (torch.from_numpy(obs[name]).to(self.device) for name in ("map", "global"))
        return self.forward(maps, global_stats)[1]

    def _bootstrap_truncated(self, step: int, cut_off: np.ndarray, info: dict[str, Any]) -> None:
        """The critic's values of the final observations of truncated games: what they would still have brought."""
        if not cut_off.any():
            return
        last = info["final_obs"][cut_off]  # gymnasium's form: an object array with one observation a game
        final = {name: np.stack([obs[name] for obs in last]) for name in last[0]}
        # As many as happen to end: compiled for each number it would take minutes, and a resumed run others than this.
        as_written = torch.compiler.set_stance("force_eager") if self.config.compile else nullcontext()
        with as_written:
            self.rollout.final_values[step, torch.from_numpy(cut_off).to(self.device)] = self._values(final)

    def _set_learning_rate(self) -> None:
        left = 1 - self.finished_updates / self.config.num_updates if self.config.anneal_lr else 1.0
        risen = min(1.0, (self.finished_updates + 1) / (self.config.warmup_updates + 1))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * left * risen

    def _summary(self, measured: list[dict[str, Tensor]], last_epoch: list[dict[str, Tensor]]) -> dict[str, float]:
        def mean(name: str, steps: list[dict[str, Tensor]]) -> float:
            return torch.stack([terms[name] for terms in steps]).mean().item()

        names = ("policy_loss", "value_loss", "entropy", "clip_fraction", "grad_norm")
        summary = {name: mean(name, measured) for name in names}
        if not all(map(math.isfinite, summary.values())):
            raise BadInput(
                f"training has diverged at update {self.finished_updates + 1}: {summary}. "
                "A learning rate that is too high is the usual cause; the last checkpoint is from before."
            )
        explained = losses.explained_variance(*map(self.group.all_gather, (self.rollout.values, self.rollout.returns)))
        return summary | {
            "approx_kl": mean("approx_kl", last_epoch),
            "ratio_deviation": measured[0]["ratio_deviation"].item(),
            "explained_variance": explained.item(),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
        }

    def _record(self, measured: dict[str, float], rate: float, seconds: float) -> Update:
        return Update(
            update=self.finished_updates,
            updates=self.config.num_updates,
            step=self.step,
            total_steps=self.config.num_updates * self.config.batch_size,
            episodes=self.episodes.count,
            steps_per_second=rate,
            seconds=seconds,
            **self.episodes.means(),
            **measured,
        )


def iterate(config: TrainConfig) -> Generator[Update]:
    """Train, handing out a record after each update; the network stays inside. For it, use `PPO` itself."""
    yield from PPO(config).updates()


def train(config: TrainConfig, envs: Any = None, callback: Callable[[Update], object] | None = None) -> PPO:
    """Train to the end in memory, calling ``callback`` after each update; files are `territory.training.run`'s."""
    ppo = PPO(config, envs)
    for update in ppo.updates():
        if callback is not None:
            callback(update)
    return ppo
