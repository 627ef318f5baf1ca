"""The main job: what a run does with good models, bad ones, and what is there already."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from i2vbench.errors import UserError
from i2vbench.plan import request_seed, resolve_categories, select
from i2vbench.store import REFERENCE, Store
from i2vbench.tables import collect
from i2vbench.types import FrameSource, Request, Sample
from i2vbench.video import read_video
from tests.conftest import Go
from tests.parts import (
    ByGroup,
    Colours,
    DoesNotLoad,
    FailsOnce,
    FailsOnOne,
    FailsOnOneClip,
    FailsOnOneClipToo,
    Holds,
    Leaves,
    LeavesInGenerate,
    MixesUpClips,
    NeedsObjects,
    Noise,
    NotANumber,
    NotANumberInDetails,
    NotForTwoClips,
    NothingForImages,
    NumpyNumbers,
    One,
    OnlyMultiplesOf64,
    OutOfRange,
    Shapes,
    Short,
    Slow,
    TooWide,
    Warns,
    Wide,
    WritesIntoItsClips,
    WritesIntoItsRequest,
    WrongShape,
    noise,
)


def calls(tmp_path: Path, what: str) -> list[list[str]]:
    path = tmp_path / "calls"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return [ids for kind, ids in map(json.loads, lines) if kind == what]


def states(folder: Path, model: str = "noise") -> dict[str, tuple[str, str | None]]:
    with Store.open(folder) as store:
        return {clip.sample_id: (clip.state, clip.reason) for clip in store.clips(model)}


def measured(folder: Path, metric: str = "one", model: str = "noise") -> dict[str, tuple[str, str | None]]:
    with Store.open(folder) as store:
        return {row.sample_id: (row.state, row.reason) for row in store.measurements(metric, model)}


def test_a_stored_video_is_what_the_model_returned(go: Go, tmp_path: Path) -> None:
    outcome = go([Noise])
    assert outcome.failed == 0
    with Store.open(outcome.folder) as store:
        for clip in store.clips("noise"):
            request = Request(clip.sample_id, np.zeros((32, 48, 3), np.uint8), "", 4, 32, 48, 8.0, clip.request_seed)
            video = read_video(outcome.folder / clip.video)
            np.testing.assert_array_equal(video.frames, noise(request))
            assert video.fps == 8.0
    assert calls(tmp_path, "generate") == [["clip-0", "clip-1", "clip-2", "clip-3"], ["clip-4", "image-0"]]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (FailsOnOne, "MemoryError: CUDA out of memory"),
        (WrongShape, "ValueError: returned 2 frames of 32 x 48 pixels; asked for were 4 frames of 32 x 48"),
        (NotANumber, "ValueError: frames: expected uint8 0..255, got float64 with NaN or infinite values"),
    ],
)
def test_one_bad_clip_costs_only_itself(go: Go, tmp_path: Path, model: type, reason: str) -> None:
    outcome = go([model])
    assert outcome.failed == 1
    found = states(outcome.folder)
    assert found.pop("clip-1") == ("failed", reason)
    assert set(found.values()) == {("done", None)}
    assert calls(tmp_path, "generate")[:4] == [
        ["clip-0", "clip-1", "clip-2", "clip-3"], ["clip-0", "clip-1"], ["clip-0"], ["clip-1"],
    ]  # fmt: skip
    assert "clip-1" not in measured(outcome.folder)
    assert reason.partition(":")[0] in (outcome.folder / "log.txt").read_text()


def test_what_a_model_warns_of_goes_to_the_log(go: Go, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = go([Warns])
    assert "the prompt of clip-2 was cut off" in (outcome.folder / "log.txt").read_text()
    assert "cut off" not in capfd.readouterr().err


def test_a_size_that_a_model_cannot_make_is_refused_before_the_run(go: Go, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="size 32x48: model 'sixty-four' makes .* multiples of 64, such as 64x64"):
        go([OnlyMultiplesOf64])
    assert not (tmp_path / "run").exists()


def test_a_model_that_does_not_load_fails_its_clips_and_not_the_others(go: Go) -> None:
    outcome = go([DoesNotLoad, "static"])
    assert outcome.failed == 6
    assert set(states(outcome.folder).values()) == {
        ("failed", "the model could not be loaded: RuntimeError: weights are missing")
    }
    assert set(states(outcome.folder, "static").values()) == {("done", None)}


def test_not_applicable_is_no_failure(go: Go) -> None:
    outcome = go([NothingForImages, "ground_truth"], [One, Colours])
    assert outcome.failed == 0
    assert states(outcome.folder)["image-0"] == ("not_applicable", "a still picture")
    assert states(outcome.folder, "ground_truth")["image-0"][0] == "not_applicable"


def test_a_metric_that_needs_what_a_sample_lacks(go: Go) -> None:
    outcome = go([Noise], [NeedsObjects])
    assert outcome.failed == 0
    found = measured(outcome.folder)
    assert found.pop("image-0") == ("not_applicable", "the sample has no object words")
    assert set(found.values()) == {("done", None)}


@pytest.mark.parametrize(
    ("metric", "ids", "reason"),
    [
        (FailsOnOneClip, {"clip-1"}, "ZeroDivisionError: no pixels"),
        (OutOfRange, {"clip-0", "clip-1", "clip-2", "clip-3", "clip-4", "image-0"}, "11.0 lies outside 0 to 10"),
    ],
)
def test_a_metrics_failure_is_a_reason(go: Go, metric: type, ids: set[str], reason: str) -> None:
    outcome = go([Noise], [metric])
    failed = {id_: why for id_, (state, why) in measured(outcome.folder).items() if state == "failed"}
    assert failed.keys() == ids
    assert all(reason in (why or "") for why in failed.values())
    assert outcome.failed == len(ids)


def test_measurements_of_the_wrong_clips_are_refused(go: Go) -> None:
    found = measured(go([Noise], [MixesUpClips]).folder)
    assert set(found.values()) == {("done", None)}, "one at a time, its order does not matter"


@pytest.mark.parametrize(
    ("model", "ids", "reason"),
    [
        (LeavesInGenerate, 6, "SystemExit: weights not found"),
        (TooWide, 1, "the video could not be stored"),
        (WritesIntoItsRequest, 6, "read-only"),
    ],
)
def test_whatever_a_model_does_the_run_goes_on(go: Go, model: type, ids: int, reason: str) -> None:
    outcome = go([model, "static"])
    failed = [why for state, why in states(outcome.folder).values() if state == "failed"]
    assert len(failed) == outcome.failed == ids
    assert all(reason in (why or "") for why in failed)
    assert set(states(outcome.folder, "static").values()) == {("done", None)}


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (WritesIntoItsClips, "read-only"),
        (NotANumberInDetails, "not finite"),
        (Leaves, "SystemExit"),
    ],
)
def test_whatever_a_metric_does_the_run_goes_on(go: Go, metric: type, reason: str) -> None:
    outcome = go(["pan"], [metric, "temporal_flickering"])
    found = measured(outcome.folder, "one", "pan")
    assert all(state == "failed" and reason in (why or "") for state, why in found.values())
    assert set(measured(outcome.folder, "temporal_flickering", "pan").values()) == {("done", None)}
    with Store.open(outcome.folder) as store:
        assert all((row.value or 1) < 1 for row in store.measurements("temporal_flickering")), "nothing stood still"


def test_numpy_numbers_are_kept_as_plain_ones(go: Go) -> None:
    outcome = go([Noise], [NumpyNumbers])
    assert outcome.failed == 0
    with Store.open(outcome.folder) as store:
        row = next(store.measurements("one"))
    assert (row.value, dict(row.details)) == (0.5, {"array": [0, 1, 2], "number": 0.5, "flag": True})


def test_a_model_is_let_go_once_and_only_if_it_was_loaded(go: Go, tmp_path: Path) -> None:
    go([Holds])
    assert len(calls(tmp_path, "unload")) == 1
    go([Holds])
    assert calls(tmp_path, "load") == []


def test_on_one_gpu_generating_and_measuring_take_turns(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No GPU is needed to see the order of the work: these models and metrics do not use the device.
    monkeypatch.setattr("i2vbench.engine.local.resolve_device", lambda name: "cuda")
    monkeypatch.setattr("i2vbench.engine.local.versions", lambda device: {})
    outcome = go([Holds, "static"], [One, Colours])
    kinds = [json.loads(line)[0] for line in (tmp_path / "calls").read_text().splitlines()]
    assert kinds == ["load", "generate", "generate", "unload", "measure", "measure"]
    assert len(measured(outcome.folder)) == len(measured(outcome.folder, "one", "static")) == 6


def test_a_group_is_measured_as_a_whole(go: Go) -> None:
    outcome = go([Noise], [ByGroup])
    with Store.create(outcome.folder, {}, lambda before, _: before) as store:
        store.forget_measurements([("noise", "clip-2", 0, "one")])
    go([Noise], [ByGroup])
    with Store.open(outcome.folder) as store:
        assert {row.value for row in store.measurements("one")} == {6.0}


def test_failed_measurements_are_made_again_when_asked_for(go: Go, tmp_path: Path) -> None:
    outcome = go([Noise], [FailsOnce, FailsOnOneClipToo])
    assert outcome.failed == 7
    (tmp_path / "mended").touch()
    assert go([Noise], [FailsOnce]).failed == 7, "not unasked"
    assert go([Noise], [FailsOnce], retry_failed=True).failed == 1, "the other metric was not asked for"
    assert set(measured(outcome.folder).values()) == {("done", None)}
    assert [id_ for id_, (state, _) in measured(outcome.folder, "other").items() if state == "failed"] == ["clip-1"]


def test_failures_of_models_that_are_not_named_stand(go: Go, tmp_path: Path) -> None:
    outcome = go([Noise, "static"], [FailsOnce])
    (tmp_path / "mended").touch()
    assert go(["static"], [FailsOnce], retry_failed=True).failed == 6
    assert {state for state, _ in measured(outcome.folder).values()} == {"failed"}


def test_a_stored_video_that_is_damaged_is_made_again_when_asked_for(go: Go) -> None:
    outcome = go([Noise], [One])
    with Store.open(outcome.folder) as store:
        victim = outcome.folder / store.clips("noise")[0].video
    victim.write_bytes(victim.read_bytes()[:-200])
    assert go([Noise], [One, Colours]).failed == 1
    assert go([Noise], [One, Colours], retry_failed=True).failed == 0


def test_a_native_clip_that_is_too_short_is_refused_before_any_work(go: Go, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="model 'short': its native clip lasts"):
        go([Short])
    assert not (tmp_path / "run").exists()


def test_the_same_command_again_does_nothing(go: Go, tmp_path: Path) -> None:
    first = go([Noise])
    calls(tmp_path, "")
    assert go([Noise]) == first
    assert calls(tmp_path, "generate") == []


def test_a_finished_run_takes_another_metric_and_model(go: Go, tmp_path: Path) -> None:
    go([Noise], [One])
    calls(tmp_path, "")
    outcome = go([Noise, "static"], [One, Colours])
    assert calls(tmp_path, "generate") == []
    settings = json.loads((outcome.folder / "run.json").read_text())
    assert list(settings["models"]) == ["noise", "static"]
    settings = json.loads((go(["static", "pan", Noise], [Colours, One]).folder / "run.json").read_text())
    assert list(settings["models"]) == ["noise", "static", "pan"], "what is there keeps its place"
    assert list(settings["metrics"]) == ["one", "colours"]
    assert len(measured(outcome.folder, "colours")) == 6


def test_an_unfinished_batch_is_generated_again_whole(go: Go, tmp_path: Path) -> None:
    outcome = go([Noise])
    calls(tmp_path, "")
    with Store.create(outcome.folder, {}, lambda before, _: before) as store:
        (outcome.folder / store.clips("noise")[1].video).unlink()
    again = go([Noise])
    assert calls(tmp_path, "generate") == [["clip-0", "clip-1", "clip-2", "clip-3"]]
    assert len(measured(again.folder)) == 6


def test_failures_stand_until_they_are_asked_for_again(go: Go, tmp_path: Path) -> None:
    outcome = go([FailsOnOne])
    calls(tmp_path, "")
    assert go([FailsOnOne]).failed == 1
    assert calls(tmp_path, "generate") == []
    assert go([FailsOnOne], retry_failed=True).failed == 1
    assert calls(tmp_path, "generate")[0] == ["clip-0", "clip-1", "clip-2", "clip-3"]
    assert len(measured(outcome.folder)) == 5


def test_videos_of_another_size_length_and_rate_are_brought_to_the_protocol(go: Go) -> None:
    outcome = go([Wide], [Shapes])
    with Store.open(outcome.folder) as store:
        rows = list(store.measurements("one", "wide"))
        video = read_video(outcome.folder / store.clips("wide")[0].video)
    assert video.frames.shape == (12, 64, 80, 3), "stored as the model made it"
    assert {row.value for row in rows} == {4e6 + 32e3 + 48}
    assert {row.details["fps"] for row in rows} == {8.0}
    (noted,) = (note for note in collect([outcome.folder]).notes[0] if "brought" in note)
    assert noted == (
        "wide: 6 of 6 clips were brought to the protocol: resized (bilinear), centre-cropped, frames nearest in time "
        "(first: clip-0, made as 12 frames at 16 fps, 64 x 80 pixels)"
    )


def test_a_profile_can_refuse_videos_that_are_not_the_protocols(go: Go, small_profile_file: Path) -> None:
    text = small_profile_file.read_text()
    small_profile_file.write_text(text.replace("[protocol]", '[protocol]\nother_videos = "refuse"'))
    outcome = go([Wide, Noise], [One, Colours])
    assert len(measured(outcome.folder, "one", "noise")) == 6
    with Store.open(outcome.folder) as store:
        reasons = {row.reason for row in store.measurements("one", "wide")}
        assert {row.state for row in store.measurements("colours", REFERENCE)} == {"done"}, "real clips are footage"
    assert len(reasons) == 6
    assert all("has 12 frames at 16 fps, 64 x 80 pixels; the protocol takes 4 frames at 8 fps" in r for r in reasons)


def test_a_clip_that_a_metric_does_not_judge_is_not_applicable(go: Go) -> None:
    outcome = go([Noise], [NotForTwoClips])
    assert outcome.failed == 0
    states = measured(outcome.folder, "picky")
    assert states.pop("clip-1") == ("not_applicable", "it moves: by 1 pixels")
    assert states.pop("clip-3") == ("not_applicable", "it moves: by 3 pixels")
    assert {state for state, _ in states.values()} == {"done"}
    with Store.open(outcome.folder) as store:
        assert {row.details.get("pixels") for row in store.measurements("picky") if row.reason} == {1.0}
    assert (
        "noise: 2 of 6 clips not applicable (it moves; first: clip-1: by 1 pixels)"
        in collect([outcome.folder]).notes[0]
    )


def test_a_clip_slower_than_the_protocol_says_so(go: Go) -> None:
    outcome = go([Slow], [One])
    with Store.open(outcome.folder) as store:
        assert {row.details["repeated_frames"] for row in store.measurements("one")} == {2}
    noted = collect([outcome.folder]).notes[0]
    assert "slow: 6 of 6 clips are slower than the protocol; frames stand there repeatedly" in noted


def test_real_clips_are_measured_once_for_every_model_and_seed(go: Go) -> None:
    outcome = go([Noise, "static"], [Colours], seeds=(0, 1))
    with Store.open(outcome.folder) as store:
        assert sum(row.model == REFERENCE for row in store.measurements("colours")) == 5
        rows = [row for row in store.measurements("colours", "noise") if row.state == "done"]
        assert len(rows) == 10
        assert all(row.features is not None and (outcome.folder / row.features).is_file() for row in rows)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_the_batch_size_changes_no_video(go: Go, tmp_path: Path, batch_size: int) -> None:
    outcome = go([Noise], batch_size=batch_size, out=tmp_path / f"run{batch_size}")
    with Store.open(outcome.folder) as store:
        means = [read_video(outcome.folder / clip.video).frames.mean() for clip in store.clips("noise")]
    expected = []
    for id_ in ("clip-0", "clip-1", "clip-2", "clip-3", "clip-4", "image-0"):
        request = Request(id_, np.zeros((32, 48, 3), np.uint8), "", 4, 32, 48, 8.0, request_seed(0, id_))
        expected.append(noise(request).mean())
    assert means == expected


def test_every_sample_and_seed_has_noise_of_its_own() -> None:
    seeds = {request_seed(seed, f"clip-{i}") for seed in range(10) for i in range(100)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_select_takes_the_first_of_the_categories() -> None:
    samples = [Sample(f"s{i}", ("A", "B", "C, too")[i % 3], "", FrameSource(Path("x"))) for i in range(9)]
    assert [s.id for s in select(samples, 3, ["C, too", "A"])] == ["s0", "s2", "s3"]
    assert resolve_categories(samples, ["C, too", "B,A"]) == ("A", "B", "C, too")
    for wanted in (["D"], [""], ["C"]):
        with pytest.raises(UserError, match="the data set has A, B, C, too"):
            resolve_categories(samples, wanted)
