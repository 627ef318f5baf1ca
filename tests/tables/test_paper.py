"""The paper's tables as it lays them out: rows, columns, groups, marks and signs; the digits that it prints."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from i2vbench.leaderboards.published import METHODS, TABLES, numbers
from i2vbench.tables.paper import paper_table
from i2vbench.tables.plain import plain_as_json, render_plain_page
from i2vbench.tables.text import to_aligned, to_csv, to_latex, to_markdown
from tests.latex import compile_latex, needs_pdflatex, too_large
from tests.tables.test_text import Page

BY_CATEGORY = range(6, 14)
MODELS = ["I2VGen-XL", "AnimateAnything", "DynamiCrafter", "SEINE", "ConsistI2V"]  # in the order of Tables 6 to 13


def read_csv(table: int) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(paper_table(table).data))))


def aligned(table: int) -> list[str]:
    return to_aligned(paper_table(table).shown, ()).splitlines()


@pytest.mark.parametrize("table", TABLES)
def test_a_csv_has_exactly_the_printed_numbers(table: int) -> None:
    rows = read_csv(table)
    cells = sorted(text for row in rows for key, text in row.items() if key not in ("method", "category") and text)
    said = [text for row in rows for key, text in row.items() if key == "citation" or key.startswith("footnotes")]
    extra = [value for number in {n.method: n for n in numbers(table)}.values() for value in number.extra.values()]
    printed = [number.text for number in numbers(table) if number.text]
    assert cells == sorted([*printed, *extra, *filter(None, said)])


def test_table_1_has_groups_signs_and_marks() -> None:
    lines = aligned(1)
    assert lines[2].split() == ["UCF-101", "MSR-VTT", "Human", "Eval:", "Consistency"]
    assert re.split(r"  +", lines[3]) == [
        "Method", "#Data", "FVD ↓", "IS ↑", "FID ↓", "FVD ↓", "CLIPSIM ↑", "Appearance ↑", "Motion ↑",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[5:10]] == list(METHODS)
    assert lines[5].split() == [
        "AnimateAnything", "10M+20K^†", "642.64", "**63.87**", "**10.00**", "218.10", "0.2661", "43.07%", "20.26%",
    ]  # fmt: skip
    assert lines[9].split()[1:] == [
        "10M", "**177.66**", "_56.22_", "_15.74_", "**104.58**", "_0.2674_", "**53.62%**", "**37.04%**",
    ]  # fmt: skip
    assert [row["footnotes training data"] for row in read_csv(1)] == ["†", "", "†", "†", ""]
    assert read_csv(1)[0]["human motion_percent"] == "20.26"


def test_table_2_marks_what_its_caption_says() -> None:
    text = "\n".join(aligned(2))
    for best in ("99.08", "99.23", "64.11", "98.50", "97.90", "35.43", "27.68", "20.21"):
        assert f"**{best}**" in text
    for second in ("96.65", "97.92", "57.88", "94.69", "90.85", "32.56", "27.18", "19.50"):
        assert f" _{second}_" in text
    assert text.count("**") == 2 * 8


@pytest.mark.parametrize("table", [3, 4, 5, *BY_CATEGORY])
def test_no_other_table_is_marked(table: int) -> None:
    assert not [cell for row in paper_table(table).shown.rows for cell in row.cells if cell.mark]


def test_table_3_has_units_and_parts() -> None:
    lines = aligned(3)
    assert re.split(r"  +", lines[2].strip()) == ["UCF-101 (Zero-Shot)", "Inference Cost Statistics"]
    assert lines[-1].endswith("704.48  21.97  68.39   9017 Mb   17.14s          5.015")
    rows = read_csv(3)
    assert (rows[0]["gpu_memory_mb"], rows[0]["runtime_seconds"]) == ("9249", "18.48")
    parts = ["frameinit", "temporal_conditioning", "spatial_conditioning"]
    assert [[row[name] for name in parts].count("True") for row in rows] == [3, 2, 1, 0]


def test_table_4_has_two_columns_side_by_side_and_one_in_its_csv() -> None:
    lines = aligned(4)
    assert lines[2] == "Category        Count  Category          Count"
    assert lines[4].split() == ["Portrait", "663", "Animation-Static", "120"]
    assert lines[12].split() == ["Drama", "19", "Total", "2951"]
    assert read_csv(4)[-1] == {"category": "Total", "count": "2951"}


def test_table_5_has_citations_and_dashes() -> None:
    lines = aligned(5)
    assert lines[5].split() == ["MagicVideo", "(Zhou", "et", "al.,", "2022)", "10M", "–", "–", "1290"]
    assert lines[14].split() == ["ConsistI2V", "10M", "1.7B", "0.2968", "428"]
    assert read_csv(5)[0] == {
        "method": "CogVideo (EN)", "training data": "5.4M", "parameters": "15.5B", "clipsim": "0.2631", "fvd": "1294",
        "citation": "Hong et al., 2022",
    }  # fmt: skip


@pytest.mark.parametrize("table", BY_CATEGORY)
def test_tables_by_category_keep_rows_and_columns(table: int) -> None:
    shown = paper_table(table).shown
    assert [heading.label for heading in shown.headings] == MODELS
    rows = [row.label for row in shown.rows]
    assert rows[-1] == "All"
    if table not in (10, 11):
        assert rows[:9] == ["Portrait", "S-N", "Pet", "Food", "A-H", "Science", "Sports", "S-C", "A-S"]
        assert len(rows) == 18
        assert "S-N Scenery-Nature, S-C Scenery-City, A-H Animation-Hard, A-S Animation-Static." in shown.notes
    assert read_csv(table)[0]["category"] == ("Pet" if table == 10 else "Portrait" if table != 11 else "Scenery-Nature")


def test_groups_stand_over_their_columns_in_every_format() -> None:
    shown = paper_table(1).shown
    page = Page(render_plain_page(shown))
    wide = [value for name, value in page.attributes if name == "colspan"]
    assert wide == ["1", "3", "2", "2"]
    assert page.attributes.count(("scope", "colgroup")) == 3
    assert "| MSR-VTT: FVD ↓ |" in to_markdown(shown)
    assert "10M+20K<sup>†</sup>" in to_markdown(shown)
    latex = to_latex(shown)
    assert r" &  & \multicolumn{3}{c}{UCF-101} & \multicolumn{2}{c}{MSR-VTT} & " in latex
    assert r"\cmidrule(lr){3-5} \cmidrule(lr){6-7} \cmidrule(lr){8-9}" in latex


def test_json_has_numbers_marks_and_signs() -> None:
    rows = plain_as_json(paper_table(1))["rows"]
    assert rows[0]["training data"] == {"printed": "10M+20K", "number": None, "footnotes": "†"}
    assert rows[0]["ucf101 fid"] == {"printed": "10.00", "number": 10.0, "mark": "best"}
    assert plain_as_json(paper_table(5))["rows"][1]["clipsim"] is None


@needs_pdflatex
def test_every_table_compiles_and_fits_the_page(tmp_path: Path) -> None:
    log = compile_latex("\n\\clearpage\n".join(to_latex(paper_table(table).shown) for table in TABLES), tmp_path)
    assert too_large(log, 0) == []


def test_equal_numbers_give_equal_bytes() -> None:
    first, second = (to_latex(paper_table(1).shown) + to_csv(paper_table(1).data) for _ in range(2))
    assert first == second
