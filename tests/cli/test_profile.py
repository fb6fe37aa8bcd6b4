"""`territory profile`: every table of a network, by one command."""

from territory.cli import main


def test_it_prints_layers_sight_memory_and_time_of_each_network(capsys):
    assert main(["profile", "tokens", "attention", "--batch", "1"]) == 0
    out = capsys.readouterr().out
    assert "total" in out and "410,811" in out and "517,982" in out
    assert "68x68" in out  # tiles that a cell of attention's last convolution sees
    assert "MB at its peak" in out
    assert out.rstrip().splitlines()[-1].startswith("attention")


def test_an_unknown_network_or_an_empty_batch_is_refused_in_one_line(capsys):
    assert main(["profile", "toknes"]) == 2 and "'toknes'" in capsys.readouterr().err
    assert main(["profile", "--batch", "0"]) == 2 and "batch must be a whole number from 1" in capsys.readouterr().err


NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)
    def forward(self, x):
        return self.out(self.conv(x).mean(dim=(2, 3)))

class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4)
    def forward(self, ids):
        return self.embed(ids)

class Frozen(Net):
    def forward(self, x):
        with torch.no_grad():
            return super().forward(x)

def broken():
    raise RuntimeError("no weights here")

def nothing():
    return 3

class Odd:
    def __getattr__(self, name):
        raise ValueError(name)

odd = Odd()

def reads_arguments():
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=4)
    parser.parse_args()
    return Net()

def needs(width):
    return Net()

def pair():
    return Net(), 3
"""
LEAVES = """
import sys
from torch import nn

def make():
    sys.exit(3)

class Leaves(nn.Module):
    def forward(self, x):
        make()

def on_meta():
    return nn.Linear(8, 8, device="meta")
"""
BESIDE = """
from __future__ import annotations
from dataclasses import dataclass
from helpers_of_mine import Net

@dataclass
class Config:
    width: int = 4

def make():
    return Net()
"""


def test_somebody_elses_network_is_profiled_from_a_module_or_a_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "strangers.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    assert main(["profile", "strangers:Net", "--input", "1x3x8x8"]) == 0
    out = capsys.readouterr().out
    assert "strangers:Net: forward and backward, inputs" in out
    assert "122" in out and "3x3" in out  # 4 * 27 + 4 + 8 + 2 parameters; the convolution's field
    assert main(["profile", "strangers:Frozen", "--input", "1x3x8x8"]) == 0
    out = capsys.readouterr().out
    assert "strangers:Frozen: forward, inputs" in out and "forward pass (it has nothing to train)" in out
    assert main(["profile", f"{tmp_path}/strangers.py:Words", "--input", "ids=2x5:int64"]) == 0
    assert "(no records)" in capsys.readouterr().out


def test_what_is_wrong_with_somebody_elses_network_is_said_in_a_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "guests_net.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    for arguments, told in (
        ([":Net"], "expected one of baseline, attention, tokens, or package.module:factory"),
        (["guests_net:"], "or path/to/file.py:factory for a network of your own; got 'guests_net:'"),
        (["nobody.home:Net"], "nobody.home can't be imported: there is no module nobody, in this folder or installed"),
        (["guests_net:Nett"], "guests_net:Nett: nothing is called 'Nett' there. Is it Net?"),
        (["tokesn"], "got 'tokesn'. Is it tokens?"),
        (["guests_nets:Net"], "Is it guests_net?"),
        (["torch.nn.utils.prunes:Net"], "Is it prune?"),
        (["guests_net.Net:Net"], "there is no module guests_net.Net, in this folder"),
        (["guests_net.Net"], "or package.module:factory or path/to/file.py:factory for a network of your own; got"),
        (["guests_net:needs"], "missing 1 required positional argument: 'width'. Name a function without arguments"),
        (["guests_net:pair"], "guests_net:pair() is (Net("),
        (["guests_net:broken"], "guests_net:broken() failed: no weights here."),
        (
            ["guests_net:nothing"],
            "or a function or class that makes one; guests_net:nothing() is 3",
        ),
        (["guests_net:odd.Net"], "guests_net:odd.Net() failed: Net."),
        (["guests_net:Net", "--input", "3by4"], "like 1x3x224x224"),
        (["guests_net:Net", "--input", "x=1x3x8x8", "2x3"], "or none: x=1x3 mask=1x3; got x=1x3x8x8 2x3"),
        (["guests_net:Net", "--input", "x=1x3x8x8", "x=2x3"], "no two alike"),
        (["guests_net:Net", "--input", "y=1x3x8x8"], "Net cannot take"),
        (["guests_net:Net", "--input", "1x3x8x8", "--dtype", "float33"], "got 'float33'"),
        (["guests_net:Net", "--input", "1x5x8x8"], "Net cannot take inputs of shapes (1, 5, 8, 8), in its layer conv"),
        (["guests_net:Net"], "Without --input, as in --input 1x3x224x224, a network gets game observations."),
        (["nowhere.py:Net"], "there is no file nowhere.py"),
    ):
        assert main(["profile", *arguments]) == 2
        said = capsys.readouterr().err
        assert told in said and "inputs=" not in said


def test_a_file_finds_what_lies_beside_it_and_its_factory_no_arguments(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "beside.py").write_text(BESIDE)
    (tmp_path / "mine" / "helpers_of_mine.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["territory", "profile", "--unknown"])
    for network in ("mine/beside.py:make", "mine/helpers_of_mine.py:reads_arguments"):
        assert main(["profile", network, "--input", "1x3x8x8"]) == 0
        assert "122" in capsys.readouterr().out


def test_inputs_may_come_after_one_flag_or_after_one_each(tmp_path, capsys):
    (tmp_path / "two.py").write_text("from torch import nn\n\ndef make():\n    return nn.Bilinear(8, 9, 5)\n")
    for inputs in (["2x8", "2x9"], ["2x8", "--input", "2x9"]):
        assert main(["profile", f"{tmp_path}/two.py:make", "--input", *inputs]) == 0
        assert "inputs of (2, 8) and (2, 9)" in capsys.readouterr().out


def test_a_factory_that_leaves_and_an_input_that_fits_nowhere_are_told(tmp_path, capsys):
    (tmp_path / "leaves.py").write_text(LEAVES)
    for network, shape, told in (
        (f"{tmp_path / 'leaves.py'}:make", "2x8", "leaves.py:make() failed: SystemExit: 3"),
        ("torch.nn:ReLU", "99999999999x999", "x999' is too large, or of a type without numbers"),
        ("torch.nn:ReLU", "18446744073709551616x2", "x2' is too large, or of a type without numbers"),
        ("torch.nn:ReLU", "2x8:quint8", "or of a type without numbers"),
        (f"{tmp_path / 'leaves.py'}:Leaves", "2x8", "Leaves cannot take inputs of shapes (2, 8): SystemExit: 3"),
        (f"{tmp_path / 'leaves.py'}:on_meta", "2x8", "the model is on meta, where nothing is computed"),
    ):
        assert main(["profile", network, "--input", shape]) == 2
        assert told in capsys.readouterr().err


STRANGE = """
from dataclasses import dataclass
import torch
from torch import nn

class Awaited(nn.Linear):
    async def forward(self, x):
        return super().forward(x)

@dataclass
class Compared(nn.Module):
    width: int = 8

    def __post_init__(self):
        super().__init__()

class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
    def forward(self, x):
        return torch.cond(x.sum() > 1e9, lambda y: self.a(y), lambda y: self.b(y), (x,))

def awaited():
    return Awaited(8, 8)

def exported():
    return torch.export.export(nn.Sequential(nn.Linear(8, 8), nn.ReLU()), (torch.rand(2, 8),)).module()
"""


def test_a_strangers_network_is_profiled_or_refused_in_a_sentence(tmp_path, capsys):
    (tmp_path / "strange.py").write_text(STRANGE)
    for name in ("Branches", "exported"):
        assert main(["profile", f"{tmp_path}/strange.py:{name}", "--input", "2x8"]) == 0
        assert "256" in capsys.readouterr().out  # forward, and back to the weight: nobody needs the input's gradient
    for name, words in (("awaited", "work that is still to be done (coroutine)"), ("Compared", "unhashable type")):
        assert main(["profile", f"{tmp_path}/strange.py:{name}", "--input", "2x8"]) == 2
        assert words in capsys.readouterr().err
