"""Records as text."""

from dataclasses import dataclass

from torch import nn

from territory import profiling


@dataclass(frozen=True)
class Row:
    part: str
    shape: tuple[int, ...]
    count: int
    share: float
    seconds: float


def test_columns_line_up_and_the_total_adds_counts_and_shares():
    rows = [Row("a", (3, 4), 1200, 0.75, 0.012345), Row("long", (), 400, 0.25, 2.0)]
    assert profiling.format_table(rows, total=True).split("\n") == [
        "part   shape  count   share  seconds",
        "-----  -----  -----  ------  -------",
        "a      3x4    1,200   75.0%  0.01235",
        "long            400   25.0%        2",
        "total         1,600  100.0%    2.012",
    ]


def test_every_table_prints():
    model = nn.Sequential(nn.Linear(3, 4))
    records = profiling.parameter_table(model)
    assert profiling.format_table(records).split("\n")[2] == "0     0      4x3            16  100.0%"
    assert profiling.format_table([]) == "(no records)"
