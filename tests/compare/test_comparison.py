"""What `compare` makes of runs: whom, on which samples, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2vbench.compare import Draws, choose, open_sides, seed_noise
from i2vbench.compare.comparison import Difference
from i2vbench.compare.words import how_tested, sentences
from i2vbench.errors import UserError
from i2vbench.metrics.base import Metric
from i2vbench.profiles import load_profile
from i2vbench.tables import collect
from tests.compare.runs import BROKEN, DISTANCE, DYNAMIC, ERROR, compared, drawn, one_model, samples
from tests.tables.runs import FLICKERING, RunSpec, make_run, sample


def two_runs(folder: Path, count: int = 20, **more: Any) -> tuple[Path, Path]:
    a = one_model(folder / "a", "calm", {FLICKERING: drawn(0, count, 0.8)})
    return a, one_model(folder / "b", "lively", {FLICKERING: drawn(1, count)}, **more)


def test_the_numbers_by_hand(tmp_path: Path) -> None:
    a = one_model(tmp_path / "a", "calm", {FLICKERING: [0.5, 0.6, 0.7, 0.8]})
    b = one_model(tmp_path / "b", "lively", {FLICKERING: [0.4, 0.6, 0.5, 0.9]})
    found = compared(a, b)
    assert found.categories == ["Pet", "Food", "All"]
    pet, food, total = found.metrics[0].rows
    assert (total.n, total.planned, total.a, total.b) == (4, (4, 4), pytest.approx(0.65), pytest.approx(0.6))
    assert (total.wins, total.ties, total.losses, total.superiority) == (2, 1, 1, 0.625)
    assert (pet.wins, pet.losses, food.ties, food.losses) == (2, 0, 1, 1)
    # Of 0.1, 0.2 and -0.1: 0.2 or more in 2 + 2 of the 8 ways, and 0.4 in none of them more.
    assert (total.p, total.exact) == (0.75, True)
    assert total.effect == pytest.approx(0.05 / np.std([0.1, 0, 0.2, -0.1], ddof=1))


def test_sides_change_the_sign_and_nothing_else(tmp_path: Path) -> None:
    a, b = two_runs(tmp_path)
    there, back = compared(a, b).metrics[0], compared(b, a).metrics[0]
    for some, other in zip(there.rows, back.rows, strict=True):
        assert some.difference == pytest.approx(-other.difference)  # type: ignore[operator]
        assert (some.p, some.corrected) == (other.p, other.corrected)
        assert (some.wins, some.losses, some.ties) == (other.losses, other.wins, other.ties)
        assert some.effect == pytest.approx(-other.effect)  # type: ignore[operator]
        assert some.interval is not None
        assert other.interval is not None
        assert some.interval.low == pytest.approx(-other.interval.high)


def test_a_run_and_its_copy_do_not_differ(tmp_path: Path) -> None:
    a, _ = two_runs(tmp_path)
    shutil.copytree(a, tmp_path / "copy")
    found = compared(a, tmp_path / "copy")
    assert found.labels == ("calm #1", "calm #2")
    for some in found.metrics[0].rows:
        assert (some.difference, some.p, some.corrected, some.ties) == (0, 1, 1, some.n)
        assert not some.significant
        assert some.better(found.metrics[0].info) is None


def test_neither_other_metrics_nor_the_order_of_samples_change_a_p_value(tmp_path: Path) -> None:
    scores = {m: {"calm": drawn(i, 20), "lively": drawn(i + 5, 20)} for i, m in enumerate((FLICKERING, "clipsim"))}
    order = list(np.random.default_rng(0).permutation(20))
    both, alone = [], []
    for name in ("calm", "lively"):
        both.append(one_model(tmp_path / name, name, {m: scores[m][name] for m in scores}))
        shuffled = [scores[FLICKERING][name][i] for i in order]
        plan = [samples(20)[i] for i in order]
        alone.append(one_model(tmp_path / f"{name}2", name, {FLICKERING: shuffled}, samples=plan))
    first, second = compared(*both, metrics=["clipsim", FLICKERING]), compared(*alone)
    assert first.metrics[1].total.p == second.metrics[0].total.p
    assert first.metrics[1].total.interval == second.metrics[0].total.interval
    assert first.metrics[1].total.corrected >= second.metrics[0].total.corrected  # type: ignore[operator]


def test_holms_families_are_the_metrics_and_all_cells_of_categories(tmp_path: Path) -> None:
    runs = [
        one_model(tmp_path / name, name, {FLICKERING: drawn(i, 40), "clipsim": drawn(i + 5, 40)})
        for i, name in enumerate(("calm", "lively"))
    ]
    found = compared(*runs)
    totals = sorted((m.total.p, m.total.corrected) for m in found.metrics)  # type: ignore[type-var]
    assert totals[0][1] == min(1, 2 * totals[0][0])  # type: ignore[operator]
    cells = sorted((row.p, row.corrected) for m in found.metrics for row in m.rows[:-1])  # type: ignore[type-var]
    assert len(cells) == 4
    assert cells[0][1] == min(1, 4 * cells[0][0])  # type: ignore[operator]
    alone = compared(*runs, by_category=False)
    assert alone.categories == ["All"]
    assert [m.total for m in alone.metrics] == [m.total for m in found.metrics]


def test_only_samples_that_both_measured_count(tmp_path: Path) -> None:
    values = [0.5, "out of memory", 0.5, None, 0.5, ("n/a", "it moves"), 0.5, 0.5]
    a = one_model(tmp_path / "a", "calm", {FLICKERING: values})
    b = one_model(tmp_path / "b", "lively", {FLICKERING: drawn(1, 6)}, samples=samples(6, first=2))
    found = compared(a, b).metrics[0]
    assert (found.total.n, found.total.planned) == (4, (8, 6))
    said = "\n".join(found.notes)
    assert "calm: 1 of 8 clips failed (first: s01: out of memory)" in said
    assert "calm: 1 of 8 clips not measured yet" in said
    assert "calm: 1 of 8 clips not applicable (it moves)" in said


def test_a_sample_counts_once_whatever_its_seeds(tmp_path: Path) -> None:
    a = one_model(tmp_path / "a", "calm", {FLICKERING: [0.2, 0.4, 0.5, 0.7, 0.9, None]}, seeds=(0, 1))
    b = one_model(tmp_path / "b", "lively", {FLICKERING: [0.1, 0.2, 0.3]})
    found = compared(a, b).metrics[0]
    assert (found.total.n, found.total.a) == (3, pytest.approx((0.3 + 0.6 + 0.9) / 3))
    assert found.noise[0] is not None
    assert found.noise[1:] == (None, None)


def test_means_over_seeds_that_differ_in_rounding_alone_are_equal(tmp_path: Path) -> None:
    a = one_model(tmp_path / "a", "calm", {FLICKERING: [0.1, 0.2, 0.3] * 9}, seeds=(0, 1, 2))
    b = one_model(tmp_path / "b", "lively", {FLICKERING: [0.2] * 9})
    total = compared(a, b).metrics[0].total
    assert (total.p, total.ties, total.effect) == (1, 9, None)


def test_noise_of_differences_is_of_the_seeds_that_both_have(tmp_path: Path) -> None:
    a = one_model(tmp_path / "a", "calm", {FLICKERING: drawn(0, 30)}, seeds=(0, 1, 2))
    b = one_model(tmp_path / "b", "lively", {FLICKERING: drawn(1, 20)}, seeds=(1, 2))
    noises = compared(a, b).metrics[0].noise
    assert [some and some.seeds for some in noises] == [3, 2, 2]
    single = open_sides(choose(a, None, None, None))
    assert seed_noise(single) == [(compared(a, b).metrics[0].info, noises[0])]


def test_pooled_frames_are_tested_as_the_mean_they_are(tmp_path: Path) -> None:
    def frames(successes: list[int], of: int = 16) -> list[Any]:
        return [{"value": k / of, "details": {"frames": of, "successes": k}} for k in successes]

    a = one_model(tmp_path / "a", "calm", {"object_consistency": frames([16, 8, 12, 4])})
    b = one_model(tmp_path / "b", "lively", {"object_consistency": frames([8, 8, 8, 8])})
    found = compared(a, b).metrics[0]
    assert not found.distance
    assert (found.total.a, found.total.p) == (0.625, 0.75)


def test_a_number_that_is_no_mean_is_made_again(tmp_path: Path) -> None:
    """Frames of clips that are not equally many are pooled, so that a mean of clips is another number."""
    values = [{"value": k / 16, "details": {"frames": 16 * f, "successes": k * f}} for k, f in ((16, 1), (8, 2))]
    a = one_model(tmp_path / "a", "calm", {"object_consistency": values})
    b = one_model(tmp_path / "b", "lively", {"object_consistency": values[::-1]})
    found = compared(a, b).metrics[0]
    assert found.distance
    assert found.total.a == pytest.approx(32 / 48)
    assert any("is not the mean over clips" in note for note in found.notes)


def distances(folder: Path, name: str, shift: float, **more: Any) -> Path:
    rows = list(np.random.default_rng(len(name)).normal(size=(12, 3)) + shift)
    real = list(np.random.default_rng(0).normal(size=(12, 3)))
    scores = {"distance": rows}
    return one_model(folder / name, name, scores, specs=[DISTANCE], reference={"distance": real}, **more)


def test_distances_are_compared_with_the_real_clips(tmp_path: Path) -> None:
    found = compared(distances(tmp_path, "calm", 0.0), distances(tmp_path, "lively", 3.0)).metrics[0]
    assert found.distance
    assert found.total.better(found.info) == 0
    assert (found.total.p, found.total.draws) == (1e-4, 50)
    assert (found.total.effect, found.total.wins) == (None, None)
    assert found.total.interval is not None
    assert found.total.interval.high < 0


def test_what_prints_as_no_difference_is_a_tie(tmp_path: Path) -> None:
    """In points of two digits, 0.004 is printed as 0.00 and 0.006 as 0.01."""
    a = one_model(tmp_path / "a", "calm", {FLICKERING: [0.50004, 0.50006, 0.49994, 0.5, 0.49996]})
    b = one_model(tmp_path / "b", "lively", {FLICKERING: [0.5] * 5})
    total = compared(a, b).metrics[0].total
    assert (total.wins, total.ties, total.losses) == (1, 3, 1)
    assert total.interval is not None, "of five samples there is one"


def test_a_category_of_too_few_clips_has_no_distance(tmp_path: Path) -> None:
    rows = list(np.random.default_rng(0).normal(size=(12, 3)))
    runs = [
        one_model(tmp_path / n, n, {"fvd": rows}, specs=["fvd"], reference={"fvd": rows}) for n in ("calm", "lively")
    ]
    *categories, total = compared(*runs).metrics[0].rows
    assert {one.note for one in categories} == {"of fewer than 400 samples it would be mostly bias"}
    assert total.difference == 0


def test_the_interval_of_a_distance_is_of_a_less_b(tmp_path: Path) -> None:
    """Its ends lie where the percentiles do, which of a skewed difference are not as far to either side."""
    real, near, far = np.zeros((12, 3)), np.full((12, 3), 0.1), np.zeros((12, 3))
    far[0] = 50.0  # drawn several times or not at all
    runs = [
        one_model(tmp_path / n, n, {"distance": list(rows)}, specs=[DISTANCE], reference={"distance": list(real)})
        for n, rows in (("calm", far), ("lively", near))
    ]
    total = compared(*runs, draws=Draws(200, 500), by_category=False).metrics[0].total
    assert total.interval is not None
    assert total.interval.high - total.difference > 1.5 * (total.difference - total.interval.low)


def test_five_samples_are_enough_for_an_interval_of_a_distance_and_one_for_none(tmp_path: Path) -> None:
    for count, why in ((5, ""), (4, "of fewer than 5 samples"), (1, "fewer than two samples that both measured")):
        rows = list(np.random.default_rng(0).normal(size=(count, 3)))
        runs = [
            one_model(tmp_path / f"{n}{count}", n, {"distance": rows}, specs=[DISTANCE], reference={"distance": rows})
            for n in ("calm", "lively")
        ]
        total = compared(*runs, by_category=False).metrics[0].total
        assert (total.interval is None, total.note.endswith(why)) == (bool(why), True)


def test_a_sample_without_a_real_clip_is_left_out_of_a_distance(tmp_path: Path) -> None:
    rows = list(np.random.default_rng(0).normal(size=(5, 3)))
    real = {"distance": [*rows[:3], "the file is broken", rows[4]]}
    runs = [one_model(tmp_path / n, n, {"distance": rows}, specs=[DISTANCE], reference=real) for n in "xy"]
    found = compared(*runs).metrics[0]
    assert found.total.n == 4
    assert "1 samples are left out: their real clips have no measurement." in found.notes


def test_distances_are_of_the_same_resamples(tmp_path: Path) -> None:
    """What a sample adds to both distances cancels: B's clips are A's, off by a little."""
    rows, real = np.random.default_rng(0).normal(size=(2, 12, 3))
    scores = {"calm": rows + 1, "lively": rows + 1.01}
    runs = [
        one_model(tmp_path / n, n, {"distance": list(some)}, specs=[DISTANCE], reference={"distance": list(real)})
        for n, some in scores.items()
    ]
    own = collect(runs[:1], replicates=100).cells["entry"].iloc[-1].interval
    found = compared(*runs, by_category=False).metrics[0].total.interval
    assert found is not None
    assert found.high - found.low < 0.1 * (own.high - own.low)


def test_a_distance_has_as_many_clips_of_a_sample_on_both_sides(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(6, 3))
    real = {"distance": [np.zeros(3)] * 6}
    twice = [clip for row in rows for clip in (row, row + 100)]
    a = one_model(tmp_path / "a", "calm", {"distance": twice}, specs=[DISTANCE], reference=real, seeds=(0, 1))
    b = one_model(tmp_path / "b", "lively", {"distance": list(rows)}, specs=[DISTANCE], reference=real)
    found = compared(a, b).metrics[0]
    assert found.total.difference == 0
    assert any(note.startswith("6 clips are left out, so that each sample has as many") for note in found.notes)


def test_distances_need_not_be_drawn(tmp_path: Path) -> None:
    runs = distances(tmp_path, "calm", 0.0), distances(tmp_path, "lively", 3.0)
    total = compared(*runs, draws=Draws(200, 0)).metrics[0].total
    assert total.difference is not None
    assert (total.p, total.interval, total.corrected) == (None, None, None)
    assert "--distance-replicates 0" in total.note


def test_a_slow_distance_has_a_tenth_of_the_resamples(tmp_path: Path) -> None:
    """As its interval in a table has; of an extrapolated one none means anything there, nor here."""
    rows = np.random.default_rng(0).normal(size=(3, 12, 1, 2))
    runs = [
        one_model(
            tmp_path / name, name, {"fid": list(rows[i] + i)}, specs=["fid", "kid", "fid_infinity"],
            reference={"fid": list(rows[2])},
        )
        for i, name in enumerate(("calm", "lively"))
    ]  # fmt: skip
    fid, kid, extrapolated = (m.total for m in compared(*runs, draws=Draws(200, 400), by_category=False).metrics)
    assert (fid.draws, kid.draws) == (100, 400)
    assert fid.p is not None
    assert how_tested(fid, True) == "100 resamples, standard error"
    assert how_tested(kid, True) == "400 resamples"
    assert (extrapolated.p, extrapolated.interval) == (None, None)


def test_an_interval_of_few_samples_is_as_wide_as_in_a_table(tmp_path: Path) -> None:
    """Where B is 0 everywhere the difference is A, whose interval `table` has."""
    values = drawn(0, 12)
    a = one_model(tmp_path / "a", "calm", {FLICKERING: values})
    b = one_model(tmp_path / "b", "lively", {FLICKERING: [0.0] * 12})
    found = compared(a, b, draws=Draws(4000)).metrics[0].total.interval
    entry = collect([a], replicates=4000).cells["entry"].iloc[-1]
    assert (found.low, found.high) == pytest.approx((entry.interval.low, entry.interval.high), abs=0.002)  # type: ignore[union-attr]
    assert found.high - found.low > 1.04 * 2 * 1.96 * np.std(values) / 12**0.5  # type: ignore[union-attr]


def test_fewer_than_five_samples_have_no_interval(tmp_path: Path) -> None:
    a = one_model(tmp_path / "a", "calm", {FLICKERING: [0.5, 0.6, 0.7, 0.8]})
    b = one_model(tmp_path / "b", "lively", {FLICKERING: [0.4, 0.6, 0.5, 0.9]})
    found = compared(a, b)
    total = found.metrics[0].total
    assert (total.interval, total.p, total.note) == (None, 0.75, "no interval of fewer than 5 samples")
    (said,) = sentences(found)
    assert said.endswith(
        "that these clips can show: calm - lively = 5.00 points, on all 4 samples; Holm-corrected p = 0.7500."
    )


def test_resamples_without_a_number_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = distances(tmp_path, "calm", 0.0), distances(tmp_path, "lively", 3.0)
    monkeypatch.setattr(Metric, "replicates", lambda *given: np.where(np.arange(len(given[3])) < 20, np.nan, 1.0))
    total = compared(*runs).metrics[0].total
    assert total.difference is not None
    assert (total.p, total.interval) == (None, None)
    assert total.note == "no interval and no p-value: 20 of 50 resamples have no number"


def test_a_metric_that_raises_is_told_of_and_the_others_are_compared(tmp_path: Path) -> None:
    runs = [
        one_model(tmp_path / name, name, {"broken": drawn(i, 4), "warp_error": drawn(i + 5, 4)}, specs=[BROKEN, ERROR])
        for i, name in enumerate(("calm", "lively"))
    ]
    broken, error = compared(*runs).metrics
    assert "singular" in broken.total.note
    assert error.total.p is not None


def test_code_that_only_the_folder_names_does_not_run(tmp_path: Path) -> None:
    runs = [one_model(tmp_path / n, n, {"warp_error": drawn(i, 4)}, specs=[ERROR]) for i, n in enumerate("xy")]
    assert "--trust" in compared(*runs, trusted=[]).metrics[0].total.note
    assert compared(*runs, trusted=[ERROR]).metrics[0].total.p is not None


def test_lower_may_be_better(tmp_path: Path) -> None:
    runs = [one_model(tmp_path / n, n, {"warp_error": [v] * 4}, specs=[ERROR]) for n, v in (("x", 0.1), ("y", 0.2))]
    found = compared(*runs).metrics[0]
    assert (found.total.wins, found.total.better(found.info)) == (4, 0)


def test_metrics_that_differ_or_are_missing_are_marked(tmp_path: Path) -> None:
    a = one_model(tmp_path / "a", "calm", {FLICKERING: drawn(0, 4), DYNAMIC: [0.0, 1.0, 0.0, 1.0]})
    b = one_model(tmp_path / "b", "lively", {FLICKERING: drawn(1, 4)})
    flickering, dynamic = compared(a, b).metrics
    assert flickering.total.p is not None
    assert dynamic.total.note == "lively was not measured: its run has no such metric"
    other = json.loads((b / "run.json").read_text())
    other["metrics"][FLICKERING]["checkpoints"] = {"net": "ab" * 32}
    (b / "run.json").write_text(json.dumps(other))
    flickering = compared(a, b).metrics[0]
    assert "the metric differs between the runs" in flickering.total.note
    assert any(note.startswith("THE METRIC DIFFERS") for note in flickering.notes)


def test_two_models_of_one_run(tmp_path: Path) -> None:
    scores = {(FLICKERING, "static"): drawn(0, 6), (FLICKERING, "pan"): drawn(1, 6)}
    run = make_run(tmp_path / "run", RunSpec(samples(6), scores))
    found = compared(run, model_a="pan", model_b="static")
    assert found.labels == ("pan", "static")
    assert found.metrics[0].total.n == 6


def refused(*arguments: Any) -> str:
    with pytest.raises(UserError) as error:
        open_sides(choose(*arguments))
    return str(error.value)


def test_which_model_is_meant_is_asked(tmp_path: Path) -> None:
    two = make_run(tmp_path / "two", RunSpec(samples(2), {}))
    other = make_run(tmp_path / "other", RunSpec(samples(2), {}))
    one = make_run(tmp_path / "one", RunSpec(samples(2), {}, models=["pan"]))
    assert "two has several models: static, pan" in refused(two, None, None, None)
    assert "--model-a is one of static, pan" in refused(two, other, None, None)
    assert "both pan" in refused(two, None, "pan", "pan")
    assert "no model 'pam' in" in refused(two, None, "pam", None)
    assert "did you mean pan?" in refused(two, one, None, "pam")
    assert "compared with itself" in refused(one, one, None, None)
    assert [choice.model for choice in choose(two, one, None, None)] == ["pan", "pan"]
    assert [choice.model for choice in choose(two, one, "static", None)] == ["static", "pan"]
    assert [choice.model for choice in choose(two, other, "pan", None)] == ["pan", "pan"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": {"name": "demo", "samples": 20, "fingerprint": "ff" * 32}}, "different data sets (calm: demo"),
        (
            {"first_frames": {"spec": "x", "title": "made", "fingerprint": "1"}},
            "different first frames (calm: the data",
        ),
        ({"profile": load_profile("tiny").as_dict()}, "different profiles (calm: paper"),
    ],
)
def test_runs_that_differ_in_more_than_the_model_are_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    a, b = two_runs(tmp_path, changes=changes)
    said = refused(a, b, None, None)
    assert words in said
    assert "cannot be compared sample by sample" in said


def test_runs_that_share_no_sample_are_refused(tmp_path: Path) -> None:
    a, b = two_runs(tmp_path, samples=samples(20, first=50))
    assert "share no sample" in refused(a, b, None, None)


def test_a_category_called_all_is_not_taken_for_the_total(tmp_path: Path) -> None:
    runs = [
        one_model(tmp_path / n, n, {FLICKERING: drawn(i, 2)}, samples=[sample("a", "All"), sample("b", "x")])
        for i, n in enumerate("xy")
    ]
    found = compared(*runs)
    assert found.categories == ["All", "x", "All (total)"]
    assert [row.n for row in found.metrics[0].rows] == [1, 1, 2]
    assert "fewer than two samples" in found.metrics[0].rows[0].note


@pytest.mark.parametrize(("corrected", "significant"), [(None, False), (0.0499, True), (0.05, False), (0.0501, False)])
def test_significant_is_a_corrected_p_below_5_percent(corrected: float | None, significant: bool) -> None:
    assert Difference(planned=(9, 9), p=0.001, corrected=corrected).significant == significant
