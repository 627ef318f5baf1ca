"""LaTeX of every table: it compiles with booktabs alone, is no wider than a line nor taller than a page, and loses no
cell where it is set in parts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.datasets.counts import CategoryCount, Counts
from i2vbench.registry import METRICS
from i2vbench.statistics import Interval
from i2vbench.table3 import PAPER, Cost, Score, Table3, printed
from i2vbench.tables import collect, count_table, write_plain, write_tables
from i2vbench.tables.latex_fit import lay_out
from i2vbench.tables.paper import paper_table
from i2vbench.tables.printed import Heading, PrintedCell, Row, Table
from i2vbench.tables.text import to_latex
from tests.latex import compile_latex, needs_pdflatex, too_large
from tests.tables.runs import RunSpec, make_run, sample
from tests.tables.test_text import HOSTILE, counts_of, grouped, table_of

SPECIAL = "\\ { } $ & # ^ _ ~ % < > | ` \" [ ] * -- ,, ''"
WORD = "an_unbroken-name" * 7
METRICS_SHOWN = (
    "subject_consistency", "subject_consistency:antialias", "background_consistency",
    "background_consistency:antialias", "temporal_flickering", "temporal_flickering:static-only", "motion_smoothness",
    "dynamic_degree", "object_consistency", "object_consistency:synonyms", "scene_consistency",
    "scene_consistency:own-frames", "overall_consistency",
)  # fmt: skip
MODELS = (
    "consisti2v", "animate-anything", "dynamicrafter", "stable_video_diffusion_xt_1.1", SPECIAL, "ours (final) #2",
    "日本語のモデル", "é ß ø Ł ą “quoted” …", "x" * 60, WORD,
)  # fmt: skip
CATEGORIES = ("Pet", "Scenery-Nature", SPECIAL, "動物 🎬", "A name that somebody has made up and never shortened", WORD)


def nasty_run(folder: Path) -> Path:
    """Ten models, thirteen metrics; names of all kinds, failures with long reasons, empty cells and columns."""
    draw = random.Random(0)
    samples = [sample(f"s{i}-{n}", c, objects=("dog",), scene="sky") for i, c in enumerate(CATEGORIES) for n in (0, 1)]
    scores = {}
    for spec in METRICS_SHOWN:
        for model in MODELS:
            found = draw.choices(range(17), k=len(samples))
            values: list[Any] = [{"value": k / 16, "details": {"successes": k, "frames": 16}} for k in found]
            if draw.random() < 0.2:
                values[0] = f"{SPECIAL} /a/folder/{'of_many/' * 12}{WORD}.mp4"
            if draw.random() < 0.1:
                values = [None] * len(samples)
            scores[METRICS.create(spec).info.id, model] = values
    titles = {model: f"{model}, {SPECIAL}" for model in MODELS}
    return make_run(folder, RunSpec(samples, scores, MODELS, METRICS_SHOWN, titles=titles))


def many_rows(rows: int, columns: int) -> Table:
    """A table of numbers that are told apart, with a total."""
    lines = [
        Row(f"category {r}", r, tuple(PrintedCell(f"{r}.{c:02}", n=r) for c in range(columns)), total=r == rows - 1)
        for r in range(rows)
    ]
    headings = tuple(Heading(f"model-{c}", f"m{c}") for c in range(columns))
    return Table("many", "many", "Many", "%", "higher", "Category", headings, tuple(lines), ("A note.",))


def table_3() -> Table:
    infos = tuple(METRICS.create(name).info for name in ("fvd", "inception_score", "fid"))
    scores = {variant: tuple(Score(123.4, Interval(119.0, 131.0), 64) for _ in infos) for variant in PAPER}
    costs = {variant: Cost(50000.4, 123.5, 0.004) for variant in PAPER}
    order = tuple(f"{info.title}, from best to worst: {', '.join(PAPER)}." for info in infos)
    return printed(Table3(infos, scores, costs, order, (SPECIAL,), "paper", Path("run")))


@needs_pdflatex
def test_every_table_compiles_with_booktabs_alone_and_fits(tmp_path: Path) -> None:
    found = write_tables(collect([nasty_run(tmp_path / "run")]), tmp_path / "run-tables", ["latex"])
    assert len(found) == 1 + len(METRICS_SHOWN)
    row = CategoryCount(SPECIAL, 20000, 300, 200, 100, 1234.5, 17, 1080, 12, 51)
    counts = Counts("a_data-set", SPECIAL, (row, CategoryCount("動物", 1)), CategoryCount("", 20001, 300), "a note")
    found += write_plain([count_table(counts)], tmp_path / "counts", ["latex"])
    texts = [path.read_text() for path in found]
    texts += [to_latex(table) for table in (table_3(), many_rows(102, 10))]
    texts += [to_latex(table_of(*HOSTILE[i : i + 4])) for i in range(0, len(HOSTILE), 4)]
    texts += [to_latex(make(*HOSTILE[:4])) for make in (counts_of, grouped)]
    log = compile_latex("\n\\clearpage\n".join(texts), tmp_path)
    assert too_large(log) == []
    assert "Missing character" not in log


def cells_of(latex: str) -> list[list[str]]:
    """The cells of every line of every tabular, headings left out."""
    lines = [line.strip() for line in latex.splitlines() if line.startswith("    category")]
    return [line.removesuffix(r" \\").split(" & ") for line in lines]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 120), st.integers(1, 24))
def test_parts_have_every_cell_once_beside_its_label(rows: int, columns: int) -> None:
    seen = {}
    for label, n, *numbers in cells_of(to_latex(many_rows(rows, columns))):
        assert label == f"category {n}"
        for number in numbers:
            assert number not in seen
            seen[number] = label
    assert seen == {f"{r}.{c:02}": f"category {r}" for r in range(rows) for c in range(columns)}


def crowded(columns: int, whole: bool) -> Table:
    """Numbers of four digits before the point, with intervals, letters, marks, and each its own number of clips."""
    cell = PrintedCell("1234.56", "best", 97, True, interval=("1034.56", "2345.67"), footnotes="a,b")
    headings = tuple(Heading(f"stable_video_{c}", f"m{c}", direction="lower") for c in range(columns))
    rows = tuple(Row(name, 2951, (cell,) * columns) for name in ("Animation-Static", "Scenery-Nature", "All"))
    return Table(f"crowded-{columns}", "", "Crowded", "", None, "Category", headings, rows, (), not whole, whole)


@needs_pdflatex
@pytest.mark.parametrize("columns", ["onecolumn", "twocolumn"])
def test_crowded_tables_fit_documents_of_one_and_of_two_columns(tmp_path: Path, columns: str) -> None:
    tables = [many_rows(4, 1), many_rows(18, 12), paper_table(2).shown, paper_table(4).shown, table_3()]
    tables += [crowded(n, whole) for n, whole in ((1, False), (5, False), (12, False), (5, True), (8, True))]
    text = "\n\\clearpage\n".join(map(to_latex, tables))
    start = rf"\documentclass[{columns}]{{article}}\usepackage{{booktabs}}\begin{{document}}"
    assert too_large(compile_latex(f"{start}\n{text}\n\\end{{document}}", tmp_path), 1) == []


def test_only_what_a_column_holds_stands_in_one_column() -> None:
    assert r"\begin{table}" in to_latex(many_rows(4, 1))
    assert r"\begin{table*}" in to_latex(many_rows(4, 5))
    long_notes = replace(many_rows(18, 1), notes=("a note " * 300,))
    assert r"\begin{table*}" in to_latex(long_notes)


def test_counts_of_clips_stand_under_the_numbers_where_columns_must_stand_side_by_side() -> None:
    latex = to_latex(crowded(5, True))
    assert latex.count(r"{\tiny [1034.56, 2345.67]}") == latex.count(r"{\tiny ($n$=97)}") == 5 * 3
    assert latex.count(r"\begin{tabular}{@{}l") == 1
    assert to_latex(crowded(12, True)).count(r"\begin{tabular}{l") > 1  # no letters are small enough


def test_an_arrow_stands_beside_the_last_word_of_its_heading() -> None:
    latex = to_latex(paper_table(2).shown)
    assert r"Temporal\\Flickering $\uparrow$" in latex
    assert r"\\$" not in latex


def test_a_table_that_fits_is_left_as_it_is() -> None:
    latex = to_latex(many_rows(4, 3))
    assert latex.count(r"\begin{tabular}") == 1
    assert r"\begin{tabular}{lrrrr}" in latex
    assert "Category & $n$ & model-0 & model-1 & model-2" in latex
    assert "tabcolsep" not in latex
    assert latex.index("A note.") < latex.index(r"\end{table*}")


def test_a_wide_table_goes_on_below_itself_and_a_long_one_in_further_floats() -> None:
    wide = to_latex(many_rows(4, 12))
    assert wide.count(r"\begin{table*}") == 1
    assert wide.count(r"\begin{tabular}{l") > 1
    assert wide.count(r"\midrule") == 2 * wide.count(r"\toprule")  # every part has the total under a rule
    long = to_latex(many_rows(102, 3))
    floats = long.count(r"\begin{table*}")
    assert floats > 1
    assert long.count(r"\label{tab:many}") == 1
    assert long.count(r"\addtocounter{table}{-1}") == long.count("(continued)") == floats - 1
    assert long.index(r"Notes to Table~\ref{tab:many}") > long.rindex(r"\end{table*}")


def group_headings(groups: Sequence[str]) -> Table:
    table = many_rows(3, len(groups))
    headings = [Heading("a_longer_name", f"h{i}", group=group) for i, group in enumerate(groups)]
    return Table(**{f: getattr(table, f) for f in table.__slots__} | {"headings": tuple(headings)})


def test_columns_of_one_group_stay_together_where_they_can() -> None:
    table = group_headings(["a"] * 3 + ["b"] * 4 + [""] + ["c"] * 2)
    (tabulars,) = lay_out(table).floats
    groups = [[heading.group for heading in part.headings] for part in tabulars]
    assert len(groups) > 1
    assert [name for part in groups for name in part] == [heading.group for heading in table.headings]
    for name in "abc":
        assert sum(name in part for part in groups) == 1
    alone = lay_out(group_headings(["a"] * 30)).floats
    assert sum(len(part.headings) for tabulars in alone for part in tabulars) == 30


@pytest.mark.parametrize("notes", [0, 200])
def test_notes_that_no_page_holds_stand_behind_the_table(notes: int) -> None:
    table = many_rows(3, 2)
    latex = to_latex(Table(**{f: getattr(table, f) for f in table.__slots__} | {"notes": ("A word. " * 9,) * notes}))
    assert (r"\ref{tab:many}" in latex) == bool(notes)
    assert latex.count("A word.") == 9 * notes
