"""Receptive fields: by formula, and by asking gradients which tiles a cell depends on."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.zoo import Calls
from territory import models, profiling
from territory.errors import BadInput


def last_field(model, inputs=None):
    record = profiling.field_table(model, inputs)[-1]
    return record.field, record.step, record.grid


@pytest.mark.parametrize(
    "name, field, step, grid",
    [
        ("baseline", 8 + 3 * 4 + 2 * 8, 8, 14),  # kernels 8, 4, 3 at steps of 1, 4, 8 tiles
        ("attention", 8 + 3 * 4 + 3 * 16, 32, 4),  # kernels 8, 4, 4 at steps of 1, 4, 16
        ("tokens", 8 + 1 * 8, 16, 8),  # kernels 8, 2: each token sees its own 16x16 tiles
    ],
)
def test_the_networks_by_formula(name, field, step, grid):
    assert last_field(models.build(name)) == ((field, field), (step, step), (grid, grid))


def span(branch, size, cell):
    """Rows and columns of the smallest box around the tiles that move one cell of the output."""
    tiles = torch.rand(1, 1, *size, requires_grad=True)
    branch(tiles)[0, :, cell[0], cell[1]].sum().backward()
    _, _, rows, columns = tiles.grad.nonzero(as_tuple=True)
    return tuple(int(axis.max() - axis.min()) + 1 for axis in (rows, columns))


@pytest.mark.parametrize(
    "branch, cell",
    [
        (nn.Sequential(nn.Conv2d(1, 2, 8, 4, 2), nn.Conv2d(2, 2, 4, 2, 1), nn.Conv2d(2, 1, 3)), (2, 3)),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2), nn.Conv2d(2, 1, 3, dilation=2)), (4, 4)),
        (nn.Sequential(nn.Conv2d(1, 2, (3, 5), (1, 2)), nn.Conv2d(2, 1, (2, 3), groups=1)), (9, 5)),
    ],
)
def test_the_formula_is_what_gradients_reach(branch, cell):
    for parameter in branch.parameters():
        nn.init.ones_(parameter)  # so that no influence cancels
    size = (64, 64)
    assert profiling.field_table(branch, torch.zeros(1, 1, *size))[-1].field == span(branch, size, cell)


def test_each_window_grows_the_field_by_the_steps_before_it():
    records = profiling.field_table(models.build("baseline"))
    assert [(r.field[0], r.step[0]) for r in records] == [(8, 4), (20, 8), (36, 8)]


def test_padding_with_the_other_border_makes_no_window_larger():
    model = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular") for _ in range(2)))
    assert last_field(model, torch.zeros(1, 1, 9, 9)) == ((5, 5), (1, 1), (9, 9))


def test_a_gate_for_each_channel_is_no_grid_however_it_is_expanded():
    gate = Calls(lambda s, x: x * s.fc(x.mean((2, 3)))[..., None, None].expand_as(x), fc=nn.Linear(2, 2))
    model = nn.Sequential(nn.Conv2d(1, 2, 3), gate, nn.Conv2d(2, 1, 3))
    assert last_field(model, torch.zeros(1, 1, 9, 9)) == ((5, 5), (1, 1), (5, 5))


def test_max_pooling_is_a_window_too():
    model = nn.Sequential(nn.Conv2d(1, 1, 2), nn.MaxPool2d(2))
    assert last_field(model, torch.zeros(1, 1, 9, 9)) == ((3, 3), (2, 2), (4, 4))


def test_a_network_without_windows_has_no_records():
    assert profiling.field_table(nn.Linear(2, 3), torch.zeros(1, 2)) == []


def test_a_grid_that_a_network_makes_itself_has_windows_from_there():
    model = Calls(lambda s, x: s.last(s.first(torch.ones(1, 1, 9, 9)) + s.first(x)), first=conv(3), last=conv(3))
    assert last_field(model, torch.zeros(1, 1, 9, 9)) == ((5, 5), (1, 1), (5, 5))


def test_transposed_convolutions_and_those_of_lines_are_not_listed_and_nothing_is_behind_them():
    assert profiling.field_table(nn.Conv1d(1, 1, 3), torch.zeros(1, 1, 9)) == []
    larger = nn.Sequential(nn.ConvTranspose2d(1, 1, 2, 2), conv(3))
    with pytest.raises(BadInput, match=r"layer 1 reads a grid.*resized"):
        profiling.field_table(larger, torch.zeros(1, 1, 9, 9))


def test_parallel_branches_are_joined_to_the_field_that_holds_both():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.straight, self.short = nn.Conv2d(1, 1, 3, 2, 1), nn.Conv2d(1, 1, 1, 2)
            self.last = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.last(self.straight(x) + self.short(x))

    assert [r.field for r in profiling.field_table(Residual(), torch.zeros(1, 1, 12, 12))] == [(3, 3), (1, 1), (7, 7)]


def test_a_grid_that_was_taken_apart_is_refused_by_the_name_of_its_reader():
    class Folded(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.second(self.first(x).flatten(2).unflatten(2, (5, 20)))

    with pytest.raises(BadInput, match="layer second reads a grid whose cells don't lie in rows and columns"):
        profiling.field_table(Folded(), torch.zeros(1, 1, 12, 12))


REORDERED = {
    "flipped": lambda x: x.flip(-1),
    "rolled": lambda x: x.roll(1, 2),
    "rolled whole": lambda x: x.roll(1),
    "by index": lambda x: x[:, :, torch.tensor([2, 0, 1, 3])],
    "selected": lambda x: x.index_select(3, torch.tensor([2, 0, 1, 3])),
    "gathered": lambda x: x.gather(2, x.argsort(2)),
    "sorted": lambda x: x.sort(stable=True, dim=-2)[0],
    "added to itself flipped": lambda x: x + x.flip(-1),
    "added to itself turned": lambda x: (x.expand(1, 4, 4, 4) + x.expand(1, 4, 4, 4).permute(0, 2, 3, 1))[:, :1],
    "added at another step": lambda x: x[:, :, :2, :2] + F.avg_pool2d(x, 2),
    "turned": lambda x: x.expand(1, 4, 4, 4).permute(0, 2, 3, 1)[:, :1],
    "columns mixed": lambda x: F.linear(x, torch.ones(4, 4)),
    "by coordinates": lambda x: F.grid_sample(x, x.new_zeros(1, 4, 4, 2), align_corners=False),
}


@pytest.mark.parametrize("name", REORDERED)
def test_a_grid_whose_cells_changed_places_is_refused(name):
    model = Calls(lambda s, x: s.last(REORDERED[name](s.first(x))), first=conv(3), last=conv(2))
    with pytest.raises(BadInput, match=r"layer last reads a grid.*reordered"):
        profiling.field_table(model, torch.rand(1, 1, 6, 6))


def test_channels_and_examples_may_change_places():
    model = Calls(
        lambda s, x: s.last(
            s.first(x)[:, torch.tensor([1, 0])][:, -2:].flip(1).roll(1, 0).index_select(1, torch.tensor([1]))
        ),
        first=nn.Conv2d(1, 2, 3),
        last=conv(3),
    )
    assert last_field(model, torch.rand(2, 1, 9, 9)) == ((5, 5), (1, 1), (5, 5))


def turned(first, between, last):
    return Calls(lambda s, x: s.last(s.between(s.first(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)), **locals())


def conv(*sizes):
    return nn.Conv2d(1, 1, *sizes)


@pytest.mark.parametrize(
    "branch",
    [
        nn.Sequential(nn.ZeroPad2d((1, 2, 3, 4)), conv(3, 2), nn.ReflectionPad2d(1), conv(3)),
        nn.Sequential(nn.Conv2d(1, 1, 4, padding="same", padding_mode="replicate"), conv(3, 2)),
        Calls(lambda s, x: s.last(s.first(x) + x[:, :, 2:, -62:]), first=conv(3), last=conv(3)),
        Calls(lambda s, x: s.last(s.first(x)[..., ::2, 1::3]), first=conv(3), last=conv(3)),
        Calls(lambda s, x: s.last(s.first(x)[..., :50, :50] + x[..., 14:, -50:]), first=conv(3), last=conv(3)),
        Calls(
            lambda s, x: s.last(s.first(x)[..., :55, :55] + x.narrow(-1, 9, 55).narrow(-2, -55, 55)),
            first=conv(3),
            last=conv(3),
        ),
        turned(conv(4, 4), nn.Linear(1, 1), conv(2, 2)),
        Calls(
            lambda s, x: s.last(
                F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 0, 1, 0)).permute(0, 3, 1, 2)[..., :64, :64] + x
            ),
            last=conv(3),
        ),
    ],
    ids=[
        "padded",
        "padded to the same size",
        "cropped",
        "every second cell",
        "cropped far",
        "narrowed",
        "channels last",
        "and padded",
    ],
)
def test_windows_are_followed_through_padding_cropping_and_turned_axes(branch):
    for parameter in branch.parameters():
        nn.init.ones_(parameter)
    assert profiling.field_table(branch, torch.zeros(1, 1, 64, 64))[-1].field == span(branch, (64, 64), (3, 3))


def test_squeeze_and_excitation_weighs_channels_and_moves_no_window():
    squeezed = Calls(lambda s, x: x * s.weigh(x.mean((2, 3), keepdim=True)).sigmoid(), weigh=conv(1))
    branch = nn.Sequential(conv(3, 2), squeezed, conv(3))
    records = profiling.field_table(branch, torch.zeros(1, 1, 12, 12))
    assert [(record.part, record.field) for record in records] == [("0", (3, 3)), ("2", (7, 7))]


def test_a_network_that_takes_a_gradient_on_its_way_forward_has_a_table_too():
    class Steers(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            x = x.requires_grad_()
            return torch.autograd.grad(self.conv(x).sum(), x)[0]

    (record,) = profiling.field_table(Steers(), torch.randn(1, 1, 8, 8))
    assert record.field == (3, 3)


def test_a_network_packed_for_inference_has_the_same_windows():
    x, model = torch.rand(1, 3, 16, 16), nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, 2), nn.MaxPool2d(2), nn.Conv2d(4, 4, 2))
    with warnings.catch_warnings(action="ignore"):  # about TorchScript, by which it is packed
        from torch.utils import mkldnn

        packed = Calls(lambda s, x: s.inner(x.to_mkldnn()).to_dense(), inner=mkldnn.to_mkldnn(model.eval()))
    fields = [[record.field for record in profiling.field_table(each, x)] for each in (model, packed)]
    assert fields == 2 * [[(5, 5), (7, 7), (11, 11)]]


@pytest.mark.parametrize("how", [lambda model, x: torch.jit.trace(model, x), lambda model, x: torch.jit.script(model)])
@pytest.mark.filterwarnings("ignore")
def test_torchscript_has_the_same_windows_and_says_why_it_has_none(how):
    x = torch.rand(1, 3, 8, 8)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 4, 2)).eval()
    fields = [[record.field for record in profiling.field_table(each, x)] for each in (model, how(model, x))]
    assert fields == 2 * [[(3, 3), (4, 4), (6, 6)]]
    reshaped = nn.Sequential(nn.Flatten(2), nn.Unflatten(2, (4, 16)), nn.Conv2d(3, 4, 3)).eval()
    with pytest.raises(BadInput, match="a grid whose cells don't lie in rows and columns"):
        profiling.field_table(how(reshaped, x), x)
