"""CSV, LaTeX, Markdown and plain text: the same numbers and marks in each, and hostile text only as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from i2vbench.errors import UserError
from i2vbench.tables import collect, print_tables, write_tables
from i2vbench.tables.plain import render_plain_page
from i2vbench.tables.printed import Heading, PrintedCell, Row, Table, marks
from i2vbench.tables.text import latex_text, to_aligned, to_csv, to_markdown
from i2vbench.texts import clean, csv_text, one_line
from tests.tables.runs import FLICKERING, METRICS_FILE, RunSpec, make_run, sample

HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1", "-1", "@SUM(A1)", "\t=1", "\r=1",
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "<!--", "]]>",
    "\"&'", "' onmouseover='alert(1)", r"\input{x}", r"\\", "100%", "a_b^c~d#e$f", "{[(*)]}", "a|b", r"a\|b", "a\nb",
    "a\n\nb", "`code`", "**bold** __bold__ [link](x) ![i](y) <http://a.b>", "1. x", "- x", "# x",
    "--- ,, '' ``", "?`",
    "{{ 7*7 }}", "{% raw %}", "日本語 🎬", "\x00\x1b[31m", "\u202eabc", "&amp; &#60;", "n", "", " ",
)  # fmt: skip
TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))


def table_of(*texts: str) -> Table:
    """A table with these texts wherever text can be."""
    cell = PrintedCell("1.00", "best", 1, True, "0.10", texts[0])
    empty = PrintedCell("", "", 0, False, "", "")
    return Table(
        name="a_b",
        metric=texts[0] or "m",
        title=texts[0],
        unit=texts[0],
        direction="higher",
        corner="Category",
        headings=tuple(Heading(text, text) for text in texts),
        rows=tuple(Row(text, 3, (cell, *[empty] * (len(texts) - 1))) for text in texts),
        notes=texts,
    )


def counts_of(*texts: str) -> Table:
    """A table of counts with these texts wherever text can be."""
    return Table(
        name="a_b",
        metric="",
        title=texts[0],
        unit="",
        direction=None,
        corner="Category",
        headings=(Heading("Clips", "clips"), Heading(texts[0], texts[0], texts[0])),
        rows=tuple(Row(text, 3, (PrintedCell("3"), PrintedCell("2.5", n=2, short=True))) for text in texts),
        notes=texts,
        measured=False,
    )


def grouped(*texts: str) -> Table:
    """A table with these texts over its columns, in its cells and behind them."""
    cells = tuple(PrintedCell(text, footnotes=text) for text in texts for _ in range(2))
    return Table(
        name="a_b",
        metric="",
        title=texts[0],
        unit="",
        direction=None,
        corner="Category",
        headings=tuple(Heading(text, text, group=text, left=i == 1) for text in texts for i in range(2)),
        rows=(Row(texts[0], 0, cells),),
        notes=texts,
        measured=False,
    )


class Page(HTMLParser):
    """The tags, attributes, cells and list items of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag in ("th", "td", "li"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


# -- marks --------------------------------------------------------------------------------------------------------


def test_best_and_second_follow_the_direction() -> None:
    assert marks(["1.0", "3.0", "2.0"], "higher") == ["", "best", "second"]
    assert marks(["1.0", "3.0", "2.0"], "lower") == ["best", "", "second"]


def test_ties_at_the_printed_precision_share_the_mark() -> None:
    assert marks(["98.12", "98.12", "97.00", "97.00", "1.00"], "higher") == ["best", "best", "second", "second", ""]
    assert marks(["5.0", "5.0"], "lower") == ["best", "best"]
    assert marks(["0.0", "-0.0"], "lower") == ["best", "best"]


def test_empty_cells_are_not_marked_and_one_number_has_no_rival() -> None:
    assert marks(["", "2.0", "1.0"], "lower") == ["", "second", "best"]
    assert marks(["", "2.0"], "higher") == ["", ""]
    assert marks(["2.0"], "higher") == [""]


@given(st.lists(st.sampled_from(["", "1.0", "2.0", "3.0"])), st.sampled_from(["higher", "lower"]))
def test_no_number_is_better_than_the_best(printed: list[str], direction: str) -> None:
    found = marks(printed, direction)  # type: ignore[arg-type]
    best = {float(p) for p, mark in zip(printed, found, strict=True) if mark == "best"}
    second = {float(p) for p, mark in zip(printed, found, strict=True) if mark == "second"}
    numbers = [float(p) for p in printed if p]
    assert len(best) == (len(numbers) > 1)
    if best:
        top = max(numbers) if direction == "higher" else min(numbers)
        assert best == {top}
        rest = [x for x in numbers if x != top]
        assert second == ({(max if direction == "higher" else min)(rest)} if rest else set())


# -- the formats --------------------------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path) -> Path:
    samples = [sample("a1", "a"), sample("b1", "b"), sample("a2", "a")]
    scores = {
        (FLICKERING, "static"): (1.0, 0.9, 1.0),
        (FLICKERING, "pan"): (0.12345678901234567, 0.5, "broken"),
        (FLICKERING, "ours"): (0.1, None, 0.3),
        ("warp_error", "static"): (0.0, 0.25, 0.0),
        ("warp_error", "pan"): (0.1, 0.2, 0.3),
        ("warp_error", "ours"): (1 / 3, 2e-17, 0.1 + 0.2),
    }
    spec = RunSpec(samples, scores, ("static", "pan", "ours"), (FLICKERING, f"{METRICS_FILE}:Error"))
    results = collect([make_run(tmp_path / "run", spec)])
    files = write_tables(results, tmp_path / "out", ("csv", "latex", "markdown"))
    names = ["summary", FLICKERING, "warp_error"]
    expected = [f"{n}.csv" for n in names] + ["clips.csv"] + [f"{n}{s}" for s in (".tex", ".md") for n in names]
    assert [file.name for file in files] == expected
    return tmp_path / "out"


def test_csv_parses_back_to_the_printed_numbers(written: Path) -> None:
    frame = pd.read_csv(written / f"{FLICKERING}.csv")
    assert list(frame["metric"].unique()) == [FLICKERING]
    assert list(frame["category"]) == ["a", "b", "All"]
    assert list(frame["n"]) == [2, 1, 3]
    assert list(frame["static"]) == [100.0, 90.0, 96.67]
    assert list(frame["pan"]) == [12.35, 50.0, 31.17]
    assert list(frame["n pan"]) == [1, 1, 2]
    assert frame["ours"].isna().tolist() == [False, True, False]
    assert frame["spread static"].tolist()[0] == 0
    assert frame.columns[-1] == "profile"
    assert set(frame["profile"]) == {"paper"}
    assert "metric,category,n,static,pan,ours," in (written / f"{FLICKERING}.csv").read_text()
    summary = pd.read_csv(written / "summary.csv")
    assert list(summary.columns[:4]) == ["model", "n", FLICKERING, "warp_error"]
    assert list(summary["warp_error"]) == [0.083, 0.2, 0.211]


def test_clips_csv_has_every_digit(written: Path) -> None:
    with open(written / "clips.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert ",".join(rows[0]) == "metric,model,category,sample,seed,state,value,printed,reason,prompt,profile"
    assert len(rows) == 2 * 3 * 3
    ours = [float(r["value"]) for r in rows if (r["model"], r["metric"]) == ("ours", "warp_error")]
    assert ours == [1 / 3, 2e-17, 0.1 + 0.2]
    half = [r["printed"] for r in rows if (r["model"], r["metric"], r["value"]) == ("pan", FLICKERING, "0.5")]
    assert half == ["50.00"]
    assert [(r["model"], r["sample"], r["reason"]) for r in rows if r["state"] == "failed"] == [("pan", "a2", "broken")]
    owed = [(r["model"], r["sample"], r["reason"], r["value"] + r["printed"]) for r in rows if r["state"] == "owed"]
    assert owed == [("ours", "b1", "not measured yet", "")]


def test_markdown_and_latex_mark_and_count(written: Path) -> None:
    markdown = (written / f"{FLICKERING}.md").read_text()
    assert markdown.startswith("### Temporal Flickering (%) ↑\n")
    assert "| a | 2 | **100.00** | 12.35 (n=1) | <u>20.00</u> |" in markdown
    assert "| b | 1 | **90.00** | <u>50.00</u> | – |" in markdown
    assert "- pan: 1 of 3 clips failed (first: a2: broken)" in markdown
    assert "printed is the value times 100, in %" in markdown
    latex = (written / "warp_error.tex").read_text()
    assert r"\caption{Warping Error $\downarrow$}" in latex
    assert r"    a & 2 & \textbf{0.000} & \underline{0.200} & 0.317 \\" in latex
    assert r"\label{tab:warp_error}" in latex


def test_marks_go_along_models_in_the_summary(written: Path) -> None:
    lines = (written / "summary.md").read_text().splitlines()
    assert lines[2] == "| Model | n | Temporal Flickering (%) ↑ | Warping Error ↓ |"
    assert lines[4] == "| static | 3 | **96.67** | **0.083** |"
    assert lines[5] == "| pan | 3 | <u>31.17</u> (n=2) | <u>0.200</u> |"


def test_an_unknown_format_and_a_folder_that_cannot_be_written_are_the_users_to_mend(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", RunSpec([sample("a", "a")], {(FLICKERING, "static"): (1.0,)}, ("static",)))
    with pytest.raises(UserError, match=r"unknown format 'pdf': expected some of csv, latex, markdown, html"):
        write_tables(collect([run]), tmp_path / "out", ["csv", "pdf"])
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to"):
        write_tables(collect([run]), tmp_path / "file", ["csv"])


def test_files_of_metrics_stay_in_their_folder_and_apart_from_the_others() -> None:
    from i2vbench.tables.layout import _file_stem

    assert _file_stem("fvd") == "fvd"
    assert "/" not in _file_stem("../../x")
    assert _file_stem("clips") == "metric-clips"


# -- hostile text -------------------------------------------------------------------------------------------------


@given(TEXT)
def test_no_field_of_a_csv_is_a_formula(text: str) -> None:
    safe = csv_text(text)
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe == text or any(c < " " or "\x7f" <= c < "\xa0" for c in text) or safe == f"'{text}"


@given(st.lists(TEXT, min_size=1, max_size=3))
@example(list(HOSTILE))
def test_csv_keeps_its_shape(texts: list[str]) -> None:
    frame = pd.read_csv(io.StringIO(to_csv(table_of(*texts)), newline=""), keep_default_na=False, dtype=str)
    assert frame.shape == (len(texts), 3 + 3 * len(texts) + 1)
    assert frame.iloc[:, 3].tolist() == ["1.00"] * len(texts)
    assert len(set(frame.columns)) == frame.shape[1]


@given(st.lists(TEXT, min_size=1, max_size=3))
@example(list(HOSTILE))
def test_a_csv_of_counts_has_no_more_columns_than_it_needs(texts: list[str]) -> None:
    frame = pd.read_csv(io.StringIO(to_csv(counts_of(*texts)), newline=""), keep_default_na=False, dtype=str)
    assert frame.shape == (len(texts), 4)
    assert frame.iloc[:, 1:].to_numpy().tolist() == [["3", "2.5", "2"]] * len(texts)
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in [*frame.iloc[:, 0], *frame.columns])


_LATEX_TOKENS = {
    r"\textbackslash{}": "\\", r"\{": "{", r"\}": "}", r"\$": "$", r"\&": "&", r"\#": "#", r"\textasciicircum{}": "^",
    r"\_": "_", r"\textasciitilde{}": "~", r"\%": "%", r"\textless{}": "<", r"\textgreater{}": ">",
    r"\textbar{}": "|", r"{\char96}": "`", r"{\char34}": '"', "{[}": "[", "{]}": "]", "{*}": "*", "{}": "",
}  # fmt: skip
_LATEX_TOKEN = re.compile("|".join(map(re.escape, _LATEX_TOKENS)) + r"|[^\\{}$&#^_~%<>|\[\]*\"`\n]")
_LATEX_LETTERS = re.compile(
    r"\{\\ifdefined\\Umathchar ([^\x00-\x7f]+)\\else U\+([0-9A-F]{4,6}(?:\.\\allowbreak [0-9A-F]{4,6})*)\\fi\}"
)


@given(TEXT)
@example(" ".join(HOSTILE))
def test_latex_has_no_special_character_left_and_loses_nothing(text: str) -> None:
    rest, read = latex_text(text), ""
    assert "--" not in rest
    while rest:
        if letters := _LATEX_LETTERS.match(rest):
            assert "".join(chr(int(number, 16)) for number in letters[2].split(r".\allowbreak ")) == letters[1]
            read += letters[1]
            rest = rest[letters.end() :]
            continue
        token = _LATEX_TOKEN.match(rest)
        assert token, f"not escaped: {rest!r}"
        read += _LATEX_TOKENS.get(token[0], token[0])
        rest = rest[token.end() :]
    assert read == one_line(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=3))
@example(list(HOSTILE))
def test_markdown_shows_hostile_text_as_text(texts: list[str]) -> None:
    markdown = to_markdown(table_of(*texts))
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows} == {len(texts) + 3}
    page = Page(MarkdownIt("commonmark").enable("table").render(markdown))
    allowed = {"h3", "table", "thead", "tbody", "tr", "th", "td", "strong", "ul", "li"}
    assert set(page.tags) <= allowed
    width = len(texts) + 2
    shown = [cell.strip() for cell in page.cells]
    assert shown[2:width] == [one_line(text) for text in texts]
    assert shown[width : -len(texts) : width] == [one_line(text) for text in texts]
    assert shown[-len(texts) :] == [one_line(text) for text in texts]


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=3))
@example(list(HOSTILE))
def test_counts_show_hostile_text_as_text_in_markdown_and_on_a_page(texts: list[str]) -> None:
    table = counts_of(*texts)
    markdown = Page(MarkdownIt("commonmark").enable("table").render(to_markdown(table)))
    assert set(markdown.tags) <= {"h3", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert [cell.strip() for cell in markdown.cells[3 : -len(texts) : 3]] == [one_line(text) for text in texts]
    page = Page(render_plain_page(table))
    assert set(page.tags) <= {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "bdi", "main", "div", "table", "thead",
        "tbody", "tr", "th", "td", "small", "ul", "li",
    }  # fmt: skip
    assert {name for name, _ in page.attributes} <= {
        "lang", "charset", "http-equiv", "content", "name", "class", "tabindex", "scope",
    }  # fmt: skip
    shown = [cell.strip() for cell in page.cells]
    assert shown[3 : -len(texts) : 3] == [clean(text).strip() for text in texts]
    assert shown[-len(texts) :] == [clean(text).strip() for text in texts]


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=3))
@example(list(HOSTILE))
def test_groups_and_footnotes_show_hostile_text_as_text(texts: list[str]) -> None:
    table = grouped(*texts)
    page = Page(render_plain_page(table))
    assert not {"script", "img", "a", "b", "i", "code", "em"} & set(page.tags)
    assert page.tags.count("sup") == sum(2 for text in texts if clean(text))
    markdown = to_markdown(table)
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows} == {2 * len(texts) + 2}
    shown = Page(MarkdownIt("commonmark").enable("table").render(markdown))
    assert set(shown.tags) <= {"h3", "table", "thead", "tbody", "tr", "th", "td", "sup", "ul", "li"}
    assert markdown.count("<sup>") == page.tags.count("sup")


@given(st.lists(TEXT, min_size=1, max_size=3), st.sampled_from([table_of, counts_of, grouped]))
@example(list(HOSTILE), table_of)
@example(list(HOSTILE), grouped)
def test_a_terminal_gets_no_control_characters(texts: list[str], make: Callable[..., Table]) -> None:
    table = make(*texts)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", to_aligned(table, table.notes))


def test_the_terminal_gets_summary_and_metrics(tmp_path: Path) -> None:
    spec = RunSpec([sample("a", "日本")], {(FLICKERING, "static"): (1.0,), (FLICKERING, "pan"): (0.5,)})
    text = print_tables(collect([make_run(tmp_path, spec)]))
    assert "Model   n  Temporal Flickering (%) ↑\n" in text
    assert "Category  n      static      pan\n" in text
    assert "日本      1  **100.00**  _50.00_\n" in text  # two columns wide each
