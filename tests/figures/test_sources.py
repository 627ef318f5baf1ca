"""Runs and the paper's tables as series: the numbers that the tables print, and what must be said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.figures.series import Series, notes_for
from i2vbench.figures.sources import paper_series, run_series, with_published
from i2vbench.leaderboards import published
from i2vbench.profiles import load_profile
from i2vbench.tables import collect
from i2vbench.tables.layout import metric_table
from tests.tables.runs import FLICKERING, RunSpec, make_run, sample

SAMPLES = [sample("a", "Pet"), sample("b", "Food"), sample("c", "Pet"), sample("d", "Food")]
METRICS = (FLICKERING, "dynamic_degree", "subject_consistency")
SCORES = {
    (FLICKERING, "static"): (1.0, 1.0, 1.0, 1.0),
    (FLICKERING, "pan"): (0.91, 0.92, 0.93, None),
    ("dynamic_degree", "static"): (0.0, 0.0, 0.0, 0.0),
    ("dynamic_degree", "pan"): (1.0, 0.0, 1.0, 1.0),
    ("subject_consistency", "static"): (1.0, 1.0, 1.0, 1.0),
    ("subject_consistency", "pan"): (0.91234, "no luck", 0.93, 0.94),
}


def spec(**changes: object) -> RunSpec:
    return RunSpec(SAMPLES, SCORES, metrics=METRICS, changes=changes)


def notes(series: Series) -> str:
    return "\n".join(notes_for(series, series.metrics))


def test_numbers_of_a_run_are_those_that_its_tables_print(tmp_path: Path) -> None:
    results = collect([make_run(tmp_path, spec())])
    series = run_series(results)
    for position, info in enumerate(results.metrics):
        for row in metric_table(results, position).rows:
            assert [datum.text for datum in series.rows[info.id][row.label]] == [cell.text for cell in row.cells]
    assert series.totals("subject_consistency")[1].note == "n = 3 of 4 clips"
    assert series.clips("subject_consistency") == ((100,) * 4, pytest.approx((91.234, 93.0, 94.0)))
    assert "Data set demo (4 samples), profile paper." in notes(series)
    assert "n = 3 to 4 clips a model (Dynamic Degree: 4)." in notes(series)


def test_the_papers_numbers_are_printed_as_in_its_tables_with_their_counts() -> None:
    series = paper_series()
    assert [info.id for info in series.metrics] == list(published.METRIC_IDS.values())[4:]
    for id_, name in ((id_, name) for name, id_ in published.METRIC_IDS.items()):
        printed = [n.text for m in published.METHODS for n in published.numbers(2) if (n.metric, n.method) == (name, m)]
        if printed:
            assert [datum.text for datum in series.totals(id_)] == printed
    assert series.counts["dynamic_degree"] == (2951,) * 5
    assert series.counts["scene_consistency"] == (100,) * 5
    assert list(series.rows["object_consistency"]) == ["Pet", "Food", "Animal", "Vehicle", "All"]
    exchanged = series.rows["scene_consistency"]["Scenery-City"][0]
    assert (exchanged.text, "exchanged in print" in exchanged.note) == ("35.53", True)


def test_table_1_stands_beside_runs_of_its_data_sets() -> None:
    series = paper_series("ucf101")
    assert {id_: [d.text for d in series.totals(id_)][-1] for id_ in series.rows} == {
        "fvd": "177.66", "inception_score": "56.22", "fid": "15.74",
    }  # fmt: skip
    assert series.counts["fvd"] == (2048,) * 5
    assert [d.text for d in paper_series("msrvtt").totals("clipsim")][-1] == "0.2674"


def test_the_papers_models_stand_beside_those_of_a_run_in_its_rows(tmp_path: Path) -> None:
    results = collect([make_run(tmp_path, spec())])
    series = with_published(run_series(results), results)
    assert [model.label for model in series.models][1:3] == ["pan", "AnimateAnything (paper)"]
    assert list(series.rows[FLICKERING]) == ["Pet", "Food", "All"]
    assert [datum.text for datum in series.rows[FLICKERING]["Pet"]] == [
        "100.00", "92.00", "98.90", "90.98", "92.24", "93.89", "95.88",
    ]  # fmt: skip
    said = notes(series)
    assert (
        "Not comparable with the paper's models: static, pan, with data set demo (4 samples) instead of I2V-Bench"
        in said
    )
    assert "(paper): numbers of Ren et al. (TMLR 07/2024), Tables 2 and 6 to 13: data set I2V-Bench" in said
    assert "(paper): n = 2,951 clips a model." in said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"profile": load_profile("tiny").under("i2v-bench").as_dict()}, "profile tiny"),
        ({"profile": load_profile("paper").under("ucf101").as_dict()}, "the first frames instead of frames nearest"),
        ({"selection": {"limit": 4, "categories": None}}, "4 samples (--limit 4) instead of all of I2V-Bench"),
        (
            {"first_frames": {"spec": "images:x", "title": "pictures of mine", "fingerprint": "1"}},
            "first frames pictures of mine instead of the data set's own",
        ),
    ],
)
def test_how_a_run_differs_from_the_paper_is_said(
    tmp_path: Path, changes: dict[str, object], reason: str | None
) -> None:
    data = {"dataset": {"name": "i2v-bench", "spec": "i2v-bench", "samples": 4, "fingerprint": "ab" * 32}}
    results = collect([make_run(tmp_path, spec(**(data | changes)))])
    said = notes(with_published(run_series(results), results))
    assert ("Not comparable with the paper's models: static, pan, with" in said) is (reason is not None)
    if reason is None:
        assert (
            "the paper's models: static, pan in Dynamic Degree, with dynamic_degree through nothing instead of" in said
        )
    if reason:
        assert f"static, pan, with {reason}" in said


def test_runs_of_different_data_are_drawn_with_a_warning(tmp_path: Path) -> None:
    other = {"dataset": {"name": "demo", "samples": 4, "fingerprint": "cd" * 32}}
    runs = [make_run(tmp_path / "a", spec()), make_run(tmp_path / "b", spec(**other))]
    said = notes(run_series(collect(runs)))
    assert said.startswith("Not comparable: the models stand on different data sets.\n")
    assert "static #1, pan #1: data set demo (4 samples, fingerprint ab12cd34), profile paper." in said
    alone = run_series(collect(runs)).of_models(["static #1", "pan #1"])
    assert "Not comparable" not in notes(alone)


def test_runs_of_two_boards_cannot_stand_beside_one_table_of_the_paper(tmp_path: Path) -> None:
    other = {"dataset": {"name": "ucf101", "samples": 4, "fingerprint": "cd" * 32}}
    results = collect([make_run(tmp_path / "a", spec()), make_run(tmp_path / "b", spec(**other))])
    with pytest.raises(UserError, match="need numbers of I2V-Bench and UCF-101; draw them one by one"):
        with_published(run_series(results), results)


def test_a_choice_keeps_the_rest_out() -> None:
    series = paper_series().of_models(["SEINE"]).of_metrics(["dynamic_degree"])
    assert [datum.text for datum in series.totals("dynamic_degree")] == ["42.12"]
    with pytest.raises(UserError, match="no model 'seine' to draw: there are AnimateAnything"):
        paper_series().of_models(["seine"])
    with pytest.raises(UserError, match="no metric 'fvd' to draw: there are temporal_flickering"):
        paper_series().of_metrics(["fvd"])
