"""What `collect` makes of a store: cells, counts, notes; one run or several."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2vbench.errors import UserError
from i2vbench.store import Store
from i2vbench.tables import collect, print_tables, results_as_json
from i2vbench.tables.layout import all_tables, metric_grid
from i2vbench.tables.results import Results
from i2vbench.types import Cell, Measurement
from tests.tables.runs import FLICKERING, METRICS_FILE, RunSpec, make_run, sample

ERROR, DISTANCE, BROKEN = (f"{METRICS_FILE}:{name}" for name in ("Error", "Distance", "Broken"))
SAMPLES = [sample("cat-1", "animals"), sample("car-1", "cars"), sample("cat-2", "animals"), sample("car-2", "cars")]
GOOD = (0.5, 0.6, 0.7, 0.8)


def two_models(**changes: Any) -> RunSpec:
    scores = {(FLICKERING, "static"): GOOD, (FLICKERING, "pan"): (0.1, 0.2, 0.3, 0.4)}
    return RunSpec(**{"samples": SAMPLES, "scores": scores} | changes)


def values(results: Results, metric: int = 0) -> list[list[float | None]]:
    return [[entry.cell.value for entry in row] for row in metric_grid(results, metric)]


def notes(results: Results, table: int = 1) -> str:
    return "\n".join(all_tables(results)[table].notes)


def test_categories_stand_in_the_order_of_their_first_sample_and_the_total_last(tmp_path: Path) -> None:
    results = collect([make_run(tmp_path, two_models())])
    assert results.categories == ["animals", "cars", "All"]
    expected = [[0.6, 0.2], [0.7, 0.3], [0.65, 0.25]]
    assert np.allclose(np.array(values(results), float), expected, atol=1e-12)


def test_a_category_called_all_is_not_taken_for_the_total(tmp_path: Path) -> None:
    spec = RunSpec([sample("a", "All"), sample("b", "x")], {(FLICKERING, "static"): (0.25, 0.75)}, models=["static"])
    results = collect([make_run(tmp_path, spec)])
    assert results.categories == ["All", "x", "All (total)"]
    assert values(results) == [[0.25], [0.75], [0.5]]


def test_clips_without_a_number_are_counted_apart_with_the_reason(tmp_path: Path) -> None:
    spec = two_models(
        scores={
            (FLICKERING, "static"): (0.5, "measure raised ValueError: no", None, None),
            (FLICKERING, "pan"): (None, ("n/a", "the sample has no reference clip"), 0.5, 0.7),
        },
        lost={("pan", "cat-1"): "model raised ValueError: out of luck", ("static", "car-2"): None},
    )
    results = collect([make_run(tmp_path, spec)])
    said = notes(results)
    assert "static: 1 of 4 clips failed (first: car-1: measure raised ValueError: no)" in said
    assert "static: 2 of 4 clips not measured yet (1 of them not generated yet)" in said
    assert "pan: 1 of 4 clips failed (first: cat-1: model raised ValueError: out of luck)" in said
    assert "pan: 1 of 4 clips not applicable (the sample has no reference clip)" in said
    row = all_tables(results)[1].rows[-1]
    assert [(c.text, c.n, c.short) for c in row.cells] == [("50.00", 1, True), ("60.00", 2, True)]
    assert row.n == 4


def test_a_cell_without_numbers_is_empty_and_says_why(tmp_path: Path) -> None:
    spec = two_models(scores={(FLICKERING, "static"): GOOD}, lost={("pan", s.id): "no luck" for s in SAMPLES})
    results = collect([make_run(tmp_path, spec)])
    assert [row[1] for row in values(results)] == [None, None, None]
    assert "pan: 4 of 4 clips failed (first: cat-1: no luck)" in notes(results)
    assert "pan in animals, cars: empty, no clip was measured: 2 failed" in notes(results)
    assert "–" in print_tables(results)


def test_an_aggregate_that_raises_empties_its_cells_only(tmp_path: Path) -> None:
    scores = {(metric, "static"): GOOD for metric in (FLICKERING, "broken")}
    spec = two_models(models=["static"], metrics=[FLICKERING, BROKEN], scores=scores)
    results = collect([make_run(tmp_path, spec)])
    assert values(results, 0)[-1] == [pytest.approx(0.65)]
    assert values(results, 1) == [[None], [None], [None]]
    assert "static: empty, aggregate failed: RuntimeError: the matrix is singular" in notes(results, 2)


def test_a_reason_is_the_same_wherever_the_run_lies(tmp_path: Path) -> None:
    folder = tmp_path / "somewhere"
    spec = two_models(lost={("pan", "cat-1"): f"{folder}/videos/pan/cat-1.mp4: cannot be read"})
    assert "(first: cat-1: videos/pan/cat-1.mp4: cannot be read)" in notes(collect([make_run(folder, spec)]))


def test_a_distribution_metric_gets_the_real_clips_of_the_same_samples(tmp_path: Path) -> None:
    made = tuple(np.full(3, x, np.float32) for x in (1, 2, 3, 100))
    real = tuple(np.full(3, x, np.float32) for x in (0, 1, 2, 7))
    spec = two_models(
        models=["static"],
        metrics=[DISTANCE],
        scores={("distance", "static"): made},
        reference={"distance": real},
        lost={("static", "car-2"): "failed"},  # neither its 100 nor the real clip's 7 count
    )
    results = collect([make_run(tmp_path, spec)])
    assert [row[0] for row in values(results)] == [pytest.approx(3**0.5)] * 3
    assert "static in animals, cars: fewer than 3 clips: the distance is biased" in notes(results)
    json.dumps(results_as_json(results), allow_nan=False)  # the metric returns numpy's numbers


def test_real_clips_that_are_missing_are_said(tmp_path: Path) -> None:
    made = tuple(np.full(3, x, np.float32) for x in range(4))
    spec = two_models(
        models=["static"],
        metrics=[DISTANCE],
        scores={("distance", "static"): made},
        reference={"distance": (made[0], None, "cannot be read", made[3])},
    )
    said = notes(collect([make_run(tmp_path, spec)]))
    assert "static: 1 of 4 real clips not measured yet (first: car-1)" in said
    assert "static: 1 of 4 real clips failed (first: cat-2: cat-2: cannot be read)" not in said
    assert "static: 1 of 4 real clips failed (first: cat-2: cannot be read)" in said


def test_features_are_read_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tuple(np.full(3, x, np.float32) for x in range(4))
    reference = {"distance": made}
    spec = two_models(models=["static"], metrics=[DISTANCE], scores={("distance", "static"): made}, reference=reference)
    folder = make_run(tmp_path, spec)
    events: list[str] = []
    load: Callable[[Store, Any], Measurement] = Store.load_measurement

    def loading(store: Store, row: Any) -> Measurement:
        events.append("load")
        return load(store, row)

    def aggregate(self: Any, generated: Any, reference: Any = None) -> Any:
        events.extend("used" for _ in generated)
        return Cell(1.0, 4)

    from i2vbench.registry import METRICS

    monkeypatch.setattr(Store, "load_measurement", loading)
    monkeypatch.setattr(type(METRICS.create(DISTANCE)), "aggregate", aggregate)
    collect([folder])
    assert events == ["load", "used"] * 8  # two categories of two clips, and all four


def test_the_summary_says_of_which_metric_a_note_is(tmp_path: Path) -> None:
    scores = {(FLICKERING, "static"): ("no luck", *GOOD[1:]), ("warp_error", "static"): GOOD}
    spec = two_models(models=["static"], metrics=[FLICKERING, ERROR], scores=scores, lost={("static", "car-2"): "no"})
    said = notes(collect([make_run(tmp_path, spec)]), 0)
    assert "Temporal Flickering: static: 2 of 4 clips failed (first: cat-1: no luck)" in said
    assert "Warping Error: static: 1 of 4 clips failed (first: car-2: no)" in said


def test_metrics_can_be_chosen(tmp_path: Path) -> None:
    scores = {(metric, "static"): GOOD for metric in (FLICKERING, "warp_error")}
    folder = make_run(tmp_path, two_models(models=["static"], metrics=[FLICKERING, ERROR], scores=scores))
    assert [info.id for info in collect([folder], ["warp_error"]).metrics] == ["warp_error"]
    with pytest.raises(UserError, match="no metric 'fvd' in these runs: they have temporal_flickering, warp_error"):
        collect([folder], ["fvd"])
    with pytest.raises(UserError, match="no run given"):
        collect([])


def test_runs_of_equal_settings_stand_side_by_side(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, two_models()) for name in "ab"]
    results = collect(runs)
    assert [c.label for c in results.columns] == ["static #1", "pan #1", "static #2", "pan #2"]
    assert "static #1, static #2: are of runs made under the same settings." in notes(results)
    assert str(tmp_path) not in notes(results)


def test_a_number_is_not_given_to_two_columns(tmp_path: Path) -> None:
    odd = two_models(models=["static", "static #1"], scores={(FLICKERING, "static"): GOOD})
    results = collect([make_run(tmp_path / "a", odd), make_run(tmp_path / "b", two_models(models=["static"]))])
    assert [c.label for c in results.columns] == ["static #2", "static #1", "static #3"]


def test_runs_that_differ_say_so_under_every_table(tmp_path: Path) -> None:
    other = {
        "seeds": [1],
        "dtype": "float16",
        "versions": {"python": "3.11.7", "numpy": "2.5.0"},
        "profile": {"name": "tiny", "title": "small", "protocol": {"num_frames": 8, "fps": 8, "height": 64,
                    "width": 64, "interpolation": "bicubic", "sampling": "first"}},
    }  # fmt: skip
    first = make_run(tmp_path / "a", two_models())
    scores = {(FLICKERING, "pan"): GOOD}
    second = make_run(tmp_path / "b", two_models(models=["pan"], scores=scores, seeds=[1], changes=other))
    results = collect([first, second])
    for table in range(2):
        said = notes(results, table)
        assert "columns pan #2: profile tiny; others: paper." in said
        assert "columns pan #2: dtype float16; others: float32." in said
        assert "columns pan #2: version of numpy 2.5.0; others: 2.4.6." in said
        assert "pan #1, pan #2: differ in seeds (0; 1), profile (paper; tiny), dtype (float32; float16), " in said
        assert "pan #2: Profile tiny (small): 8 frames at 8 fps (the first ones), 64 x 64 pixels" in said


def test_two_profiles_of_one_name_are_told_apart(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", two_models())
    profile = json.loads((first / "run.json").read_text())["profile"]
    profile["protocol"]["fps"] = 4
    results = collect([first, make_run(tmp_path / "b", two_models(models=["pan"], changes={"profile": profile}))])
    line = next(n for n in results.run_notes if "profile paper [" in n)
    texts = [part.split("[")[1][:8] for part in line.split(";")]
    assert len(set(texts)) == 2


def test_different_data_sets_are_marked_loudly(tmp_path: Path) -> None:
    data = {"name": "other", "samples": 2, "fingerprint": "0" * 64}
    samples = [sample("cat-1", "animals"), sample("boat-1", "boats")]
    spec = RunSpec(samples, {(FLICKERING, "ours"): (0.2, 0.4)}, models=["ours"], changes={"dataset": data})
    results = collect([make_run(tmp_path / "a", two_models()), make_run(tmp_path / "b", spec)])
    assert results.categories == ["animals", "cars", "boats", "All"]
    assert [row[2] for row in values(results)] == [0.2, None, 0.4, pytest.approx(0.3)]
    assert not [cell for row in all_tables(results)[1].rows for cell in row.cells if cell.mark]
    assert "DIFFERENT DATA SETS: these columns were not measured on the same samples" in notes(results)
    assert "ours in cars; static, pan in boats: empty, this run has no clips of this category" in notes(results)


def test_a_metric_that_only_one_run_has_leaves_the_others_empty(tmp_path: Path) -> None:
    scores = {(metric, "ours"): GOOD for metric in (FLICKERING, "warp_error")}
    more = two_models(models=["ours"], metrics=[FLICKERING, ERROR], scores=scores)
    results = collect([make_run(tmp_path / "a", two_models()), make_run(tmp_path / "b", more)])
    assert values(results, 1)[-1] == [None, None, pytest.approx(0.65)]
    assert "static, pan: empty, this run has no such metric" in notes(results, 2)


def test_a_metric_that_has_changed_is_marked(tmp_path: Path) -> None:
    scores = {("warp_error", "static"): GOOD}
    folder = make_run(tmp_path / "a", two_models(models=["static"], metrics=[ERROR], scores=scores))
    assert "has changed" not in notes(collect([folder]))
    settings = json.loads((folder / "run.json").read_text())
    settings["metrics"]["warp_error"]["source_sha256"] = "0" * 64
    (folder / "run.json").write_text(json.dumps(settings))
    assert "The metric's code has changed since the run" in notes(collect([folder]))
    same = make_run(tmp_path / "b", two_models(models=["static"], metrics=[ERROR], scores=scores))
    assert "THE METRIC DIFFERS between the runs" in notes(collect([same, folder]))


def test_json_has_the_unrounded_numbers(tmp_path: Path) -> None:
    data = results_as_json(collect([make_run(tmp_path, two_models())]))
    assert data["summary"][0]["cells"][FLICKERING]["value"] == pytest.approx(0.65, abs=1e-15)
    cell = data["metrics"][0]["rows"][0]["cells"]["pan"]
    assert (cell["value"], cell["printed"], cell["n"]) == (pytest.approx(0.2), "20.00", 2)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
