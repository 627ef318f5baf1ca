"""Intervals of cells: what they stand on, that draws are shared, and how every format prints them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from i2vbench.metrics.fid import FID
from i2vbench.progress import Quiet
from i2vbench.registry import METRICS
from i2vbench.store import REFERENCE
from i2vbench.tables import collect, print_tables, results_as_json, write_tables
from i2vbench.tables.cells import Entry
from i2vbench.tables.intervals import affordable, draws, read_measurements, replicate
from i2vbench.tables.layout import all_tables, metric_grid
from i2vbench.tables.page import render
from i2vbench.tables.results import Results
from i2vbench.tables.text import to_latex, to_markdown
from i2vbench.types import Cell, Measurement
from tests.tables.runs import FLICKERING, METRICS_FILE, RunSpec, make_run, sample

ERROR, DISTANCE = (f"{METRICS_FILE}:{name}" for name in ("Error", "Distance"))
SAMPLES = [sample(f"s{i}", "Pet" if i < 8 else "Car") for i in range(11)]  # 8 and 3
SCORES = tuple(float(x) for x in np.random.default_rng(0).uniform(0.5, 1, 11))


def spec(**changes: Any) -> RunSpec:
    scores = {(FLICKERING, "static"): (1.0,) * 11, (FLICKERING, "pan"): SCORES}
    return RunSpec(**{"samples": SAMPLES, "scores": scores} | changes)


def entries(results: Results, metric: int = 0) -> list[list[Entry]]:
    return metric_grid(results, metric)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return collect([make_run(tmp_path / "run", spec())], replicates=1000)


def test_an_interval_is_the_percentiles_of_means_of_drawn_samples(results: Results) -> None:
    (_, pets), (_, cars), (still, all_) = entries(results)
    assert all_.interval is not None
    means = draws(11, 1000) @ np.array([SCORES[SAMPLES.index(s)] for s in sorted(SAMPLES, key=lambda s: s.id)]) / 11
    low, high = np.quantile(means, [0.025, 0.975])
    assert all_.interval.low == pytest.approx(low, abs=0.02)
    assert all_.interval.low < low  # few samples: wider
    assert all_.interval.high > high
    assert pets.interval is not None
    assert (cars.interval, cars.no_interval) == (None, "of fewer than 5 samples")
    assert still.interval is not None
    assert (still.interval.low, still.interval.high) == (1.0, 1.0)


def test_notes_say_what_brackets_are_and_where_there_are_none(results: Results) -> None:
    said = all_tables(results)[1].notes
    brackets = "95% bootstrap intervals (percentiles of 1,000 resamples of the samples, each with all its seeds)."
    assert f"Brackets: {brackets}" in said
    assert any(note.startswith("Brackets without width: all samples score alike") for note in said)
    assert "static, pan in Car: no interval, of fewer than 5 samples" in said
    assert f"Brackets: {brackets}" in all_tables(results)[0].notes


def test_five_samples_have_an_interval(tmp_path: Path) -> None:
    five = spec(samples=SAMPLES[:5], models=("pan",), scores={(FLICKERING, "pan"): SCORES[:5]})
    assert entries(collect([make_run(tmp_path / "run", five)], replicates=100))[-1][0].interval is not None


def test_without_intervals_nothing_is_other(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", spec())
    with_, without = collect([run], replicates=100), collect([run])
    assert not any(e.interval or e.no_interval for row in entries(without) for e in row)
    plain = print_tables(without) + json.dumps(results_as_json(without)) + to_latex(all_tables(without)[1])
    assert "Brackets" not in plain
    assert "interval" not in plain
    assert "[" not in print_tables(without)
    values = [[[e.cell for e in row] for row in entries(r)] for r in (with_, without)]
    assert values[0] == values[1]


def test_the_order_of_the_plan_and_of_runs_changes_nothing(tmp_path: Path) -> None:
    forth = make_run(tmp_path / "a", spec(models=("pan",), scores={(FLICKERING, "pan"): SCORES}))
    turned = spec(models=("pan",), scores={(FLICKERING, "pan"): SCORES[::-1]}, samples=SAMPLES[::-1])
    back = make_run(tmp_path / "b", turned)
    found = collect([forth, back], replicates=300), collect([back, forth], replicates=300)
    intervals = [[e.interval for e in entries(r)[-1]] for r in found]
    assert intervals[0][0] == intervals[0][1] == intervals[1][0] == intervals[1][1]


def test_seeds_of_a_sample_are_drawn_together(tmp_path: Path) -> None:
    one = make_run(tmp_path / "a", spec(models=("pan",), scores={(FLICKERING, "pan"): SCORES}))
    thrice = tuple(score for score in SCORES for _ in range(3))
    three = make_run(tmp_path / "b", spec(models=("pan",), scores={(FLICKERING, "pan"): thrice}, seeds=(0, 1, 2)))
    narrow, same = (entries(collect([run], replicates=200))[-1][0].interval for run in (one, three))
    assert narrow is not None
    assert same is not None
    assert (same.low, same.high) == pytest.approx((narrow.low, narrow.high), rel=1e-12)


def test_rows_of_replicates_are_paired(tmp_path: Path) -> None:
    better = tuple(score + 0.1 for score in SCORES)
    run = make_run(tmp_path / "a", spec(scores={(FLICKERING, "static"): SCORES, (FLICKERING, "pan"): better}))
    measured = [read_measurements(run, FLICKERING, model) for model in ("static", "pan")]
    cells = replicate(METRICS.create(FLICKERING), measured, replicates=50, seed=3)
    assert cells.shape == (2, 50)
    np.testing.assert_allclose(cells[1] - cells[0], 0.1, atol=1e-12)
    assert np.ptp(cells[0]) > 0.01
    again = replicate(METRICS.create(FLICKERING), measured[::-1], replicates=50, seed=3)
    np.testing.assert_array_equal(again[::-1], cells)
    with pytest.raises(ValueError, match="no sample was measured of all"):
        replicate(METRICS.create(FLICKERING), [measured[0], {}])


def test_a_metric_of_somebody_else_is_resampled_with_its_real_clips(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).standard_normal((2, 11, 3)).astype(np.float32)
    made = spec(
        models=("static",), metrics=(DISTANCE,), scores={("distance", "static"): tuple(rows[0])},
        reference={"distance": tuple(rows[1])},
    )  # fmt: skip
    run = make_run(tmp_path / "a", made)
    results = collect([run], replicates=400)
    interval = entries(results)[-1][0].interval
    ours, real = (read_measurements(run, "distance", model) for model in ("static", REFERENCE))
    expected = replicate(METRICS.create(DISTANCE), [ours], real, 400)[0]
    by_hand = []
    for times in draws(11, 400):
        chosen = [i for i, count in enumerate(times) for _ in range(count)]
        order = sorted(range(11), key=lambda i: f"s{i}")
        picked = [order[i] for i in chosen]
        by_hand.append(np.linalg.norm(rows[0][picked].mean(axis=0) - rows[1][picked].mean(axis=0)))
    np.testing.assert_allclose(expected, by_hand, rtol=1e-6)
    turned = dict(reversed(real.items()))
    np.testing.assert_array_equal(replicate(METRICS.create(DISTANCE), [ours], turned, 400)[0], expected)
    assert interval is not None
    assert "and its real clip" in all_tables(results)[1].notes[1]


class Changed(FID):
    """Somebody's, with another cell."""

    def aggregate(self, generated: Iterable[Measurement], reference: Any = None) -> Cell:
        return Cell(42.0, sum(1 for _ in generated))


def test_a_subclass_that_changes_aggregate_alone_is_not_resampled_as_its_base() -> None:
    clips = {f"s{i}": [Measurement(f"s{i}", "fid", features=np.ones((1, 2)) * i)] for i in range(6)}
    assert (replicate(Changed(), [clips], clips, 5) == 42).all()


def test_a_metric_that_fails_on_resamples_keeps_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metric = type(METRICS.create(FLICKERING))
    run = make_run(tmp_path / "a", spec())

    def raising(*_: Any) -> Any:
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr(metric, "replicates", raising, raising=False)
    results = collect([run], replicates=100)
    cell = entries(results)[-1][1]
    assert cell.cell.value is not None
    assert cell.no_interval == "resampling failed: ZeroDivisionError: no luck"
    monkeypatch.setattr(metric, "replicates", lambda *_: iter([float("nan")] * 20 + [0.5] * 80), raising=False)
    assert entries(collect([run], replicates=100))[-1][1].no_interval == "20 of 100 resamples have no number"
    monkeypatch.setattr(metric, "replicates", lambda *_: iter([float("nan")] * 10 + [0.5] * 90), raising=False)
    assert entries(collect([run], replicates=100))[-1][1].interval is not None


def test_extrapolated_distances_say_why_they_have_none(tmp_path: Path) -> None:
    rows = tuple(np.random.default_rng(1).standard_normal((30, 1, 2)).astype(np.float32))
    samples = [sample(f"s{i}", "Pet") for i in range(30)]
    made = RunSpec(
        samples, {("fid", "static"): rows}, ("static",), ("fid", "fid_infinity", "kid"), reference={"fid": rows[::-1]}
    )
    results = collect([make_run(tmp_path / "a", made)], replicates=200)
    fid, extrapolated, kid = (entries(results, m)[-1][0] for m in range(3))
    assert fid.interval is not None
    assert fid.interval.low >= 0
    assert kid.interval is not None
    assert extrapolated.interval is None
    assert any("no interval, the clips that a resample has twice" in n for n in all_tables(results)[2].notes)
    assert "standard errors of 100 resamples" in all_tables(results)[1].notes[2]  # FID is slow: a tenth, at least 100


def test_slow_metrics_have_a_tenth() -> None:
    assert [affordable(FID(), n) for n in (10_000, 1000, 200, 50)] == [1000, 100, 100, 50]
    assert affordable(METRICS.create("fvd"), 1000) == 1000


def test_what_took_long_is_kept_by_its_number_of_resamples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(np.random.default_rng(1).standard_normal((11, 1, 2)).astype(np.float32))
    made = spec(models=("static",), metrics=("fvd",), scores={("fvd", "static"): rows}, reference={"fvd": rows[::-1]})
    run = make_run(tmp_path / "a", made)
    monkeypatch.setattr("i2vbench.tables.kept_cells.KEPT_SECONDS", -1)
    calls = []
    original = type(METRICS.create("fvd")).replicates

    def counted(self: Any, *args: Any) -> Any:
        calls.append(len(args[2]))
        return original(self, *args)

    monkeypatch.setattr(type(METRICS.create("fvd")), "replicates", counted)
    first, second = (entries(collect([run], replicates=100))[-1][0].interval for _ in range(2))
    assert first == second
    assert calls == [100]
    assert entries(collect([run], replicates=200))[-1][0].interval != first
    assert calls == [100, 200]


def test_progress_counts_every_cell(tmp_path: Path) -> None:
    class Counting(Quiet):
        total, done = 0, 0

        def start(self, stage: str, total: int, done: int, noun: str = "clips") -> None:
            self.total = total

        def advance(self, stage: str, clips: int = 1, doing: str = "") -> None:
            self.done += clips

    progress = Counting()
    collect([make_run(tmp_path / "a", spec())], replicates=100, progress=progress)
    assert progress.done == progress.total == 3 * 2


# -- the formats --------------------------------------------------------------------------------------------------


def test_every_format_has_them_at_the_numbers_precision(results: Results, tmp_path: Path) -> None:
    table = all_tables(results)[1]
    cell = table.rows[-1].cells[1]
    low, high = cell.interval
    assert (len(low.partition(".")[2]), float(low) < float(cell.text) < float(high)) == (2, True)
    assert f"<u>{cell.text}</u> \\[{low}, {high}\\]" in to_markdown(table)
    assert f"_{cell.text}_ [{low}, {high}]" in print_tables(results)
    latex = to_latex(table).splitlines()
    line = next(i for i, text in enumerate(latex) if text.startswith("    All"))
    assert latex[line + 1] == rf"    &  & {{\scriptsize [100.00, 100.00]}} & {{\scriptsize [{low}, {high}]}} \\[3pt]"
    write_tables(results, tmp_path / "out", ("csv",))
    frame = pd.read_csv(tmp_path / "out" / f"{FLICKERING}.csv", dtype=str)
    assert list(frame.columns[-5:]) == ["low static", "high static", "low pan", "high pan", "profile"]
    assert list(frame.loc[2, ["low pan", "high pan"]]) == [low, high]
    assert frame.loc[1, ["low pan", "high pan"]].isna().all()
    page = render(results, all_tables(results), {}, {})
    assert f'<small class="interval">[{low}, {high}]</small>' in page
    told = results_as_json(results)["metrics"][0]["rows"]
    interval = told[-1]["cells"]["pan"]["interval"]
    assert [f"{100 * end:.2f}" for end in interval] == [low, high]
    assert told[1]["cells"]["pan"]["interval"] is None
    assert told[1]["cells"]["pan"]["no_interval"] == "of fewer than 5 samples"


def test_the_files_are_the_same_every_time(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", spec())
    found = []
    for name in "ab":
        files = write_tables(collect([run], replicates=150), tmp_path / name, ("csv", "latex", "markdown"))
        found.append(b"".join(file.read_bytes() for file in files))
    assert found[0] == found[1]
    assert b"Brackets" in found[0]
