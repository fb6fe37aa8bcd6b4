"""The README's example runs as it stands."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def run_the_code_below(heading):
    """Run the first block of code of a section; the names that it leaves."""
    section = README[README.index(f"## {heading}\n") :]
    (example,) = re.findall(r"(?:^    .*\n|^\n)+", section[section.index("    import") :], re.M)[:1]
    names = {}
    exec("\n".join(line[4:] for line in example.splitlines()), names)
    return names


def test_the_example_runs():
    names = run_the_code_below("The world, the agent, the instruments")
    assert names["record"]["spatial.1"].shape == (12, 32, 32)
    assert names["obs"]["map"].shape == (12, 5, 128, 128) and names["rewards"].shape == (12,)


def test_the_sample_exercise_shows_what_its_solution_says():
    names = run_the_code_below("One exercise, as a sample")
    weight = names["record"]["cross.map_to_stats"]
    assert weight.numel() == 1 and weight.item() == 1
    layers = names["model"].cross_attention
    asked = [layer.weight for layer in (layers.q, layers.k)]
    assert all((each.grad == 0).all() for each in asked) and layers.v.weight.grad.any()
    unlearned = sum(each.numel() for layer in (layers.q, layers.k) for each in layer.parameters())
    assert f"Their gradient is 0, and {unlearned:,} parameters never learn" in README


def test_the_files_it_links_are_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if "://" not in link and not (Path(__file__).parents[1] / link).exists()] == []


def test_its_figures_are_those_of_the_page_that_has_all():
    figures = README[README.index("## Five figures") : README.index("## From nothing")]
    numbers = re.findall(r"\d[\d,.]*\d", figures)
    known = (Path(__file__).parents[1] / "docs" / "figures.md").read_text("utf-8")
    assert len(numbers) > 10
    assert [number for number in numbers if number not in known] == []


def test_no_cell_of_a_table_is_longer_than_80_characters():
    cells = [
        cell.strip() for line in README.splitlines() if line.startswith("|") for cell in line.strip("|").split("|")
    ]
    shown = [re.sub(r"\]\([^)]*\)", "]", cell) for cell in cells]
    assert [cell for cell in shown if len(cell) > 80] == []


def test_every_notebook_is_on_its_map():
    names = {path.name for path in (Path(__file__).parents[1] / "notebooks").glob("*.ipynb")}
    assert names == set(re.findall(r"notebooks/(\w+\.ipynb)", README))
