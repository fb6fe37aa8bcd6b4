"""Everything that decides how training goes on: taken from a PPO, judged, and put back into one."""

import numpy as np
import torch

from territory.agent import checkpoint as files
from territory.agent.checkpoint import Checkpoint
from territory.errors import BadInput
from territory.training.ppo import PPO
from territory.training.rollout import EPISODE_FIELDS, WINDOW, Update
from territory.world.state import check_arrays

VARYING = ("episodes.latest", "generator")  # arrays whose size depends on how far a run is, and on its device


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
    content.arrays |= {name: moment.cpu().numpy() for name, moment in _moments(ppo).items()}
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
        raise BadInput(
            "this checkpoint holds an agent but no training state, so no run can go on from it; a new run can begin "
            "with its weights (init)"
        )
    _judge(arrays, snapshot(ppo).arrays)
    last = _last_update(content)
    files.load_weights(ppo.model, content)
    for name, moment in _moments(ppo).items():
        moment.copy_(torch.from_numpy(arrays[name]))
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
    _restore_generator(ppo, arrays["generator"])


def _moments(ppo: PPO) -> dict[str, torch.Tensor]:
    """What Adam keeps of each weight, by its name in a checkpoint."""
    kept = ppo.optimizer.state_dict()["state"].items()
    return {f"optimizer.{number}.{name}": moment for number, of in kept for name, moment in of.items()}


def _judge(found: dict[str, np.ndarray], fresh: dict[str, np.ndarray]) -> None:
    """Names, shapes and types are those of a fresh state, and the numbers such as training leaves behind."""
    if not found["update"].any():  # then moments are 0, and earlier versions left them out
        found |= {name: array for name, array in fresh.items() if name.startswith("optimizer.") and name not in found}
    wanted, given = ({n: a for n, a in each.items() if n not in VARYING} for each in (fresh, found))
    check_arrays(wanted, given, "training")
    for name, array in found.items():
        if array.dtype == np.bool_ and (array.view(np.uint8) > 1).any():
            raise BadInput(f"the checkpoint is damaged: {name} holds truth values that are neither true nor false")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadInput(f"the checkpoint is damaged: {name} holds numbers that are not finite (NaN or infinity)")
        counts = name.startswith("optimizer.") and name.endswith((".step", ".exp_avg_sq"))
        if (counts or name in ("update", "episodes.count")) and (array < 0).any():
            raise BadInput(f"the checkpoint is damaged: {name} is negative")
    if not found["mask"].any(axis=1).all():
        raise BadInput("the checkpoint is damaged: a mask allows no action at all")
    latest = np.zeros((min(int(found["episodes.count"][0]), WINDOW), len(EPISODE_FIELDS)))
    generator = np.zeros(found.get("generator", fresh["generator"]).size, np.uint8)
    given = {name: found[name] for name in VARYING if name in found}
    check_arrays({"episodes.latest": latest, "generator": generator}, given, "training")


def _last_update(content: Checkpoint) -> Update | None:
    """The record of the last update that a checkpoint of a run counts; None before the first."""
    record, count = content.progress, content.arrays["update"][0]
    if not record and count == 0:
        return None
    try:
        last = Update.from_dict(record)
    except BadInput as error:
        raise BadInput(f"the checkpoint is damaged: the record of its last update: {error}") from error
    if last.update != count:
        raise BadInput(f"the checkpoint is damaged: its record is not the one of update {count}")
    return last


def _restore_generator(ppo: PPO, saved: np.ndarray) -> None:
    if saved.size != ppo.generator.get_state().numel():  # of another kind of device, whose state has another size
        ppo.generator.manual_seed(ppo.config.seed + ppo.finished_updates)
        return
    try:
        ppo.generator.set_state(torch.from_numpy(saved))
    except (RuntimeError, TypeError) as error:
        raise BadInput(f"the checkpoint is damaged: its random numbers can't go on from there ({error})") from error
