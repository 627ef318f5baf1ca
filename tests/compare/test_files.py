"""A comparison in files: the same numbers in each, text only as text, and LaTeX that fits its page."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from i2vbench.compare import Comparison, Difference, Draws, MetricComparison, report_of, to_terminal, write_report
from i2vbench.compare.comparison import NO_NOISE
from i2vbench.compare.seeds import Noise
from i2vbench.registry import METRICS
from i2vbench.statistics import Interval
from tests.compare.runs import DISTANCE, DYNAMIC, compared, drawn, one_model
from tests.latex import compile_latex, needs_pdflatex, too_large
from tests.tables.runs import FLICKERING, sample

HOSTILE = "<script>alert(1)</script> & =1+1 | _x_ \\input{y} 100%"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Two models with two seeds each; the categories' names are hostile."""
    folder = tmp_path_factory.mktemp("runs")
    plan = [sample(f"s{i}", (HOSTILE, "Food")[i % 2]) for i in range(12)]
    runs = []
    for i, name in enumerate(("calm", "lively")):
        scores = {
            FLICKERING: drawn(i, 24, 0.9 - 0.1 * i),
            DYNAMIC: [float(x > 0.68 - 0.1 * i) for x in drawn(i + 7, 24)],
            "clipsim": [0.25] * 24,
        }
        runs.append(one_model(folder / name, name, scores, samples=plan, seeds=(0, 1)))
    return compared(*runs)


@pytest.fixture(scope="module")
def written(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_report(report_of(comparison), folder, ("csv", "latex", "markdown", "html"))
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_files_are_called_after_what_is_in_them(written: Path) -> None:
    tables = ["compare", *(f"compare-{m}" for m in (FLICKERING, DYNAMIC, "clipsim")), "seeds"]
    expected = {"compare.csv", "seeds.csv", "compare.html"}
    expected |= {f"{name}.{suffix}" for name in tables for suffix in ("md", "tex")}
    assert {path.name for path in written.iterdir()} == expected


def test_the_csv_has_every_number(comparison: Comparison, written: Path) -> None:
    found = rows(written / "compare.csv")
    assert [row["category"] for row in found] == [HOSTILE, "Food", "All"] * 3
    total, first = comparison.metrics[0].total, found[2]
    assert float(first["difference"]) == pytest.approx(100 * total.difference, abs=1e-4)  # type: ignore[operator]
    assert float(first["p"]) == pytest.approx(total.p, rel=5e-4)
    assert float(first["holm_p"]) == pytest.approx(total.corrected, rel=5e-4)
    assert (first["wins"], first["ties"], first["losses"]) == tuple(map(str, (total.wins, total.ties, total.losses)))
    assert first["test"] == "sign flips, exact"
    same = found[-1]
    assert (same["difference"], same["d"], same["p"], same["ties"]) == ("0.000000", "", "1", "12")


def test_the_csv_of_seeds_has_every_number(comparison: Comparison, written: Path) -> None:
    noise, row = comparison.metrics[0].noise[2], rows(written / "seeds.csv")[2]
    assert noise is not None
    assert row["model"] == "calm - lively"
    assert float(row["se_seeds"]) == pytest.approx(100 * noise.error_of_seeds, abs=1e-4)
    assert row["enough"] == ("" if noise.enough is None else str(noise.enough))


def test_equal_runs_give_equal_files(comparison: Comparison, written: Path, tmp_path: Path) -> None:
    for path in write_report(report_of(comparison), tmp_path, ("csv", "latex", "markdown", "html")):
        assert path.read_bytes() == (written / path.name).read_bytes()


def test_json_is_unrounded_and_has_the_words(comparison: Comparison) -> None:
    report = report_of(comparison)
    found = json.loads(json.dumps(report.json, allow_nan=False))
    first = found["metrics"][0]["rows"][-1]
    assert first["total"]
    assert first["difference"] == comparison.metrics[0].total.difference
    assert found["words"]["In words"] == [metric["words"] for metric in found["metrics"]]
    assert found["seeds"][0]["variance_of_seeds"] == comparison.metrics[0].noise[0].within  # type: ignore[union-attr]


def test_the_terminal_has_the_sentences_first(comparison: Comparison) -> None:
    said = to_terminal(report_of(comparison))
    assert said.startswith("calm and lively, sample by sample\n\nIn words:\n- Temporal Flickering: calm is better by")
    assert said.index("Seeds:") < said.index("Metric  ")
    assert "Holm p: corrected (Holm 1979) over the 3 metrics tested over all clips; for single categories" in said


def test_the_better_number_is_bold_where_holms_p_says_so(written: Path) -> None:
    lines = (written / "compare.md").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("| Temporal Flickering")]
    assert line.split(" | ")[2].startswith("**")
    (same,) = [line for line in lines if line.startswith("| CLIPSIM")]
    assert "**" not in same


def test_hostile_text_stays_text(written: Path) -> None:
    page = (written / "compare.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    for path in written.glob("*.tex"):
        assert r"\input{y}" not in path.read_text()
    for path in written.glob("*.md"):
        assert "<script>" not in path.read_text()


def test_too_few_draws_for_so_many_metrics_are_told_of(tmp_path: Path) -> None:
    runs = [
        one_model(
            tmp_path / name,
            name,
            {FLICKERING: drawn(i, 20), "distance": list(np.random.default_rng(i).normal(size=(20, 2)))},
            specs=[FLICKERING, DISTANCE],
            reference={"distance": [np.zeros(2)] * 20},
        )
        for i, name in enumerate(("calm", "lively"))
    ]

    def said(signs: int, resamples: int) -> str:
        return to_terminal(report_of(compared(*runs, draws=Draws(signs, resamples), by_category=False)))

    assert "draws may be too few" not in said(200, 50)  # the 50 are not counted: they give a standard error
    words = "draws may be too few for the 2 tested over all clips: the smallest p that they give comes to"
    assert f"10 {words} 0.18" in said(10, 50)
    assert "Feature Distance: interval and p are of 50 resamples of samples (their standard error" in said(200, 50)


@needs_pdflatex
def test_latex_compiles_with_booktabs_alone(written: Path, tmp_path: Path) -> None:
    tables = [path.read_text() for path in sorted(written.glob("*.tex"))]
    assert too_large(compile_latex("\n\\clearpage\n".join(tables), tmp_path)) == []


@needs_pdflatex
def test_the_widest_numbers_of_a_whole_data_set_fit_the_page(comparison: Comparison, tmp_path: Path) -> None:
    total = Difference(
        planned=(2950, 2950), n=2950, a=0.3844, b=0.5322, interval=Interval(-0.1728, -0.1233), effect=-0.21,
        wins=1217, ties=480, losses=1253, p=0.0001, corrected=0.0008, draws=10_000,
    )  # fmt: skip
    names = ("background_consistency", "dynamic_degree", "overall_consistency", "fvd")
    metrics = [MetricComparison(METRICS.create(name).info, False, [total] * 3, NO_NOISE, []) for name in names]
    noise = Noise(mean=-0.12, samples=2950, seeds=2.47, between=0.04, within=0.04)
    metrics = [replace(one, noise=(noise, noise, noise)) for one in metrics]
    widest = replace(comparison, categories=["Scenery-Nature", "Scenery-City", "All"], metrics=metrics)
    write_report(report_of(widest), tmp_path, ("latex",))
    tables = [path.read_text() for path in sorted(tmp_path.glob("*.tex"))]
    assert too_large(compile_latex("\n\\clearpage\n".join(tables), tmp_path), 0) == []
