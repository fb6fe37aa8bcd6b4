"""Everything that decides how training goes on: taken from a PPO, judged, and put back into one."""

import numpy as np
import torch

from territory.agent import checkpoint as files
from territory.agent.checkpoint import Checkpoint
from territory.errors import BadInput
from territory.training.ppo import PPO
from territory.training.rollout import EPISODE_FIELDS, WINDOW, Update
from territory.world.state import check_arrays

VARYING = ("model.", "optimizer.", "episodes.", "generator")  # whose arrays are judged by rules of their own


def snapshot(ppo: PPO) -> Checkpoint:
    """A checkpoint of a PPO between two updates; the games are those of all processes.

    Raises BadInput: a weight is not a finite number, so that nobody could go on from here.
    """
    content = Checkpoint(
        model=ppo.model.name,
        options=ppo.model.options,
        config=ppo.config.as_dict(),
        progress=ppo.last.as_dict() if ppo.last else {},
    )
    content.add_group(files.MODEL, files.model_arrays(ppo.model))
    for index, state in ppo.optimizer.state_dict()["state"].items():
        content.add_group(f"optimizer.{index}", {name: value.cpu().numpy() for name, value in state.items()})
    content.add_group("envs", ppo.group.all_gather_arrays(ppo.envs.state_dict()))
    content.add_group("obs", ppo.group.all_gather_arrays(ppo.obs))
    content.arrays |= ppo.group.all_gather_arrays({"mask": ppo.mask})
    content.add_group("episodes", ppo.episodes.state_dict())
    content.arrays["update"] = np.array([ppo.finished_updates])
    content.arrays["generator"] = ppo.generator.get_state().numpy()
    return content


def restore(ppo: PPO, content: Checkpoint) -> None:
    """Put a `snapshot` back into a PPO of the same configuration; judges all of it before anything is changed.

    Raises BadInput: the checkpoint is of another network or world, is damaged, or holds only weights, as pretrained
    ones do.
    """
    arrays = content.arrays
    if "update" not in arrays:
        raise BadInput("this checkpoint holds an agent but no training state, so no run can go on from it")
    _check_arrays(snapshot(ppo).arrays, arrays)
    _check_episodes(content.group("episodes"))
    moments = _optimizer_state(ppo, content)
    last = last_update(content)
    files.load_weights(ppo.model, content)
    ppo.optimizer.load_state_dict({"state": moments, "param_groups": ppo.optimizer.state_dict()["param_groups"]})
    own = ppo.group.local_slice(len(arrays["mask"]))
    shown = ppo.envs.load_state_dict({name: array[own] for name, array in content.group("envs").items()})
    ppo.obs = {name: array[own] for name, array in content.group("obs").items()}
    ppo.mask = arrays["mask"][own]
    if shown is not None:  # other environments than ours may show nothing
        now, info = shown
        same = all(np.array_equal(now[name], ppo.obs[name]) for name in ppo.obs)
        if not same or not np.array_equal(info["action_mask"], ppo.mask):
            raise BadInput("the checkpoint is damaged: its observations are not those of its games")
    ppo.episodes.load_state_dict(content.group("episodes"))
    ppo.finished_updates, ppo.last = int(arrays["update"][0]), last
    _restore_generator(ppo, arrays.get("generator"))


def last_update(content: Checkpoint) -> Update | None:
    """The record of the last update that a checkpoint of a run counts; None before the first.

    Raises BadInput: it is damaged, or another one than its training state is of.
    """
    record, count = content.progress, content.arrays["update"]
    if count.shape != (1,) or count.dtype != np.int64 or count[0] < 0:
        raise BadInput(f"the checkpoint is damaged: update is one number of 0 or more, got {count.dtype} {count.shape}")
    if not record and count[0] == 0:
        return None
    try:
        last = Update.from_dict(record)
    except BadInput as error:
        raise BadInput(f"the checkpoint is damaged: the record of its last update: {error}") from error
    if last.update != count[0]:
        raise BadInput(f"the checkpoint is damaged: its record is not the one of update {count[0]}")
    return last


def _check_arrays(fresh: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> None:
    """Names, shapes and types are those of a fresh state; no number that is none."""
    wanted, given = ({n: a for n, a in each.items() if not n.startswith(VARYING)} for each in (fresh, found))
    check_arrays(wanted, given, "environment")
    for name, array in found.items():
        if array.dtype == np.bool_ and (array.view(np.uint8) > 1).any():
            raise BadInput(f"the checkpoint is damaged: {name} holds truth values that are neither true nor false")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadInput(f"the checkpoint is damaged: {name} holds numbers that are not finite (NaN or infinity)")
    if not found["mask"].any(axis=1).all():
        raise BadInput("the checkpoint is damaged: a mask allows no action at all")


def _check_episodes(state: dict[str, np.ndarray]) -> None:
    count, latest = state.get("count"), state.get("latest")
    if count is None or count.shape != (1,) or count.dtype.kind != "i" or count[0] < 0:
        raise BadInput("the checkpoint is damaged: episodes.count is one number of 0 or more")
    shape = (min(int(count[0]), WINDOW), len(EPISODE_FIELDS))
    if latest is None or latest.shape != shape or latest.dtype != np.float64:
        raise BadInput(f"the checkpoint is damaged: episodes.latest should be float64 {shape}")


def _optimizer_state(ppo: PPO, content: Checkpoint) -> dict[int, dict[str, torch.Tensor]]:
    """Adam's moments by parameter, as its ``load_state_dict`` takes them."""
    found, parameters = content.group("optimizer"), list(ppo.model.parameters())
    if not found and content.arrays["update"].ravel()[:1].sum() == 0:  # before the first step there are none
        return {}
    shapes = [{"step": (), "exp_avg": each.shape, "exp_avg_sq": each.shape} for each in parameters]
    rows = enumerate(shapes)
    wanted = {f"{i}.{name}": np.broadcast_to(np.float32(0), shape) for i, row in rows for name, shape in row.items()}
    check_arrays(wanted, found, "optimiser")
    for name, array in found.items():
        if not name.endswith("exp_avg") and (array < 0).any():
            raise BadInput(f"the checkpoint is damaged: optimizer.{name} is negative, so not Adam's")
    return {
        i: {name: _laid_as(parameter, torch.from_numpy(found[f"{i}.{name}"])) for name in shapes[i]}
        for i, parameter in enumerate(parameters)
    }


def _laid_as(parameter: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The values in the parameter's memory layout: fused Adam goes through both as they lie, number by number."""
    same = values.shape == parameter.shape
    return torch.empty_like(parameter, device="cpu").copy_(values).detach() if same else values


def _restore_generator(ppo: PPO, saved: np.ndarray | None) -> None:
    if saved is None or saved.dtype != np.uint8 or saved.ndim != 1:
        raise BadInput("the checkpoint is damaged: the state of its random numbers is no row of bytes")
    if saved.size != ppo.generator.get_state().numel():  # of another kind of device, whose state has another size
        ppo.generator.manual_seed(ppo.config.seed + ppo.finished_updates)
        return
    try:
        ppo.generator.set_state(torch.from_numpy(saved))
    except RuntimeError as error:
        raise BadInput(f"the checkpoint is damaged: its random numbers can't go on from there ({error})") from error
