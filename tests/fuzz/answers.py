"""What the instruments say of random networks, against what is known of them: ``python -m tests.fuzz.answers``.

A case that fails is told in as few odd spellings as still make it fail.
"""

import argparse
import sys
import traceback
import warnings
from collections import Counter

import torch

from territory.interpret import capture, find_dead_attention, intervene, zero_head
from territory.interpret.dead import CANCELS, NO_GRADIENT
from territory.profiling import layer_table, macs_table, memory_table, parameter_table
from tests.fuzz.networks import attentions, by_formula, inputs, network
from tests.fuzz.spellings import SPELLINGS, drawn, possible


def check_attention(model, xs):
    """Weights and what follows when a head is taken away are as the plain formula has them."""
    with torch.no_grad():
        plain, weights = by_formula(model, xs)
    assert torch.allclose(model(*xs), plain, atol=1e-4), "the generator: its spelling isn't its formula"
    with capture(model) as record:
        out = model(*xs)
    assert torch.allclose(out, plain, atol=1e-4), "capture moves the output"
    assert not record.unread, f"unread: {record.unread}"
    got, wanted = [tuple(each.shape) for each in record.values()], [tuple(each.shape) for each in weights]
    assert got == wanted, f"weights {got}, not {wanted}"
    how = attentions(model)[0].how
    windowed = (how["n"] > 1) * len(weights) // (1 + (how["fault"] == "constant"))  # whose average has no windows
    assert len(record.windowed) == windowed, f"windows of {record.windowed}, not of {windowed}"
    for number, (name, each) in enumerate(record.items()):
        assert torch.allclose(each.float(), weights[number], atol=1e-5), f"{name}: other weights"
        head = zero_head(each.shape[1] - 1)
        with torch.no_grad():
            wanted, _ = by_formula(model, xs, lambda n, w, head=head, number=number: head(w) if n == number else w)
        if not any(each.how["wrap"] == "checkpoint" for each in attentions(model)):  # changed on the way forward only
            with torch.no_grad(), intervene(model, {name: head}):
                assert torch.allclose(model(*xs), wanted, atol=1e-4), f"{name}: another output without a head"


def check_costs(model, xs):
    """Parameters, multiply-accumulates and bytes are as closed formulas have them."""
    paths = {module: path for path, module in model.named_modules()}
    how, count = attentions(model)[0].how, sum(each.numel() for each in model.parameters())
    times, wanted = 1 + (how["wrap"] == "shared"), Counter()
    for module, macs in (each for attention in attentions(model) for each in attention.costs):
        wanted[paths[module] or "model"] += times * macs
    table, macs = parameter_table(model), macs_table(model, tuple(xs))
    assert sum(each.parameters for each in table) == count, "parameters"
    names = {path: path.partition(".")[::2] for path in paths.values()}
    names = {(part, layer or part): path for path, (part, layer) in names.items()} | {("model", "model"): "model"}
    got = Counter({names[each.part, each.layer]: each.macs for each in macs})
    assert +got == +wanted, f"multiply-accumulates {+got - +wanted} too many, {+wanted - +got} too few"
    forward, back = sum(each.macs for each in macs), sum(each.backward_macs for each in macs)
    assert sum(each.macs for each in layer_table(model, tuple(xs), 1)) == forward + back, "layers"
    least = 2 * forward - times * sum(each.spared for each in attentions(model))
    most = least + (forward if how["wrap"] == "checkpoint" else 0)  # what it computes again belongs to the way back
    assert least <= back <= most, f"backward {back}, not {least}"
    kept = {each.what: each.bytes for each in memory_table(model, tuple(xs))}
    assert [kept[each] for each in ("parameters", "gradients", "adam")] == [4 * count, 4 * count, 8 * count], "bytes"


def check_dead(model, batches):
    """Found is what can't learn, and nothing else."""
    paths = {module: path or type(model).__name__ for path, module in model.named_modules()}
    told = [each.dead() for each in attentions(model)]
    wanted = Counter()
    for module, numbers in (each for found, _ in told for each in found):
        wanted[paths[module]] += numbers
    marks = {(paths[module], what) for _, found in told for module, what in found}
    found = find_dead_attention(model, batches)
    got = Counter()
    for each in found:
        got[each.module] += each.parameters
    assert +got == +wanted, f"dead {+got - +wanted} too many, {+wanted - +got} too few"
    got = {(each.module.split("#")[0], each.what) for each in found if each.what not in (CANCELS, NO_GRADIENT)}
    assert got == marks, f"found {got}, not {marks}"


def failure(how, dead=True):
    """What an instrument says wrongly of such a network, if anything."""
    how = possible(how)
    try:
        model = network(how)
        xs = [*inputs(model, 0)]
        check_attention(model, xs)
        check_costs(model, xs)
        if dead:
            check_dead(model, [[*inputs(model, seed)] for seed in range(3)])
    except AssertionError as wrong:
        return str(wrong)
    except Exception as error:
        return f"{type(error).__name__}: {error} ({traceback.extract_tb(error.__traceback__)[-1].name})"
    return None


def plainest(how):
    """As many plain spellings as leave it failing in the same words."""
    kind = failure(how).split(":")[0][:20]
    for _ in range(2):
        for name, (plain, *_) in SPELLINGS.items():
            simpler = how | {name: plain}
            if simpler != how and (failure(simpler) or "").startswith(kind):
                how = simpler
    return how


def main():
    parser = argparse.ArgumentParser(prog="tests.fuzz.answers", description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    asked, kinds = parser.parse_args(), Counter()
    warnings.simplefilter("ignore")
    for seed in range(asked.seed, asked.seed + asked.cases):
        how = drawn(seed)
        if failure(how):
            how = plainest(how)
            odd = {name: how[name] for name, (plain, *_) in SPELLINGS.items() if how[name] != plain and name != "seed"}
            kinds[str(sorted(each for each in odd.items() if isinstance(each[1], str)))] += 1
            print(seed, odd, failure(how), sep="; ", flush=True)
    print(*(f"{count:>5} {kind}" for kind, count in kinds.most_common()), sep="\n")
    print(f"{asked.cases - kinds.total()} of {asked.cases} networks are told as they are")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
