"""Runs in the layout of the paper's tables: what stands where, what is compared, and what the footnotes say."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i2vbench.errors import UserError
from i2vbench.leaderboards.published import clip_counts, numbers
from i2vbench.leaderboards.published.facts import Source, source_of
from i2vbench.profiles import load_profile
from i2vbench.tables.beside import runs_table
from i2vbench.tables.differences import differences
from i2vbench.tables.own_lines import Footnotes
from i2vbench.tables.plain import Plain, plain_as_json
from i2vbench.tables.printed import Row
from i2vbench.tables.results import collect
from i2vbench.tables.runs import open_run
from i2vbench.tables.text import to_aligned, to_csv, to_latex, to_markdown
from i2vbench.types import Sample
from tests.latex import compile_latex, needs_pdflatex, too_large
from tests.leaderboards.settings import recorded, settings_of
from tests.leaderboards.test_published import column, dynamic_clips
from tests.tables.runs import RunSpec, make_run, sample

TINY = load_profile("tiny").as_dict()
FEATURES = np.ones(4, np.float32)
DYNAMIC, FLICKERING = "dynamic_degree", "temporal_flickering"


def changes(board: str, samples: int, metrics: Sequence[str], **more: Any) -> dict[str, Any]:
    """What `run.json` says of a run of a board's data set under its protocol."""
    settings = settings_of(board)
    dataset = {**settings["dataset"], "samples": samples, "fingerprint": "ab12cd34" * 8}
    return {
        "dataset": dataset, "profile": settings["profile"], "metrics": {id_: recorded(id_) for id_ in metrics}, **more,
    }  # fmt: skip


def a_run(folder: Path, board: str, models: Sequence[str] = ("mine",), value: float = 0.5, **more: Any) -> Path:
    """A small run of all metrics of Table 1 that its data set has, or of one of Table 2's."""
    samples: Sequence[Sample] = more.pop("samples", [sample("a", "Pet"), sample("b", "Food")])
    metrics = {"ucf101": ("fvd", "inception_score", "fid"), "msrvtt": ("fvd", "clipsim")}.get(board, (FLICKERING,))
    scores: dict[tuple[str, str], Sequence[Any]] = {
        (id_, model): [FEATURES if id_ in ("fvd", "fid", "inception_score") else value] * len(samples)
        for id_ in metrics
        for model in models
    }
    spec = RunSpec(
        samples,
        scores | more.pop("scores", {}),
        models,
        metrics,
        reference={id_: [FEATURES] * len(samples) for id_ in metrics if id_ in ("fvd", "fid")},
        changes=changes(board, len(samples), metrics, **more.pop("changes", {})),
        **more,
    )
    return make_run(folder, spec)


def rows(made: Plain) -> dict[str, Row]:
    return {row.label: row for row in made.shown.rows}


def read_csv(made: Plain) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(made.data))))


# -- the whole of I2V-Bench ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every clip of Table 4, as dynamic or not as Table 12 has it of two models."""
    counts = clip_counts()
    samples = [sample(f"{category}-{i}", category) for category, n in counts.items() for i in range(n)]
    scores = {}
    for name, method in (("SEINE", "SEINE"), ("mine", "I2VGen-XL")):
        printed = column(12, method)
        dynamic = {category: dynamic_clips(printed[category], n) for category, n in counts.items()}
        scores[DYNAMIC, name] = [float(i < dynamic[category]) for category, n in counts.items() for i in range(n)]
    spec = RunSpec(
        samples, scores, ("SEINE", "mine"), (DYNAMIC,), changes=changes("i2v-bench", len(samples), [DYNAMIC])
    )
    return make_run(tmp_path_factory.mktemp("whole") / "run", spec)


def test_a_run_of_the_published_protocol_has_the_published_digits_and_no_footnotes(whole: Path) -> None:
    made = runs_table(12, [whole], published=True).table
    table = read_csv(made)
    assert len(table) == 18
    for row in table:
        assert row["SEINE (run)"] == row["SEINE"]
        assert row["mine"] == row["I2VGen-XL"]
        assert row["profile mine"] == "paper"
    assert (table[-1]["category"], table[-1]["n mine"], table[0]["n mine"]) == ("All", "2951", "663")
    assert not [name for name in table[0] if name.startswith("footnotes")]
    portrait = rows(made)["Portrait"].cells
    assert [cell.mark for cell in portrait] == ["second", "", "best", "", "", "", "second"], "ours take part"


def test_rows_are_in_the_papers_order_whatever_the_runs(whole: Path) -> None:
    made = runs_table(12, [whole], published=False).table
    assert [row.label for row in made.shown.rows] == [
        "Portrait", "S-N", "Pet", "Food", "A-H", "Science", "Sports", "S-C", "A-S", "Music", "Game", "Animal",
        "Industry", "Painting", "Others", "Vehicle", "Drama", "All",
    ]  # fmt: skip
    assert [heading.label for heading in made.shown.headings] == ["SEINE", "mine"]
    assert made.shown.title.endswith("(runs, laid out as Ren et al., 2024, Table 12)")


# -- what the footnotes say ---------------------------------------------------------------------------------------


def test_a_run_of_the_small_networks_says_how_it_differs_and_is_not_compared(tmp_path: Path) -> None:
    dataset = {"name": "tiny", "spec": "tiny", "samples": 2, "fingerprint": "0" * 64}
    spec = RunSpec(
        [sample("a", "Pet"), sample("b", "Clouds")],
        {(FLICKERING, "mine"): [0.9999, 0.9999]},
        ("mine",),
        (FLICKERING,),
        changes={"profile": TINY, "dataset": dataset},
    )
    run = make_run(tmp_path / "run", spec)
    made = runs_table(2, [run], published=True).table
    cell = rows(made)["mine"].cells[0]
    assert (cell.text, cell.footnotes, cell.mark) == ("99.99", "a", "")
    assert rows(made)["AnimateAnything"].cells[0].mark == "best"
    assert (
        "a: data set tiny (2 samples) instead of I2V-Bench (2,951 clips); "
        "profile tiny (small networks trained on drawn clips) instead of paper; "
        "128 x 128 pixels instead of 256 x 256 pixels."
    ) in made.shown.notes
    assert "99.99^a" in to_aligned(made.shown, ())
    assert "99.99<sup>a</sup>" in to_markdown(made.shown)
    assert r"99.99\textsuperscript{a}" in to_latex(made.shown)
    mine = read_csv(made)[-1]
    assert (mine[FLICKERING], mine[f"footnotes {FLICKERING}"], mine[f"n {FLICKERING}"]) == ("99.99", "a", "2")
    assert mine["profile"].startswith("tiny: ")
    assert read_csv(made)[0]["profile"] == "published"
    by_category = runs_table(8, [run], published=True).table
    assert [row.label for row in by_category.shown.rows][-3:] == ["Drama", "Clouds", "All"]
    alone = runs_table(8, [run], published=False).table
    assert [row.label for row in alone.shown.rows] == ["Pet", "Clouds", "All"]


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_run(tmp_path_factory.mktemp("plain") / "run", "i2v-bench")


I2V = source_of("I2V-Bench", "Temporal Flickering")
T2V = source_of("MSR-VTT (text-to-video)", "CLIPSIM")
SD = "stabilityai/stable-diffusion-2-1-base"


def made_by(spec: str) -> dict[str, str]:
    return {"spec": spec, "title": "made from the prompts"}


@pytest.mark.parametrize(
    ("source", "metric", "change", "expected"),
    [
        (I2V, FLICKERING, {}, []),
        (I2V, FLICKERING, {"dataset": {"name": "i2v-bench", "spec": "my.py:Set", "samples": 2}},
         ["data set i2v-bench (2 samples) instead of I2V-Bench (2,951 clips)"]),
        (I2V, FLICKERING, {"selection": {"limit": 2, "categories": ["Pet", "Food"]}},
         ["2 samples (--limit 2 --categories Pet,Food) instead of all of I2V-Bench"]),
        (I2V, FLICKERING, {"seeds": [0, 1]}, ["2 videos of each clip (seeds 0, 1) instead of one"]),
        (I2V, FLICKERING, {"first_frames": made_by("images:made")},
         ["first frames made from the prompts instead of the data set's own"]),
        (I2V, FLICKERING, {"metrics": {FLICKERING: recorded(FLICKERING) | {"spec": "mine.py:F"}}},
         [f"a metric of its own called {FLICKERING} instead of the built-in one"]),
        (I2V, "fvd", {"metrics": {"fvd": recorded("fvd") | {"checkpoints": {"tiny_i3d": "ab"}}}},
         ["fvd through tiny_i3d instead of i3d_tats"]),
        (I2V, "background_consistency",
         {"metrics": {"background_consistency": recorded("background_consistency")
                      | {"checkpoints": {"clip_vit_b32": "ab" * 32}}}},
         ["another file of clip_vit_b32 instead of the published one"]),
        (I2V, "object_consistency", {"metrics": {"object_consistency": recorded("object_consistency")}},
         ["annotated words of the data set instead of the paper's, which are not published"]),
        (T2V, "clipsim", {"dataset": settings_of("msrvtt")["dataset"], "profile": settings_of("msrvtt")["profile"],
                          "first_frames": made_by(f"generate:seed-1={SD}")}, []),
        (T2V, "clipsim", {"dataset": settings_of("msrvtt")["dataset"], "profile": settings_of("msrvtt")["profile"]},
         [f"the data set's own first frames instead of those that {SD} makes of the prompts"]),
        (T2V, "clipsim", {"dataset": settings_of("msrvtt")["dataset"], "profile": settings_of("msrvtt")["profile"],
                          "first_frames": made_by("generate:some/other")},
         [f"first frames made from the prompts instead of those that {SD} makes of the prompts"]),
    ],
)  # fmt: skip
def test_each_difference_has_its_words(
    plain_run: Path, source: Source, metric: str, change: Mapping[str, Any], expected: list[str]
) -> None:
    run = open_run(plain_run)
    settings = {**run.settings, "metrics": {metric: recorded(metric)}, **change}
    changed = type(run)(run.folder, settings, run.samples, run.clips)
    assert differences(changed, metric, source) == expected


def test_every_field_of_the_protocol_counts(plain_run: Path) -> None:
    run = open_run(plain_run)
    protocol = {
        "num_frames": 8, "fps": 4, "height": 128, "interpolation": "bilinear", "sampling": "first",
        "other_videos": "refuse",
    }  # fmt: skip
    profile = run.settings["profile"]
    settings = {**run.settings, "profile": {**profile, "protocol": {**profile["protocol"], **protocol}}}
    assert differences(type(run)(run.folder, settings, run.samples, run.clips), FLICKERING, I2V) == [
        "8 frames instead of 16 frames", "4 frames a second instead of 8 frames a second",
        "128 x 256 pixels instead of 256 x 256 pixels",
        "frames resized by bilinear instead of frames resized by lanczos",
        "the first frames instead of frames nearest in time",
        "videos of other sizes refused instead of videos of other sizes brought to them",
    ]  # fmt: skip


def test_clips_that_are_missing_are_counted_in_a_footnote(tmp_path: Path) -> None:
    counts = {"Drama": 19, "Vehicle": 29, "Painting": 40}
    samples = [sample(f"{category}-{i}", category) for category, n in counts.items() for i in range(n)]
    values: list[Any] = [0.5] * len(samples)
    values[0] = "broken"
    scores = {(FLICKERING, "mine"): values}
    made = runs_table(8, [a_run(tmp_path / "run", "i2v-bench", samples=samples, scores=scores)], published=True).table
    found = {name: row.cells[-1] for name, row in rows(made).items()}
    assert {name: cell.footnotes for name, cell in found.items() if cell.text} == {
        "Drama": "a", "Vehicle": "a", "Painting": "", "All": "a",
    }  # fmt: skip
    note = "a: clips measured: Drama 18 instead of 19, Vehicle 29 instead of 30, All 87 instead of 2,951."
    assert note in made.shown.notes
    assert (found["Drama"].short, found["Drama"].n, found["Vehicle"].short) == (True, 18, False)


def test_2950_clips_are_the_whole_as_well(tmp_path: Path) -> None:
    samples = [sample(f"s{i}", "Pet" if i < 392 else "Others") for i in range(2950)]
    made = runs_table(8, [a_run(tmp_path / "run", "i2v-bench", samples=samples)], published=True).table
    assert rows(made)["All"].cells[-1].footnotes == ""
    assert "a: clips measured: Pet 392 instead of 393, Others 2,558 instead of 40." in made.shown.notes


def test_letters_go_on_after_z_and_equal_texts_share_theirs() -> None:
    footnotes = Footnotes()
    letters = [footnotes.letter(str(i)) for i in range(54)]
    assert letters[:3] == ["a", "b", "c"]
    assert letters[25:28] == ["z", "aa", "ab"]
    assert letters[51:] == ["az", "ba", "bb"]
    assert footnotes.letter("1") == "b"
    assert footnotes.letter("") == ""
    assert len(footnotes.notes) == 54


# -- Table 1: two runs, one row -----------------------------------------------------------------------------------


def test_a_models_two_runs_make_one_row(tmp_path: Path) -> None:
    ucf, msr = a_run(tmp_path / "u", "ucf101"), a_run(tmp_path / "m", "msrvtt", ("other", "mine"), 0.3)
    made = runs_table(1, [msr, ucf], published=True).table
    found = rows(made)
    assert list(found)[5:] == ["mine", "other"]
    mine, other = ([bool(cell.text) for cell in found[name].cells] for name in ("mine", "other"))
    assert mine == [False, True, False, True, True, True, False, False]
    assert other == [False, False, False, False, True, True, False, False]
    assert found["mine"].cells[5].text == "0.3000"
    notes = "\n".join(made.shown.notes)
    assert "other in FVD (UCF-101), IS (UCF-101), FID (UCF-101): empty, no run of UCF-101 was given." in notes
    assert "Motion (Human Eval: Consistency): empty, a run holds no answers of people." in notes
    assert "DIFFERENT DATA SETS" not in notes, "the two halves are of two data sets in the paper too"
    assert "clips measured: 2 instead of 2,048" in notes
    assert "clips measured: 2 instead of 2,990" in notes


def test_runs_of_one_data_set_are_numbered_and_which_belong_together_is_not_guessed(tmp_path: Path) -> None:
    ucf = [a_run(tmp_path / f"u{i}", "ucf101") for i in range(2)]
    made = runs_table(1, ucf, published=False).table
    assert list(rows(made)) == ["mine #1", "mine #2"]
    with pytest.raises(UserError, match=r"model mine: these are several runs \(2 of UCF-101 and 1 of MSR-VTT\)"):
        runs_table(1, [*ucf, a_run(tmp_path / "m", "msrvtt")], published=False)


def test_a_run_of_another_data_set_stands_in_both_halves_with_footnotes(tmp_path: Path) -> None:
    run = a_run(tmp_path / "u", "msrvtt", changes={"dataset": {"name": "mine", "samples": 2, "fingerprint": "1" * 64}})
    cells = rows(runs_table(1, [run], published=True).table)["mine"].cells
    assert [cell.footnotes for cell in cells] == ["", "a", "", "", "b", "b", "", ""]


def test_another_draw_of_a_data_set_stands_in_its_half(tmp_path: Path) -> None:
    dataset = {"name": "msrvtt-seed-1", "spec": "msrvtt:seed-1=x", "samples": 2, "fingerprint": "1" * 64}
    cells = rows(runs_table(1, [a_run(tmp_path / "u", "msrvtt", changes={"dataset": dataset})], published=True).table)
    assert [bool(cell.text) for cell in cells["mine"].cells] == [False, False, False, False, True, True, False, False]


# -- marks, formats, refusals -------------------------------------------------------------------------------------


def test_without_published_numbers_runs_are_compared_among_themselves(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", "msrvtt", ("one", "two"), scores={("clipsim", "two"): [0.7, 0.7]})
    made = runs_table(1, [run], published=False).table
    assert [rows(made)[name].cells[5].mark for name in ("one", "two")] == ["second", "best"]
    other = a_run(tmp_path / "other", "msrvtt", ("three",), changes={"profile": TINY})
    made = runs_table(1, [run, other], published=False).table
    assert {cell.mark for row in made.shown.rows for cell in row.cells} == {""}


def test_text_of_runs_is_text_everywhere(tmp_path: Path) -> None:
    name = "<b>=x|&{"
    made = runs_table(1, [a_run(tmp_path / "run", "msrvtt", (name,))], published=True).table
    assert "<b>" not in to_markdown(made.shown)
    assert "{" + name not in to_latex(made.shown)
    assert plain_as_json(made)["rows"][5]["method"] == name


def test_object_and_scene_say_that_the_paper_cuts(tmp_path: Path) -> None:
    counted = {"value": 0.5, "details": {"frames": 16, "successes": 8}}
    samples = [sample("a", "Pet", objects=("dog",)), sample("b", "Food", objects=("pizza",))]
    spec = RunSpec(
        samples,
        {("object_consistency", "mine"): [counted, counted]},
        ("mine",),
        ("object_consistency",),
        changes=changes("i2v-bench", 2, ["object_consistency"]),
    )
    made = runs_table(10, [make_run(tmp_path / "run", spec)], published=True).table
    assert rows(made)["Pet"].cells[-1].text == "50.00"
    assert any("the paper cuts the last digit, numbers of runs are rounded" in note for note in made.shown.notes)
    assert any("Pet 1 instead of 25, Food 1 instead of 25, All 2 instead of 100" in note for note in made.shown.notes)


def test_a_run_without_a_metric_of_the_table_is_refused(plain_run: Path) -> None:
    with pytest.raises(
        UserError, match=r"no metric of Table 12 in these runs: it is of dynamic_degree; they have temp"
    ):
        runs_table(12, [plain_run], published=True)


@needs_pdflatex
def test_tables_beside_compile_and_fit_the_page(tmp_path: Path, whole: Path) -> None:
    ucf, msr = a_run(tmp_path / "u", "ucf101"), a_run(tmp_path / "m", "msrvtt", ("mine", "another model of mine"))
    made = [
        runs_table(1, [ucf, msr], published=True), runs_table(5, [msr], published=True),
        runs_table(12, [whole], published=True), runs_table(2, [whole], published=True),
        *(runs_table(n, [whole], published=True, collecting=partial(collect, replicates=100)) for n in (12, 2)),
    ]  # fmt: skip
    text = "\n\\clearpage\n".join(to_latex(one.table.shown) for one in made)
    assert too_large(compile_latex(text, tmp_path), 0) == []


def test_table_5_has_runs_among_eleven(tmp_path: Path) -> None:
    frames = {"first_frames": made_by(f"generate:{SD}")}
    made = runs_table(5, [a_run(tmp_path / "m", "msrvtt", changes=frames)], published=True).table
    assert len(made.shown.rows) == 12
    assert [cell.text for cell in rows(made)["mine"].cells[:3]] == ["", "", "0.5000"]
    assert read_csv(made)[-1]["citation"] == ""
    assert [row["method"] for row in read_csv(made)] == [*dict.fromkeys(n.method for n in numbers(5)), "mine"]
