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
    assert main(["profile", "--batch", "0"]) == 2 and "at least 1; got 0" in capsys.readouterr().err
