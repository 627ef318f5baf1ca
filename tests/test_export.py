"""VBench's files of a run: what its own tools read in them, its numbers, and what is refused or said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from i2vbench.errors import UserError
from i2vbench.export.dimensions import ALL_DIMENSIONS, DIMENSIONS
from i2vbench.export.vbench import export_model, write_export
from i2vbench.registry import METRICS
from i2vbench.store import Store
from i2vbench.tables import collect
from i2vbench.tables.runs import open_run
from i2vbench.types import Sample
from tests.cli.inside import Inside, call_inside
from tests.conftest import Cli
from tests.tables.runs import RunSpec, make_run, sample

RECORDED = Path(__file__).parent / "reference" / "vbench"

EIGHT = (
    "subject_consistency", "background_consistency", "temporal_flickering", "motion_smoothness", "dynamic_degree",
    "object_consistency", "scene_consistency", "overall_consistency",
)  # fmt: skip

SAMPLES = [
    sample("dog-1", "Pet", "a dog, running", objects=("dog",)),
    sample("park-2", "Scenery-Nature", "a park", scene="park bench"),
]


def similar(to_previous: Sequence[float], to_first: Sequence[float]) -> dict[str, Any]:
    value = sum(map(sum, (to_previous, to_first))) / len(to_previous) / 2
    details = {"similarity_to_previous": list(to_previous), "similarity_to_first": list(to_first)}
    return {"value": value, "details": details}


def seen(successes: int, frames: int = 16) -> dict[str, Any]:
    return {"value": successes / frames, "details": {"successes": successes, "frames": frames}}


NO_OBJECTS, NO_SCENE = ("n/a", "the sample has no object words"), ("n/a", "the sample has no scene words")


def whole_run(folder: Path, samples: Sequence[Sample] = SAMPLES, **more: Any) -> Path:
    """A finished run of the eight metrics and FID, of one model under two seeds, whose clips differ in length."""
    two, four = similar([1.0, 0.5], [1.0, 0.0]), similar([0.9, 0.9, 0.9, 0.9], [0.9, 0.8, 0.7, 0.6])
    scores: dict[tuple[str, str], Sequence[Any]] = {
        ("subject_consistency", "pan"): (two, four, four, four),
        ("background_consistency", "pan"): (two, four, four, four),
        ("temporal_flickering", "pan"): (0.9, 0.8, 0.7, 0.6),
        ("motion_smoothness", "pan"): (0.95, 0.95, 0.9, 0.9),
        ("dynamic_degree", "pan"): (1.0, 0.0, 1.0, 1.0),
        ("object_consistency", "pan"): (seen(16), seen(3, 8), NO_OBJECTS, NO_OBJECTS),
        ("scene_consistency", "pan"): (NO_SCENE, NO_SCENE, seen(4), seen(0)),
        ("overall_consistency", "pan"): (0.2, -0.1, 0.3, 0.25),
    } | more.pop("scores", {})
    return make_run(folder, RunSpec(samples, scores, ("pan",), (*EIGHT, "fid"), seeds=(0, 1), **more))


def files_of(run: Path, out: Path, model: str = "pan") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    results, full_info, _ = write_export(export_model(open_run(run), model), out)
    return json.loads(results.read_text("ascii")), json.loads(full_info.read_text("ascii"))


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    return call_inside(tmp_path, monkeypatch, capsys)


# -- what VBench's tools read --------------------------------------------------------------------------------------

LEAST_AND_MOST = {
    "subject_consistency": (0.1462, 1.0), "background_consistency": (0.2615, 1.0), "temporal_flickering": (0.6293, 1.0),
    "motion_smoothness": (0.706, 0.9975), "scene": (0.0, 0.8222), "appearance_style": (0.0009, 0.2855),
    "temporal_style": (0.0, 0.364), "overall_consistency": (0.0, 0.364),
}  # fmt: skip
QUALITY = ALL_DIMENSIONS[:7]


def score_of_folder(folder: Path) -> float:
    """The total of VBench's scripts/cal_final_score.py: each JSON object of the folder has [number, ...] by dimension;
    numbers are brought to 0..1 by constants, absent ones being 0, and averaged; dynamic degree counts half, quality
    four times what meaning does."""
    numbers: dict[str, float] = {}
    for path in folder.iterdir():
        content = json.loads(path.read_text())
        if isinstance(content, dict):
            numbers |= {name: pair[0] for name, pair in content.items()}

    def mean(names: Sequence[str]) -> float:
        weights = {name: 0.5 if name == "dynamic_degree" else 1.0 for name in names}
        total = 0.0
        for name, weight in weights.items():
            low, high = LEAST_AND_MOST.get(name, (0.0, 1.0))
            total += weight * (numbers.get(name, 0) - low) / (high - low)
        return total / sum(weights.values())

    return (4 * mean(QUALITY) + mean([name for name in ALL_DIMENSIONS if name not in QUALITY])) / 5


def videos_of(full_info: Sequence[Mapping[str, Any]], dimension: str) -> list[tuple[str, str, Any]]:
    """(video, prompt, words) as VBench's `load_dimension_info` reads them of the prompts' file."""
    return [
        (video, entry["prompt_en"], entry.get("auxiliary_info", {}).get(dimension))
        for entry in full_info
        if dimension in entry["dimension"]
        for video in entry["video_list"]
    ]


def test_every_dimension_has_its_number_and_a_record_of_every_video(tmp_path: Path) -> None:
    results, _ = files_of(whole_run(tmp_path / "run"), tmp_path / "out")
    numbers = {name: number for name, (number, _) in results.items()}
    # By hand. Sums of similarities: 2.5 / 2 of 2 pairs, 6.6 / 2 of 4 pairs, three times.
    assert numbers == pytest.approx(
        {
            "subject_consistency": (1.25 + 3 * 3.3) / 14, "background_consistency": (1.25 + 3 * 3.3) / 14,
            "temporal_flickering": 0.75, "motion_smoothness": 0.925, "dynamic_degree": 0.75,
            "object_class": 19 / 24, "scene": 4 / 32, "overall_consistency": 0.1625,
        }
    )  # fmt: skip
    assert list(numbers) == [name for name in ALL_DIMENSIONS if name in numbers]
    path = {"video_path": "videos/pan/dog-1-seed0.mp4"}
    assert {name: records[0] for name, (_, records) in results.items() if name != "scene"} == {
        "subject_consistency": path | {"video_results": 0.625},
        "background_consistency": path | {"video_results": 0.625, "video_sim": 1.25, "cnt_per_video": 2},
        "temporal_flickering": path | {"video_results": 0.9},
        "motion_smoothness": path | {"video_results": 0.95},
        "dynamic_degree": path | {"video_results": True},
        "object_class": path | {"video_results": 1.0, "success_frame_count": 16, "frame_count": 16},
        "overall_consistency": path | {"video_results": 0.2},
    }
    assert results["dynamic_degree"][1][1]["video_results"] is False
    assert [record["success_frame_count"] for record in results["scene"][1]] == [4, 0]


def test_vbenchs_score_script_reads_the_folder(tmp_path: Path) -> None:
    files_of(whole_run(tmp_path / "run"), tmp_path / "out")
    # By hand: quality has 0 for aesthetic and imaging quality, meaning for six of its nine.
    pooled = (1.25 + 3 * 3.3) / 14
    quality = (
        (pooled - 0.1462) / 0.8538 + (pooled - 0.2615) / 0.7385 + (0.75 - 0.6293) / 0.3707
        + (0.925 - 0.706) / 0.2915 + 0.5 * 0.75
    ) / 6.5  # fmt: skip
    meaning = (19 / 24 + 0.125 / 0.8222 + 0.1625 / 0.364 - 0.0009 / 0.2846) / 9
    assert score_of_folder(tmp_path / "out" / "pan") == pytest.approx((4 * quality + meaning) / 5)
    assert sorted(path.name for path in (tmp_path / "out" / "pan").iterdir()) == [
        "pan_eval_results.json",
        "pan_full_info.json",
    ]


def test_the_prompts_file_names_the_videos_of_every_dimension_in_order(tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run")
    results, full_info = files_of(run, tmp_path / "out")
    for name, (_, records) in results.items():
        assert [record["video_path"] for record in records] == [video for video, _, _ in videos_of(full_info, name)]
    dog, park = [[f"videos/pan/{id_}-seed{n}.mp4" for n in (0, 1)] for id_ in ("dog-1", "park-2")]
    assert videos_of(full_info, "object_class") == [(video, "a dog, running", {"object": "dog"}) for video in dog]
    assert videos_of(full_info, "scene") == [(video, "a park", {"scene": {"scene": "park bench"}}) for video in park]
    with Store.open(run) as store:
        assert {clip.video for clip in store.clips()} == {*dog, *park}


def test_prompts_go_by_file_name_since_vbench_cannot_read_them_from_ours(tmp_path: Path) -> None:
    files_of(whole_run(tmp_path / "run"), tmp_path / "out")
    prompts = json.loads((tmp_path / "out" / "pan_prompts.json").read_text())
    assert prompts == {
        "dog-1-seed0.mp4": "a dog, running",
        "dog-1-seed1.mp4": "a dog, running",
        "park-2-seed0.mp4": "a park",
        "park-2-seed1.mp4": "a park",
    }
    # VBench takes what stands before a last -NUMBER for the prompt.
    assert [re.sub(r"-\d+$", "", Path(name).stem) for name in prompts] == [Path(name).stem for name in prompts]


def test_numbers_survive_to_the_last_digit_and_equal_the_tables_where_clips_are_equally_long(tmp_path: Path) -> None:
    values = [0.1, 1 / 3, 0.1 + 0.2, 2e-17]
    alike = [similar([a, b], [a, 0.0]) for a, b in zip(values, reversed(values), strict=True)]
    scores = {
        ("overall_consistency", "pan"): values,
        ("subject_consistency", "pan"): alike,
        ("background_consistency", "pan"): alike,
    }
    run = whole_run(tmp_path / "run", scores=scores)
    results, _ = files_of(run, tmp_path / "out")
    assert [record["video_results"] for record in results["overall_consistency"][1]] == values
    found = collect([run], EIGHT)
    last = len(found.categories) - 1
    names = {"object_consistency": "object_class", "scene_consistency": "scene"}
    for m, info in enumerate(found.metrics):
        cells = found.cells
        entry = cells[(cells["metric"] == m) & (cells["row"] == last)]["entry"].item()
        assert results[names.get(info.id, info.id)][0] == pytest.approx(entry.cell.value, abs=1e-15), info.id


# -- what VBench itself has recorded -------------------------------------------------------------------------------


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return found


def test_numbers_are_those_that_vbench_has_of_its_recorded_clips(tmp_path: Path) -> None:
    words, fast = recorded("overall_consistency"), recorded("dynamic_degree")["variants"]
    subject = recorded("subject_consistency")["variants"]["strong-positions"]["clips"]
    smooth = recorded("motion_smoothness")["variants"]["tamed"]["clips"]
    flicker = recorded("temporal_flickering")["clips"]
    clips = list(words["clips"])
    as_dynamic = {"still": 0.0, "pan": float(fast["recipe-24fps"]["clips"]["pan"]["dynamic"])}
    scores = {
        ("overall_consistency", "pan"): [words["clips"][clip]["score"] for clip in clips],
        ("temporal_flickering", "pan"): [flicker[clip]["score"] for clip in clips],
        ("motion_smoothness", "pan"): [smooth[clip]["score"] for clip in clips],
        ("dynamic_degree", "pan"): [as_dynamic[clip] for clip in clips],
        ("subject_consistency", "pan"): [
            similar(subject[clip]["similarity_to_previous"], subject[clip]["similarity_to_first"]) for clip in clips
        ],
    }
    metrics = [metric for metric, _ in scores]
    run = make_run(tmp_path / "run", RunSpec([sample(clip, "c") for clip in clips], scores, ("pan",), metrics))
    results, _ = files_of(run, tmp_path / "out")
    assert results["overall_consistency"][0] == pytest.approx(words["dataset_score"], abs=1e-9)
    for name, of_clips in (
        ("subject_consistency", subject),
        ("temporal_flickering", flicker),
        ("motion_smoothness", smooth),
        ("overall_consistency", words["clips"]),
    ):
        of_videos = [record["video_results"] for record in results[name][1]]
        assert of_videos == pytest.approx([of_clips[clip]["score"] for clip in clips], abs=1e-12)
    # Sixteen and nine frames: fifteen and eight pairs, all of the still clip's being 1.
    assert results["subject_consistency"][0] == pytest.approx((15 * subject["pan"]["score"] + 8) / 23, abs=1e-12)
    moving = results["dynamic_degree"][1][clips.index("pan")]
    assert float(moving["video_results"]) == fast["recipe-24fps"]["dataset_score"]


def test_frames_are_counted_as_vbenchs_rules_count_them(tmp_path: Path) -> None:
    rules = recorded("rules")
    cases = {
        "object_consistency": ("object_class", rules["object_success"]),
        "scene_consistency": ("scene", rules["scene_success"]),
    }
    most = max(len(some) for _, some in cases.values())
    samples = [sample(f"s{i}", "c", objects=("dog",), scene="sky") for i in range(most)]
    scores = {
        (metric, "pan"): [seen(case["successes"], case["frames"]) for case in some] + [None] * (most - len(some))
        for metric, (_, some) in cases.items()
    }
    run = make_run(tmp_path / "run", RunSpec(samples, scores, ("pan",), tuple(cases)))
    results, _ = files_of(run, tmp_path / "out")
    for name, some in cases.values():
        expected = sum(case["successes"] for case in some) / sum(case["frames"] for case in some)
        assert results[name][0] == pytest.approx(expected)


# -- what is refused, and what is said -----------------------------------------------------------------------------


def test_the_command_writes_the_files_and_says_what_they_leave_unsaid(tmp_path: Path, cli: Cli) -> None:
    whole_run(tmp_path / "run")
    done = cli("export", "vbench", "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "pan: 8 of VBench's dimensions, in run/vbench/pan"
    assert "  object_class            0.7917  2 of 4 clips" in done.stdout.splitlines()
    assert "numbers of 2 samples of demo (paper)" in done.stderr
    assert "not comparable" in done.stderr
    assert "Left out, as VBench has no such dimension: fid." in done.stderr
    assert "0 to VBench's score script: aesthetic_quality, imaging_quality, multiple_objects" in done.stderr
    assert "i2v_subject, i2v_background, camera_motion are not measured" in done.stderr
    assert "VBench's mean over frames, 0.7964, is not the tables' mean over clips, 0.7750" in done.stderr
    first = {path.name: path.read_bytes() for path in (tmp_path / "run" / "vbench").rglob("*.json")}
    assert len(first) == 3
    assert str(tmp_path).encode() not in b"".join(first.values())


def test_clips_without_a_number_are_refused_or_left_out(tmp_path: Path, inside: Inside) -> None:
    scores = {
        ("temporal_flickering", "pan"): (0.9, "bro\x1bken", 0.7, None),
        ("object_consistency", "pan"): ("broken too", seen(8), NO_OBJECTS, NO_OBJECTS),
    }
    lost = {("pan", "park-2"): "the model raised"}
    whole_run(tmp_path / "run", scores=scores, lost=lost)
    refused = inside("export", "vbench", "run")
    assert refused.code == 2
    assert refused.stderr.splitlines()[1:] == [
        "  park-2-seed0: no video (failed): the model raised",
        "  park-2-seed1: no video (failed): the model raised",
        "  dog-1-seed1: temporal_flickering; bro\N{REPLACEMENT CHARACTER}ken",
        "  dog-1-seed0: object_class; broken too",
    ]
    assert "--anyway" in refused.stderr
    assert not (tmp_path / "run" / "vbench").exists()
    done = inside("export", "vbench", "run", "--anyway", "--out", "files")
    assert done.code == 0
    assert "pan: park-2-seed1: no video (failed): the model raised" in done.stderr
    assert "  temporal_flickering     0.9000  1 of 4 clips" in done.stdout.splitlines()
    full_info = json.loads((tmp_path / "files" / "pan" / "pan_full_info.json").read_text())
    results = json.loads((tmp_path / "files" / "pan" / "pan_eval_results.json").read_text())
    assert "scene" not in results
    for name, (_, records) in results.items():
        assert [record["video_path"] for record in records] == [video for video, _, _ in videos_of(full_info, name)]
    assert [video for video, _, _ in videos_of(full_info, "object_class")] == ["videos/pan/dog-1-seed1.mp4"]


def test_numbers_through_other_networks_are_no_numbers_of_vbench(tmp_path: Path, inside: Inside) -> None:
    run = whole_run(tmp_path / "run")
    settings = json.loads((run / "run.json").read_text())
    settings["metrics"]["dynamic_degree"]["info"]["checkpoints"] = ["raft_tiny"]
    (run / "run.json").write_text(json.dumps(settings))
    refused = inside("export", "vbench", "run")
    expected = "dynamic_degree: measured through raft_tiny, and not through VBench's raft_things: no number of VBench"
    assert refused.code == 2
    assert refused.stderr.splitlines()[1:] == [f"  {expected}"]
    assert expected in inside("export", "vbench", "run", "--anyway").stderr


def test_several_object_words_are_not_vbenchs_dimension(tmp_path: Path) -> None:
    samples = [sample("dog-1", "Pet", objects=("dog", "person")), SAMPLES[1]]
    export = export_model(open_run(whole_run(tmp_path / "run", samples)), "pan")
    assert "object_class" not in export.results
    assert len(export.faults) == 2
    assert "several object words" in export.faults[0]


def test_a_metric_of_ones_own_under_vbenchs_name_is_left_out(tmp_path: Path) -> None:
    run = whole_run(tmp_path / "run")
    settings = json.loads((run / "run.json").read_text())
    settings["metrics"]["motion_smoothness"]["spec"] = "mine.py:Smoothness"
    (run / "run.json").write_text(json.dumps(settings))
    export = export_model(open_run(run), "pan")
    assert "motion_smoothness" not in export.results
    assert any("no such dimension: motion_smoothness, fid" in note for note in export.notes)


def test_flickering_of_static_clips_is_vbenchs_own_where_the_run_has_no_other(tmp_path: Path) -> None:
    static = "temporal_flickering_static"
    scores = {(static, "pan"): (0.9, ("n/a", "the clip is not static"))}
    spec = RunSpec(SAMPLES, scores, ("pan",), ("temporal_flickering:static-only",))
    export = export_model(open_run(make_run(tmp_path / "run", spec)), "pan")
    number, records = export.results["temporal_flickering"]
    assert (number, len(records), export.faults) == (0.9, 1, [])
    assert not any("static filter" in note for note in export.notes)


def test_a_run_without_any_of_vbenchs_dimensions_or_with_damaged_records_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", RunSpec(SAMPLES, {}, ("pan",), ("fid",)))
    with pytest.raises(UserError, match="pan has no number of a dimension of VBench; expected some of subject"):
        export_model(open_run(run), "pan")
    scores = {("subject_consistency", "pan"): (0.9, 0.9)}  # without the similarities of its frames
    run = make_run(tmp_path / "b", RunSpec(SAMPLES, scores, ("pan",), ("subject_consistency",)))
    with pytest.raises(UserError, match="the record of dog-1 by subject_consistency lacks what VBench's file needs"):
        export_model(open_run(run), "pan")


def test_an_unknown_model_and_a_folder_that_cannot_be_written_are_the_users_to_mend(
    tmp_path: Path, inside: Inside
) -> None:
    whole_run(tmp_path / "run")
    assert "no model 'pam' in run: did you mean pan?" in inside("export", "vbench", "run", "--model", "pam").stderr
    (tmp_path / "file").write_text("")
    refused = inside("export", "vbench", "run", "--out", "file")
    assert refused.code == 2
    assert "--out file: is a file, not a folder" in refused.stderr
    assert "is not a run" in inside("export", "vbench", "nowhere").stderr


def test_models_have_a_folder_each_and_nothing_of_another_is_in_it(tmp_path: Path, inside: Inside) -> None:
    models = ("static", "../pan")
    scores = {("temporal_flickering", model): (0.5 + n / 4, 1.0) for n, model in enumerate(models)}
    make_run(tmp_path / "run", RunSpec(SAMPLES, scores, models))
    assert inside("export", "vbench", "run", "--out", "files").code == 0
    found = {path.name: path for path in (tmp_path / "files").iterdir() if path.is_dir()}
    assert len(found) == 2
    assert "static" in found
    numbers = []
    for name, folder in sorted(found.items()):
        content = json.loads((folder / f"{name}_eval_results.json").read_text())
        numbers.append(content["temporal_flickering"][0])
        assert len(list(folder.iterdir())) == 2
    assert sorted(numbers) == [0.75, 0.875]
    only = inside("export", "vbench", "run", "--model", "static", "--out", "one")
    assert only.code == 0
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["static", "static_prompts.json"]


def test_every_metric_says_that_it_matches_its_dimension() -> None:
    for dimension in DIMENSIONS:
        if dimension.metric in METRICS.builtin:
            assert f"VBench 0.1.5 {dimension.name}" in METRICS.create(dimension.metric).info.source
