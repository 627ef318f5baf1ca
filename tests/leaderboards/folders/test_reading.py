"""What stands on the boards: accepted folders as entries, and the paper's models as the tables print them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from i2vbench.admission import BOARDS
from i2vbench.errors import UserError
from i2vbench.leaderboards.entries import TOTAL
from i2vbench.leaderboards.folders import read
from i2vbench.leaderboards.published import METHODS, METRIC_IDS, numbers
from i2vbench.leaderboards.reading import accepted, published_entries
from i2vbench.registry import METRICS
from tests.conftest import ROOT
from tests.leaderboards.folders.conftest import fill_in


def test_an_accepted_folder_is_an_entry(folder: Path) -> None:
    cells = folder / "cells.json"
    text = cells.read_text(encoding="utf-8")
    of_all = '"metric":"clipsim","category":null,"value":"0.0500","n":3,"planned":3,"low":"'
    assert f'{of_all}","high":""' in text
    cells.write_text(text.replace(f'{of_all}","high":""', f'{of_all}0.0050","high":"0.0867"'), encoding="utf-8")
    (entry,) = accepted(folder.parent.parent, trials=True)
    assert (entry.board, entry.slug, entry.name, entry.origin) == ("msrvtt", "rolling", "rolling", "trial")
    assert list(entry.facts)[:3] == ["Authors", "Contact", "Licence"]
    assert entry.facts["Authors"] == "A. Author, B. Author"
    assert entry.links == {"paper": "https://arxiv.org/abs/2402.04324", "archive": "https://example.org/whole.zip"}
    assert list(entry.scores) == ["fvd", "clipsim"]
    total = entry.scores["clipsim"][TOTAL]
    assert (total.printed, total.value, total.n) == ("0.0500", 0.05, 3)
    assert total.interval is not None
    assert (total.interval.low, total.interval.high) == (0.005, 0.0867)
    assert entry.scores["fvd"]["Portrait"].value is None
    assert entry.scores["fvd"][TOTAL].note.startswith("2 of 3 clips; of 2 generated")
    assert entry.notes[0].startswith("May not go on a leaderboard: It was made under the profile tiny.")
    assert {clip.sample for clip in entry.clips} == {"astronaut", "leaning-in-car", "talking-in-car"}
    assert all(clip.video.is_file() and clip.first_frame and clip.first_frame.is_file() for clip in entry.clips)
    assert {clip.sample: clip.scores for clip in entry.clips}["astronaut"] == {"clipsim": "0.0573"}


def test_entries_stand_in_the_order_of_boards_and_names(folder: Path) -> None:
    root = folder.parent.parent
    shutil.copytree(folder, folder.with_name("another"))
    (root / "README.md").write_text("what this is")
    with pytest.raises(UserError, match=r"rolling: its name 'rolling' is on the board already \(in another/\)"):
        accepted(root, trials=True)
    fill_in(folder.with_name("another"), {'name = "rolling"': 'name = "another"'})
    assert [entry.slug for entry in accepted(root, trials=True)] == ["another", "rolling"]
    fill_in(folder, {'name = "rolling"': 'name = "An0ther"'})
    with pytest.raises(UserError, match=r"its name 'An0ther' is on the board already"):
        accepted(root, trials=True)


def test_what_may_not_stand_on_a_board_is_refused_unless_it_is_asked_for(folder: Path) -> None:
    with pytest.raises(UserError, match=r"msrvtt/rolling: says of itself that it may not stand on the board: It was"):
        accepted(folder.parent.parent)


def test_a_report_that_says_of_faults_is_refused(folder: Path) -> None:
    report = folder / "verification.json"
    report.write_text(report.read_text().replace('"verified": true', '"verified": false'))
    with pytest.raises(UserError, match="verification.json says that the archive is not verified"):
        accepted(folder.parent.parent, trials=True)


def test_what_is_no_folder_of_a_board_is_named(folder: Path) -> None:
    root = folder.parent.parent
    with pytest.raises(UserError, match="there is no such folder"):
        accepted(root / "nowhere")
    (folder.parent / "notes.txt").write_text("")
    with pytest.raises(UserError, match=r"msrvtt/notes.txt is no folder"):
        accepted(root)
    (folder.parent / "notes.txt").unlink()
    (root / "vbench").mkdir()
    with pytest.raises(UserError, match="vbench: there is no such board; there are i2v-bench, ucf101, msrvtt"):
        accepted(root)


def test_the_accepted_ones_of_this_checkout_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [path.parent for path in (ROOT / "leaderboards" / "accepted").glob("*/*/entry.toml")]
    assert len(accepted()) == len(folders)
    monkeypatch.setattr(read, "ROOT", Path("nowhere"))  # as in a wheel
    assert accepted() == []


@pytest.mark.parametrize("board", BOARDS)
def test_the_papers_models_are_on_every_board(board: str) -> None:
    entries = published_entries(board)
    assert [entry.name for entry in entries] == list(METHODS)
    assert all(entry.origin == "published" and entry.slug.startswith("paper-") for entry in entries)
    for entry in entries:
        assert list(entry.scores) == list(BOARDS[board].metrics)
        assert entry.links["paper"].startswith("https://arxiv.org/abs/")
        assert entry.notes == ("As printed in the paper; not measured again here.",)
        for id_, by_category in entry.scores.items():
            assert list(by_category)[-1] == TOTAL
            assert all(score.interval is None for score in by_category.values())
            decimals = METRICS.create(id_).info.decimals
            assert all(len(score.printed.partition(".")[2]) == decimals for score in by_category.values())


def test_their_numbers_are_those_of_tables_1_and_2() -> None:
    data_sets = {"UCF-101": "ucf101", "MSR-VTT": "msrvtt", "I2V-Bench": "i2v-bench"}
    printed = [n for table in (1, 2) for n in numbers(table) if n.metric in METRIC_IDS and n.dataset in data_sets]
    assert len(printed) == 5 * (3 + 2 + 8)
    for number in printed:
        (entry,) = [e for e in published_entries(data_sets[number.dataset]) if e.name == number.method]
        score = entry.scores[METRIC_IDS[number.metric]][TOTAL]
        assert (score.printed, score.value) == (number.text, number.value)


def test_their_numbers_stand_on_as_many_clips_as_the_paper_says_or_its_digits_prove() -> None:
    for entry in published_entries("i2v-bench"):
        dynamic = entry.scores["dynamic_degree"]
        assert (len(dynamic), dynamic[TOTAL].n, dynamic["Portrait"].n) == (18, 2951, 663)
        for category, score in dynamic.items():
            assert score.value is not None
            assert score.n is not None
            moving = round(score.value * score.n / 100)
            assert f"{100 * moving / score.n:.2f}" == score.printed, category
        for id_ in ("object_consistency", "scene_consistency"):
            *some, total = entry.scores[id_].values()
            assert total.n == sum(score.n or 0 for score in some) == 100
    exchanged = published_entries("i2v-bench")[0].scores["scene_consistency"]["Scenery-City"]
    assert exchanged.printed == "35.53"
    assert "exchanged in print" in exchanged.note
    assert [entry.scores["fid"][TOTAL].n for entry in published_entries("ucf101")] == [2048] * 5
    assert [entry.scores["fvd"][TOTAL].n for entry in published_entries("msrvtt")] == [2990] * 5
