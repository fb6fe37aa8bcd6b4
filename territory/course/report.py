"""The capstone's report: one page about a network of one's own beside the three of the course, as HTML and Markdown."""

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from territory.errors import BadInput
from territory.files import write_atomically

# All under one class: in a notebook the page stands inside somebody else's.
STYLE = """.territory-report { font: 16px/1.5 system-ui, sans-serif; max-width: 46em; margin: 2em auto }
.territory-report table { border-collapse: collapse }
.territory-report :is(th, td) { padding: .25em .8em; border-bottom: 1px solid #8889; text-align: right }
.territory-report :is(th, td):first-child { text-align: left } .territory-report img { max-width: 100% }"""

NUMBER = re.compile(r"(?<![\w.,^])(?<!\w[-–])(\d{1,3}(?:,\d{3})+|\d+)(?:[.,](\d+))?[x×]?(?![\w^]|[-–]\w|\.\d)")


@dataclass
class Report:
    """A title, a table with one row for each network, sentences under headings, and pictures."""

    title: str
    table: dict[str, dict[str, str]] = field(default_factory=dict)  # rows by network, cells by column
    sections: dict[str, str] = field(default_factory=dict)  # text by heading
    pictures: dict[str, bytes] = field(default_factory=dict)  # PNG by caption

    def add_row(self, network: str, **cells: str) -> None:
        """Cells of a network's row; columns that it has already keep their place."""
        if not cells:
            raise BadInput(f"expected cells for the row of {network}; got none")
        self.table.setdefault(network, {}).update({name.replace("_", " "): text for name, text in cells.items()})

    def add_picture(self, caption: str, figure: Any) -> None:
        """A matplotlib figure as it is now."""
        from territory.viz import figure_png  # `territory grade` seals this module, and draws nothing

        self.pictures[caption] = figure_png(figure)

    def markdown(self) -> str:
        """The page as Markdown; pictures are named, since a Markdown file holds none."""
        head, *rows = self._rows()
        lines = [f"# {self.title}", "", _line(head), _line(["---"] + ["---:"] * (len(head) - 1)), *map(_line, rows)]
        for heading, text in self.sections.items():
            lines += ["", f"## {heading}", "", text]
        return "\n".join(lines) + "\n"

    def html(self) -> str:
        """The page as one HTML file that needs no network."""
        head, *rows = self._rows()
        parts = [f"<h1>{html.escape(self.title)}</h1>", "<table>", _cells(head, "th"), *(_cells(r, "td") for r in rows)]
        parts.append("</table>")
        for heading, text in self.sections.items():
            parts.append(f"<h2>{html.escape(heading)}</h2><p>{html.escape(text)}</p>")
        for caption, png in self.pictures.items():
            source = base64.b64encode(png).decode()
            parts.append(f'<figure><img alt="{html.escape(caption)}" src="data:image/png;base64,{source}">')
            parts.append(f"<figcaption>{html.escape(caption)}</figcaption></figure>")
        head_of_page = (
            f"<head><meta charset='utf-8'><title>{html.escape(self.title)}</title><style>{STYLE}</style></head>"
        )
        main = f"<main class='territory-report'>{''.join(parts)}</main>"
        return f"<!DOCTYPE html><html lang='en'>{head_of_page}<body>{main}</body></html>"

    def save(self, folder: str | Path) -> tuple[Path, Path]:
        """Write report.html and report.md into a folder, which is made."""
        if not isinstance(folder, str | Path):
            raise BadInput(f"expected the name of a folder, such as 'my-report'; got {folder!r}")
        paths = Path(folder) / "report.html", Path(folder) / "report.md"
        for path, text in zip(paths, (self.html(), self.markdown()), strict=True):
            write_atomically(path, text.encode())
        return paths

    def _rows(self) -> list[list[str]]:
        columns = list(dict.fromkeys(name for cells in self.table.values() for name in cells))
        if not columns:
            raise BadInput("expected a report with at least one row; got an empty table")
        rows = [[network, *(cells.get(name, "–") for name in columns)] for network, cells in self.table.items()]
        return [["network", *columns], *rows]


def quoted_numbers(text: str) -> list[str]:
    """The numbers in a text that are no part of a word, without thousands' commas; 1,5 is a decimal comma."""
    found = NUMBER.findall(text)
    return [whole.replace(",", "") + ("." + decimals) * bool(decimals) for whole, decimals in found]


def numbers_in(table: Mapping[str, Mapping[str, str]]) -> list[float]:
    """All numbers in a report's table."""
    return [float(each) for cells in table.values() for text in cells.values() for each in quoted_numbers(text)]


def stands_in(number: str, known: Sequence[float]) -> bool:
    """Whether a quoted number, rounded as it is, is one of the known ones, or a known share in per cent."""
    digits = len(number.partition(".")[2])
    known = [*known, *(100 * each for each in known if abs(each) <= 1)]
    return any(round(each, digits) == float(number) for each in known)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cells(row: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
