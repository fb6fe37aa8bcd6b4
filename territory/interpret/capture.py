"""What a network attended to, read off its own forward pass, and what follows when it is changed there.

There is no second copy of the forward pass that could drift apart from the first. Names of what is captured:

- ``"spatial.1"``, ``"spatial.2"``, ...: the gates after each convolution, in the order of the network, ``(B, h, w)``
  within (0, 1). A grid of h x w cells covers the map: a cell stands for H/h x W/w tiles.
- ``"cross.map_to_stats"`` (and its like): the weights of a cross-attention, ``(B, heads, Tq, Tk)``, each row over the
  Tk keys summing to 1.
- in any other network, the path of the module that computes an attention: ``"encoder.layers.0.self_attn"``,
  ``"blocks.1.attention"``; a second one of the same module in one forward pass is ``"path#2"``, one in the network's
  own forward bears its class's name. A softmax (what is seen of them: `softmax`) counts as attention once its weights
  are used in a matrix product or a weighted sum of vectors (of numbers, it is an expected value). What is made of them
  before that (a mask, dropout, a hard choice, a mix of heads) isn't in them, unless it is written into them in place,
  or they are divided by their sum again: "path#2".
- names of your own for modules of your own: ``capture(model, attention={"mine": model.block.weights})``. What such a
  module computes by softmax inside is captured, or else what it returns; of several tensors the one whose rows sum to
  1. Of a second call in one forward pass it is ``"mine#2"``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from territory.errors import BadInput
from territory.guests.call import check_model, explained, paths_of
from territory.interpret.roles import Laid, laid_back
from territory.interpret.softmax import Call, Lay, SoftmaxWatch, here, is_inside, numbered
from territory.models.blocks import SpatialGate
from territory.models.cross_attention import AttentionWeights

_SINGLE_CROSS = "map_to_stats"  # what a model with one cross-attention computes: the map asks the statistics
Change = float | Callable[[Tensor], Tensor]  # a constant for every weight, or old weights -> new ones
Chosen = Mapping[str, nn.Module | str] | None  # modules of a network, or their paths, by names for their attention


class Record(dict[str, Tensor]):
    """Attention by name, as the latest forward pass computed it. Detached: it holds no graph.

    ``windowed`` names those of which an example has several, each over tokens of its own: windows, rows, frames.
    ``unread`` says which modules compute attention that can't be read, and where it hides: "FlexAttention".
    """

    def __init__(self) -> None:
        super().__init__()
        self.windowed: set[str] = set()
        self.unread: dict[str, str] = {}

    def __missing__(self, name: str) -> Tensor:
        raise BadInput(f"no attention called {name!r} was captured; there is {self.names()}")

    def names(self) -> str:
        """What was captured, and what couldn't be, as a phrase."""
        hidden = f"; seen and not read: {unread_words(self.unread.items())}" if self.unread else ""
        return (", ".join(self) or f"nothing: {NONE_SEEN}") + hidden


def unread_words(unread: Iterable[tuple[str, str]]) -> str:
    """Modules whose attention can't be read, by where it hides: "a, b (FlexAttention)"; of many, the first three."""
    hidden: dict[str, list[str]] = {}
    for path, where in unread:
        hidden.setdefault(where, []).append(path)
    more = {where: f" and {len(paths) - 3} more" if len(paths) > 3 else "" for where, paths in hidden.items()}
    return ", ".join(f"{', '.join(paths[:3])}{more[where]} ({where})" for where, paths in hidden.items())


NONE_SEEN = (
    "the model has no attention that can be read, or did not run inside the with block. If it computes attention in a "
    "way of its own, name the module that does: capture(model, attention={'name': module})"
)


def attention_modules(model: nn.Module) -> dict[str, nn.Module]:
    """The modules of this package whose output is attention, by the names of this page, in the order of the network."""
    return _ours_of(paths_of(model))


def _ours_of(paths: Mapping[nn.Module, str]) -> dict[str, nn.Module]:
    found: dict[str, nn.Module] = {}
    gates = 0
    for module, path in paths.items():
        if isinstance(module, SpatialGate):
            gates += 1
            found[f"spatial.{gates}"] = module.gate
        elif isinstance(module, AttentionWeights):
            found[f"cross.{_cross_name(path)}"] = module
    return found


def _cross_name(path: str) -> str:
    """``cross_attention.weights`` is the only one; ``cross_attention.stats_to_map.weights`` says its name itself."""
    parts = [part for part in path.split(".") if part not in ("cross_attention", "weights")]
    return ".".join(parts) or _SINGLE_CROSS


@contextmanager
def capture(model: nn.Module, attention: Chosen = None) -> Iterator[Record]:
    """``with capture(model) as record: model(...)`` fills ``record``; nothing is left behind after the block.

    Every forward pass inside the block replaces what the one before it left. A compiled network runs as it is written,
    torch's own encoder without its fused path: padded tokens, of which that gives zeros, have numbers here. Another
    thread that captures or profiles waits for the end of the block: both turn switches of the whole process.

    Raises BadInput for a module that isn't the network's, or that computes nothing that could be attention.
    """
    with _Attentions(model, attention, {}).running() as record:
        yield record


@contextmanager
def intervene(model: nn.Module, changes: Mapping[str, Change], attention: Chosen = None) -> Iterator[None]:
    """Inside the block the named attention is replaced; after it the model is itself again.

    ``intervene(model, {"spatial.1": 1.0})`` opens every gate of the first layer: it no longer chooses.
    A callable gets the weights as the network computed them (gates as ``(B, 1, h, w)``, attention as
    ``(B, heads, Tq, Tk)``) and returns others of the same shape. A `capture` inside this block sees what they became.

    Raises BadInput for a name that the network has no attention of (where only a run can tell, after the block).
    """
    watch = _Attentions(model, attention, changes)
    watch.check_names()
    with watch.running():
        yield
    watch.check_used()


_LOST = "weights of which nobody knows which axis is of examples"


class _Attentions(SoftmaxWatch):
    """Keeps or changes the attention of one network while a block runs."""

    def __init__(self, model: nn.Module, chosen: Chosen, changes: Mapping[str, Change]):
        check_model(model)
        super().__init__(model)
        self.changes: Mapping[str, Change] = changes
        self.record, self.used, self.ran = Record(), set(), False
        self.paths = self.owners.paths
        self.ours = _ours_of(self.paths)
        self.paths_of_ours = {self.paths[module] for module in self.ours.values()}
        self.chosen = {self._path(module): name for name, module in (chosen or {}).items()}
        self.waiting: dict[Call, tuple[Tensor, Lay]] = {}  # softmaxes that may become attention
        self.counts: dict[str, int] = {}  # softmaxes of a chosen module in this forward pass
        self.returned: dict[str, int] = {}  # or what it returned, as often
        self.record.unread = self.unread

    def _path(self, module: nn.Module | str) -> str:
        if isinstance(module, str) and module in self.paths.values():
            return module
        if isinstance(module, nn.Module) and module in self.paths:
            return self.paths[module]
        got = repr(module) if isinstance(module, str) else f"another {type(module).__name__}"
        raise BadInput(
            f"attention: expected modules of the network or their paths; got {got}. "
            f"There is {', '.join(path for path in list(self.paths.values())[1:20])}"
        )

    def check_names(self) -> None:
        paths = {*self.paths.values(), type(self.model).__name__}
        known = [*self.ours, *self.chosen.values()]
        unknown = [name for name in self.changes if name.split("#")[0] not in paths.union(known)]
        if unknown:
            raise BadInput(
                f"the model has no attention called {', '.join(sorted(unknown))}; there is {', '.join(known) or 'none'}"
            )

    def check_used(self) -> None:
        unused = [name for name in self.changes if name not in self.used]
        if self.ran and unused:
            raise BadInput(
                f"nothing was changed: the model computed no attention called {', '.join(unused)}; "
                f"there is {self.record.names()}"
            )

    @contextmanager
    def running(self) -> Iterator[Record]:
        with ExitStack() as stack:
            for name, module in self.ours.items():
                stack.enter_context(module.register_forward_hook(here(self._ours(name))))
            modules = {path: module for module, path in self.paths.items()}
            for path, name in self.chosen.items():
                stack.enter_context(modules[path].register_forward_hook(here(self._output(name, path))))
            stack.enter_context(super().running())
            try:
                yield self.record
            except RecursionError:  # every other error is the caller's own
                with explained(self.model, self.given, "cannot be watched on inputs of shapes"):
                    raise

    def began(self) -> None:
        self.ran, self.waiting, self.counts, self.returned = True, {}, {}, {}

    def _ours(self, name: str) -> Callable[..., Tensor | None]:
        """The gates and cross-attentions of this package are what their modules return."""
        is_gate = name.startswith("spatial.")

        def hook(_module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor | None:
            changed = self._changed(name, output, Laid)
            shown = output if changed is None else changed
            self.record[name] = shown.detach().squeeze(1) if is_gate else shown.detach()  # gates: to (B, h, w)
            return changed

        return hook

    def _output(self, name: str, path: str) -> Callable[..., Any]:
        """A module that somebody named, in which no softmax was seen, is what it returns."""

        def hook(module: nn.Module, _inputs: tuple, output: Any) -> Any:
            if self.counts.get(name):
                return None
            tensors = [each for each in tree_leaves(output) if isinstance(each, Tensor) and each.is_floating_point()]
            likely = [each for each in tensors if len(tensors) == 1 or bool(((each.sum(-1) - 1).abs() < 1e-3).all())]
            if len(likely) != 1 or likely[0].ndim < 2:
                shapes = ", ".join(str(tuple(each.shape)) for each in tensors) or type(output).__name__
                raise BadInput(
                    f"{name}: {type(module).__name__} computes no softmax, and weights are not told in what it returns "
                    f"({shapes}): name a module that returns them alone"
                )
            self.reads(likely[0], path)
            self.returned[name] = number = self.returned.get(name, 0) + 1
            changed = self._keep(numbered(name, number), likely[0], self.by_head)
            return None if changed is None else tree_map(lambda each: changed if each is likely[0] else each, output)

        return hook

    def observe(self, call: Call, weights: Tensor, lay: Lay) -> Tensor | None:
        if call.owner in self.paths_of_ours:
            return None
        around = [path for path in self.chosen if is_inside(call.owner, path)]
        if around:
            inside = self.chosen[max(around, key=len)]
            self.counts[inside] = number = self.counts.get(inside, 0) + 1
            return self._keep(numbered(inside, number), weights, lay)
        name = call.name(self.model)
        if call.attention:
            return self._keep(name, weights, lay)
        changed = self._changed(name, weights, lay)
        self.waiting[call] = weights if changed is None else changed, lay
        return changed

    def confirm(self, call: Call) -> None:
        if call in self.waiting:
            self._note(call.name(self.model), *self.waiting.pop(call))

    def _keep(self, name: str, weights: Tensor, lay: Lay) -> Tensor | None:
        changed = self._changed(name, weights, lay)
        self._note(name, weights if changed is None else changed, lay)
        return changed

    def _note(self, name: str, weights: Tensor, lay: Lay) -> None:
        laid = lay(weights.detach())
        if laid.lost:
            self.unread[name.split("#")[0]] = _LOST
            return
        self.record[name] = laid.by_head.clone()  # the network may go on writing into its own
        if laid.windowed:
            self.record.windowed.add(name)

    def _changed(self, name: str, weights: Tensor, lay: Lay) -> Tensor | None:
        if name not in self.changes:
            return None
        shown, _, _, lost = lay(weights)
        if lost:
            return None
        self.used.add(name)
        change = self.changes[name]
        changed = change(shown) if callable(change) else torch.full_like(shown, change)
        if changed.shape != shown.shape:
            raise BadInput(f"{name}: expected weights {tuple(shown.shape)}, the change made {tuple(changed.shape)}")
        return laid_back(changed, weights, lay)


def cell_mean(weights: Tensor) -> Tensor:
    """Mean ablation of a gate: every cell gets its state's mean, so position no longer counts. ``(B, 1, h, w)``."""
    return weights.mean(dim=(-2, -1), keepdim=True).expand_as(weights)


def uniform(weights: Tensor) -> Tensor:
    """Mean ablation of attention: every query attends to all keys equally. ``(B, heads, Tq, Tk)``."""
    return torch.full_like(weights, 1 / max(weights.shape[-1], 1))  # of no keys there are no weights


def uniform_head(head: int) -> Callable[[Tensor], Tensor]:
    """One head attends to all keys equally, the others as they are."""
    return _on_head(head, uniform)


def zero_head(head: int) -> Callable[[Tensor], Tensor]:
    """Zero ablation of one head: it adds nothing."""
    return _on_head(head, torch.zeros_like)


def _on_head(head: int, change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def change_head(weights: Tensor) -> Tensor:
        if not 0 <= head < weights.shape[1]:
            raise BadInput(f"expected a head from 0 to {weights.shape[1] - 1}; got {head}")
        changed = weights.clone()
        changed[:, head] = change(weights)[:, head]
        return changed

    return change_head


def ablations(attention: Mapping[str, np.ndarray]) -> dict[str, dict[str, Change]]:
    """The usual ablations of what was captured, by what they do: changes for `intervene`.

    Each gate and each attention mean-ablated, then all of them together; each head zero-ablated.
    """
    averaged = {name: cell_mean if weights.ndim == 3 else uniform for name, weights in attention.items()}
    found: dict[str, dict[str, Change]] = {f"{name} mean-ablated": {name: change} for name, change in averaged.items()}
    if len(averaged) > 1:
        found["all mean-ablated"] = dict(averaged)
    for name, weights in attention.items():
        heads = weights.shape[1] if weights.ndim == 4 else 0
        found |= {f"{name} head {head + 1} zero-ablated": {name: zero_head(head)} for head in range(heads)}
    return found
