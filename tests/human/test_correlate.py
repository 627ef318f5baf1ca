"""Metrics that people agree with are told from those that they do not; clips are found, or said to be missing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from i2vbench.errors import UserError
from i2vbench.human.correlate import Correlated, correlate
from i2vbench.human.correlate_tables import as_json, tables
from i2vbench.human.counted import count_votes
from i2vbench.human.matching import match
from i2vbench.human.study import Source, Study, write_study
from i2vbench.human.votes import Response, Task, Votes
from i2vbench.tables import write_plain
from tests.cli.inside import Inside, call_inside
from tests.human.judged import DISTANCE, GOOD, MODELS, NOISE, WORSE, quality, responses_of, run_of, study_of
from tests.latex import compile_latex, needs_pdflatex, too_large

TRUSTED = [WORSE, DISTANCE]
TRUTH = quality()
OF_SAMPLES = ("sample_rho", "sample_tau", "pooled_rho", "pooled_tau")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(tmp_path_factory.mktemp("runs") / "run", TRUTH)


@pytest.fixture(scope="module")
def found(run: Path) -> Correlated:
    study = study_of()
    return correlated(study, responses_of(study, TRUTH), run, replicates=200)


def correlated(study: Study, responses: list[Response], *runs: Path, replicates: int = 0, **more: Any) -> Correlated:
    return correlate(
        count_votes(study, responses), runs, trusted=more.pop("trusted", TRUSTED), replicates=replicates, **more
    )


def lines(found: Correlated, question: int = 0) -> dict[str, dict[str, Any]]:
    asked = as_json(found)["questions"][question]
    return {line["id"]: line for line in asked["metrics"]} | {"people": asked["people"]}


@pytest.mark.parametrize("question", [0, 1])
def test_what_people_go_by_is_told_from_noise(found: Correlated, question: int) -> None:
    """The planted truth is beyond what one rater reaches; noise is none of it."""
    told = lines(found, question)
    for column in (*OF_SAMPLES, "agreement"):
        truth, noise, people = (told[of][column] for of in (GOOD, NOISE, "people"))
        chance = 0.5 if column == "agreement" else 0.0
        assert truth["value"] > people["value"] > noise["value"], column
        assert truth["interval"][0] > chance, column
        assert people["interval"][0] > chance, column
        assert noise["interval"][0] < chance < noise["interval"][1], column
    assert told[GOOD]["vbench_rho"]["value"] >= 0.7
    assert told[GOOD]["model_rho"]["value"] >= 0.7


def test_lower_is_better_is_turned(found: Correlated) -> None:
    """The error is one less the truth, and lower is better."""
    told = lines(found)
    for column in (*OF_SAMPLES, "agreement", "model_rho", "model_tau", "vbench_rho"):
        assert told["warp_error"][column]["value"] == pytest.approx(told[GOOD][column]["value"]), column


def test_a_metric_that_people_disagree_with_is_below_chance(tmp_path: Path) -> None:
    study = study_of()
    opposite = run_of(tmp_path / "run", 1 - TRUTH)
    told = lines(correlated(study, responses_of(study, TRUTH), opposite))[GOOD]
    assert all(told[column]["value"] < -0.3 for column in (*OF_SAMPLES, "model_rho", "vbench_rho"))
    assert told["agreement"]["value"] < 0.35


def test_a_distance_has_columns_over_models_alone(found: Correlated) -> None:
    told = lines(found)["distance"]
    assert told["model_rho"]["value"] == lines(found)[GOOD]["model_rho"]["value"]
    assert told["model_rho"]["interval"] is not None
    for column in (*OF_SAMPLES, "agreement", "vbench_rho"):
        assert told[column]["value"] is None
        assert told[column]["note"] == "it has one number for all clips of a model, and none of single clips"


def test_numbers_over_models_are_those_of_a_hand_count(run: Path) -> None:
    study = study_of()
    responses = responses_of(study, TRUTH, raters=2)
    chosen = np.bincount([m for r in responses for m in r.models("appearance")], minlength=len(MODELS))
    seen = sorted({r.task.item for r in responses})
    means = TRUTH[seen].mean(axis=0)
    rho = stats.spearmanr(means, chosen).statistic
    assert lines(correlated(study, responses, run))[GOOD]["model_rho"]["value"] == pytest.approx(rho)


def test_pairs_are_judged_by_the_pairs_that_were_shown(run: Path) -> None:
    study = study_of(mode="pairs")
    responses = responses_of(study, TRUTH, noise=1e-9)
    told = lines(correlated(study, responses, run))[GOOD]
    assert told["agreement"]["value"] == 1
    assert told["sample_rho"]["value"] > 0.7  # few pairs do not order five models


def test_the_same_again_gives_the_same(found: Correlated, run: Path) -> None:
    study = study_of()
    responses = responses_of(study, TRUTH)
    again = correlated(study, responses[::-1], run, replicates=200)
    assert as_json(again) == as_json(found)


# -- matching -----------------------------------------------------------------------------------------------------


def test_another_seed_is_another_clip(run: Path) -> None:
    study = study_of(seed=1)
    with pytest.raises(UserError, match="no clip that people saw is in these runs"):
        match(study, [run], range(3))


def test_another_data_set_or_first_frame_is_another_clip(run: Path) -> None:
    for source in (
        Source("demo", "00" * 32, None, "demo"),
        Source("demo", "ab12cd34" * 8, {"fingerprint": "x"}, "made"),
    ):
        with pytest.raises(UserError, match="no clip that people saw is in these runs"):
            match(study_of(sources=[source]), [run], range(3))


def test_a_model_that_is_in_no_run_is_left_out_aloud(tmp_path: Path) -> None:
    study = study_of()
    four = run_of(tmp_path / "run", TRUTH[:, :4], MODELS[:4])
    found = correlated(study, responses_of(study, TRUTH), four)
    line = found.answers[0].metrics[0]
    assert (line.models, line.items) == (4, 60)
    assert "without spin, of which no clip was measured" in line.notes
    assert found.matched.notes[0].startswith("spin: 60 of 60 clips that people saw are not in these runs (first: s000")


def test_models_and_sources_may_be_in_runs_of_their_own(tmp_path: Path, run: Path) -> None:
    """Two sources of first frames, the second's models in two runs: the same numbers as from one run of them all."""
    made = {"spec": "images:x", "title": "made", "fingerprint": "ff"}
    there = {"changes": {"first_frames": made}}
    parts = [run_of(tmp_path / "a", TRUTH[:, :2], MODELS[:2], **there)]
    parts.append(run_of(tmp_path / "b", TRUTH[:, 2:], MODELS[2:], **there))
    sources = [
        Source("demo", "ab12cd34" * 8, None, "demo"),
        Source("demo", "ab12cd34" * 8, {"fingerprint": "ff"}, "made"),
    ]
    one, two = study_of(), study_of(sources=sources)
    responses = responses_of(one, TRUTH)
    together = lines(correlated(two, responses, run, *parts, metrics=[GOOD]))
    assert together[GOOD]["notes"] == []
    alone = lines(correlated(one, responses, run, metrics=[GOOD]))
    assert together[GOOD] == alone[GOOD]


def test_a_video_that_people_did_not_see_is_refused(tmp_path: Path) -> None:
    place = run_of(tmp_path / "run", TRUTH[:2])
    path = place / "videos" / "pan" / "s001-seed0.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"as served")
    hashes = list(study_of(2).items[1].videos)
    hashes[1] = hashlib.sha256(b"as served").hexdigest()
    study = study_of(2, videos={1: tuple(hashes)})
    assert match(study, [place], range(2)).notes == [
        "9 of 10 videos are not in their runs' folders any more, so they were not held to what people saw"
    ]
    path.write_bytes(b"made again")
    with pytest.raises(UserError, match=r"these runs have other videos than people saw \(1\): .*pan/s001-seed0\.mp4;"):
        match(study, [place], range(2))


def test_items_that_are_not_measured_of_all_are_left_out_and_counted(tmp_path: Path) -> None:
    scores = {(GOOD, model): list(TRUTH[:, m]) for m, model in enumerate(MODELS)}
    scores[GOOD, "pan"][7] = None
    scores[GOOD, "zoom"][9] = "it broke"
    place = run_of(tmp_path / "run", TRUTH, scores=scores, metrics=(GOOD,), reference={})
    study = study_of()
    line = correlated(study, responses_of(study, TRUTH), place).answers[0].metrics[0]
    assert line.items == 58
    assert line.notes == ("2 of 60 items are left out: not all models were measured on them",)


def test_code_that_only_a_run_names_is_not_run(run: Path) -> None:
    study = study_of()
    told = lines(correlated(study, responses_of(study, TRUTH, raters=1), run, trusted=[]))
    assert "--trust FILE.py:Class" in told["warp_error"]["sample_rho"]["note"]
    assert told[GOOD]["sample_rho"]["value"] is not None
    assert told["people"]["agreement"] == {"value": None, "interval": None, "note": "no item was judged by two raters"}


def test_runs_whose_metric_differs_are_not_put_together(tmp_path: Path) -> None:
    parts = [
        run_of(tmp_path / name, TRUTH[:, part], MODELS[part], metrics=(GOOD,), scores={}, reference={})
        for name, part in (("a", slice(2)), ("b", slice(2, 5)))
    ]
    settings = json.loads((parts[1] / "run.json").read_text())
    settings["metrics"][GOOD]["checkpoints"] = {"raft": "0" * 64}
    (parts[1] / "run.json").write_text(json.dumps(settings))
    study = study_of()
    told = lines(correlated(study, responses_of(study, TRUTH), *parts))[GOOD]
    assert told["model_rho"]["note"].startswith("the metric differs between the runs")
    settings["profile"]["name"] = "another"
    (parts[1] / "run.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match="different profiles"):
        match(study, parts, range(3))


# -- files and the command ----------------------------------------------------------------------------------------


@needs_pdflatex
def test_tables_fit_a_page_of_latex(found: Correlated, tmp_path: Path) -> None:
    written = write_plain(tables(found), tmp_path, ["latex"])
    assert [path.name for path in written] == ["correlate-appearance.tex", "correlate-motion.tex"]
    assert too_large(compile_latex(written[0].read_text(), tmp_path)) == []


def test_raters_who_share_no_pair_are_said_to(run: Path) -> None:
    study = study_of(1, mode="pairs")
    first = {"appearance": (0,), "motion": (0,)}
    responses = [Response(Task(r, 1, "plain", 0, (r, r + 1)), first, 1.0, 0) for r in (0, 1)]
    told = lines(correlated(study, responses, run, metrics=[GOOD]))["people"]
    assert told["sample_rho"]["note"] == "no response has two videos that other raters judged"
    assert told["agreement"]["note"] == "no rater preferred one of two videos that another was shown too"


@pytest.fixture
def inside(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    """The command line where `study` is, with answers, and `run`."""
    (tmp_path / "run").symlink_to(run)
    study = study_of(12)
    (tmp_path / "study").mkdir()
    write_study(tmp_path / "study", study)
    with Votes(tmp_path / "study") as votes:
        votes.invite(3)
        for response in responses_of(study, TRUTH[:12], raters=3, each=6):
            votes.allot(response.task.rater, lambda _, task=response.task: task)  # type: ignore[misc]
            votes.save(response.task.rater, response.task.number, response.chosen)
    return call_inside(tmp_path, monkeypatch, capsys)


def test_the_command_prints_and_writes(inside: Inside, tmp_path: Path) -> None:
    done = inside("human", "correlate", "study", "run", "--replicates", 50, "--format", "csv,html,markdown")
    assert done.code == 0, done.stderr
    assert "Appearance: metrics and people" in done.stdout
    assert "18 responses of 3 raters" in done.stdout
    assert ": no interval: fewer than 5 raters" in done.stdout
    assert "Brackets" not in done.stdout
    assert {path.suffix for path in (tmp_path / "study" / "correlate").iterdir()} == {".csv", ".md", ".html"}
    header = (tmp_path / "study" / "correlate" / "correlate-motion.csv").read_text().splitlines()[0]
    assert header.startswith("metric,n,sample_rho,sample_tau,agreement,pooled_rho")
    for path in (tmp_path / "study" / "correlate").iterdir():
        assert str(tmp_path) not in path.read_text(), f"{path.name} holds a path"
    again = inside("human", "correlate", "study", "run", "--json", "--metrics", NOISE, "--replicates", 0)
    told = json.loads(again.stdout)
    assert [line["id"] for line in told["questions"][1]["metrics"]] == [NOISE]
    assert told["questions"][1]["metrics"][0]["sample_rho"]["interval"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "run"), "run is not a study: it has no study.json"),
        (("study", "study"), "study is not a run: it has no run.json"),
        (("study", "run", "--metrics", "fvd"), "no metric 'fvd' in these runs: they have temporal_flickering"),
        (("study", "run", "--format", "excel"), "unknown format 'excel'"),
    ],
)
def test_what_cannot_be_correlated_is_refused(inside: Inside, arguments: tuple[str, ...], words: str) -> None:
    done = inside("human", "correlate", *arguments)
    assert done.code == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_a_study_without_answers_is_told_so() -> None:
    study = replace(study_of(2), questions=study_of().questions[:1])
    with pytest.raises(UserError, match="no response of this study counts yet"):
        correlated(study, [])
