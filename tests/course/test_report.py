"""The capstone's report: one page, as HTML and Markdown, in which every quoted number has a source."""

import pytest
from matplotlib.figure import Figure

from territory.course.report import Report, numbers_in, quoted_numbers, stands_in
from territory.errors import BadInput


@pytest.fixture
def report():
    report = Report("Mine & yours")
    report.add_row("mine", parameters="277,147", step_time="1.24 of tokens")
    report.add_row("tokens", parameters="410,811")
    report.add_picture("a <picture>", Figure())
    report.sections["Conclusion"] = "Smaller, and a < b."
    return report


def test_a_table_has_a_row_for_each_network_and_a_dash_where_nothing_was_measured(report):
    lines = report.markdown().splitlines()
    assert "| network | parameters | step time |" in lines
    assert "| mine | 277,147 | 1.24 of tokens |" in lines
    assert "| tokens | 410,811 | – |" in lines


def test_html_is_one_page_with_its_pictures_inside_and_escapes_what_it_is_given(report):
    page = report.html()
    assert page.startswith("<!DOCTYPE html>") and "data:image/png;base64," in page
    assert "Mine &amp; yours" in page and "a &lt; b" in page and "a &lt;picture&gt;" in page
    assert "http" not in page.replace("http-equiv", "")


def test_both_are_saved(report, tmp_path):
    html, markdown = report.save(tmp_path / "mine")
    assert html.read_text("utf-8") == report.html()
    assert markdown.read_text("utf-8") == report.markdown()


def test_a_folder_that_is_none_is_told(report, tmp_path):
    (tmp_path / "file").write_text("")
    for folder, said in ((True, "expected the name of a folder.*got True"), (tmp_path / "file", "file is no folder")):
        with pytest.raises(BadInput, match=said):
            report.save(folder)


def test_an_empty_report_is_refused():
    with pytest.raises(BadInput, match="at least one row"):
        Report("nothing").markdown()


def test_numbers_are_found_in_texts_and_compared_as_they_are_rounded(report):
    quoted = quoted_numbers("It has 277,147 parameters (1.2x the time), not 2x.")
    assert quoted == ["277147", "1.2", "2"]
    known = numbers_in(report.table)
    assert [stands_in(number, known) for number in quoted] == [True, True, False]
    assert stands_in("86", [0.86]) and stands_in("86.1", [0.861]) and not stands_in("86", [0.85, 8.6])


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("**1.09** times, ≈0.95, ~2; (4,608) steps: 0.01/0.02", ["1.09", "0.95", "2", "4608", "0.01", "0.02"]),
        ("1,09 times, -0,01 and +3.", ["1.09", "0.01", "3"]),
        ("1,234,567.5 % or 12.", ["1234567.5", "12"]),
        ("R², 5², a 4-head conv2 of 64x64, 2-3 seeds, 10^6 steps, tokens_2, 1.5.2", []),
    ],
)
def test_a_number_is_found_in_any_dress_and_no_part_of_a_word_is_one(text, numbers):
    assert quoted_numbers(text) == numbers
