"""What cannot be placed is listed with its reason, and nothing is guessed."""

from __future__ import annotations

import json
import re

import pytest

from i2vbench.datasets.folder import FolderDataset
from i2vbench.errors import UserError
from tests.datasets.i2v_bench.conftest import Place


def only(place: Place, kind: str, where: str) -> str:
    reasons = [entry[2] for entry in place.listed() if entry[0] == kind and entry[1].startswith(where)]
    assert len(reasons) == 1, place.listed()
    return reasons[0]


@pytest.fixture
def good(place: Place) -> Place:
    """One clip that is in order, so that an import succeeds."""
    place.video("Pet/good.mp4", 11)
    place.text("Pet/good.txt", "a good dog.")
    return place


def test_a_video_without_prompt_is_listed_with_a_hint(good: Place) -> None:
    good.video("Pet/a.mp4")
    assert good.bring().clips == 1
    assert "has no prompt: add a table" in only(good, "video", "Pet/a.mp4")


def test_a_category_is_not_guessed(good: Place) -> None:
    good.video("Cats/a.mp4", 0)
    good.video("Animal/Pet/b.mp4", 1)
    good.text("p.csv", "file,prompt,category\na.mp4,a cat.,Cats\nb.mp4,a dog.,\n")
    good.bring()
    assert "no folder and no table says its category" in only(good, "video", "Cats/a.mp4")
    assert "its category is 'Animal' (its folder) and 'Pet' (its folder)" in only(good, "video", "Animal/Pet/b.mp4")
    assert "the category 'Cats' of 1 rows is none of Portrait," in only(good, "table", "p.csv")


def test_tables_that_disagree_leave_the_clip_out(good: Place) -> None:
    good.video("Pet/a.mp4")
    good.text("one.csv", "file,prompt\na.mp4,a cat.\n")
    good.text("two.json", json.dumps({"a.mp4": "a dog."}))
    good.bring()
    reason = only(good, "video", "Pet/a.mp4")
    assert (
        reason == "its prompt is 'a cat.' (one.csv: line 2) and 'a dog.' (two.json: entry a.mp4): correct or remove one"
    )


def test_a_folder_and_a_table_that_disagree_leave_the_clip_out(good: Place) -> None:
    good.video("Pet/a.mp4")
    good.text("one.csv", "file,prompt,category\na.mp4,a cat.,Food\n")
    good.bring()
    assert "its category is 'Pet' (its folder) and 'Food' (one.csv: line 2)" in only(good, "video", "Pet/a.mp4")


def test_annotations_that_disagree_are_left_empty_and_told(good: Place) -> None:
    good.text("one.csv", "file,objects\ngood.mp4,dog\n")
    good.text("two.csv", "file,objects\ngood.mp4,cat\n")
    good.bring()
    assert good.said("objects") == {"good": ("",)}
    assert "the cell was left empty" in only(good, "video", "Pet/good.mp4")


def test_a_row_that_may_mean_two_videos_is_listed(good: Place) -> None:
    good.video("Pet/x/a.mp4", 0)
    good.video("Pet/y/a.mp4", 1)
    good.text("p.csv", "file,prompt\na.mp4,a cat.\n")
    good.bring()
    assert "may be any of 2 videos" in only(good, "row", "p.csv: line 2")


@pytest.mark.parametrize(
    "text", ["file,prompt\ngone.mp4,a cat.\n", "id,prompt\n77,a cat.\n", 'file,"prompt\n', "a,b\n1,2\n"]
)
def test_a_row_or_table_without_a_video_is_listed(good: Place, text: str) -> None:
    good.text("p.csv", text)
    outcome = good.bring()
    assert (outcome.clips, outcome.missing) == (1, 0)
    assert len([entry for entry in good.listed() if entry[1].startswith("p.csv")]) == 1


def test_a_row_of_a_video_that_is_not_here_is_marked_if_it_says_a_category(good: Place) -> None:
    good.video("Pet/5.mp4", 3)
    good.text("p.csv", "file,id,prompt,category\ngone.mp4,5,a cat.,Pet\nFood/lost.mp4,,tea.,\n")
    outcome = good.bring()
    assert outcome.missing == 2
    reasons = good.said("category", "missing", "file_name")
    assert reasons["gone"] == ("Pet", "gone: not among the files that were imported", "")
    assert reasons["lost"] == ("Food", "gone: not among the files that were imported", "")
    assert "has no prompt" in only(good, "video", "Pet/5.mp4")  # no other video takes the number of one that is gone
    data_set = FolderDataset(str(good.out))
    assert [sample.id for sample in data_set.samples()] == ["good"]
    assert data_set.note == "a part of the set: 1 clip is here; 2 are not here (2 gone)"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><title>Quota exceeded</title>", "is not a video"),
        (b"\0" * 5000, "is not a video"),
        ("cut", "is (not a video, or not a whole one|cut short)"),
    ],
)
def test_a_file_that_is_no_whole_video_is_listed_and_marked(good: Place, data: bytes | str, reason: str) -> None:
    path = good.video("Pet/bad.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if isinstance(data, str) else data)
    path.with_suffix(".txt").write_text("a bad dog.")
    outcome = good.bring()
    assert (outcome.clips, outcome.missing) == (1, 1)
    assert re.search(reason, only(good, "video", "Pet/bad.mp4"))
    assert good.said("missing")["bad"][0].startswith("unreadable: ")


def test_a_file_that_is_not_the_one_its_table_states_is_listed(good: Place) -> None:
    good.text("p.csv", f"file,sha256\ngood.mp4,{'0' * 64}\n")
    with pytest.raises(UserError, match="none of the 1 videos"):
        good.bring()
    assert "a table states 0000" in only(good, "video", "Pet/good.mp4")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [("9,", "beyond its end"), ("0,9", "beyond that of the video"), ("x,", "not a number"), ("1:90,", "no time")],
)
def test_a_section_outside_the_video_is_listed(good: Place, cells: str, reason: str) -> None:
    good.video("Pet/a.mp4")
    good.text("p.csv", f"file,prompt,start,end\na.mp4,a cat.,{cells}\n")
    assert good.bring().clips == 1
    assert any(reason in entry[2] for entry in good.listed()), good.listed()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("p.json", "{", "not valid JSON"),
        ("p.json", "[" * 100_000, "nested too deeply|not valid JSON"),
        ("p.json", "[" * 900 + "]" * 900, ""),
        ("p.jsonl", '{"file": "a.mp4"}\nrubbish\n', "line 2 is not valid JSON"),
        ("p.csv", "\xff\xfe\xfa".encode("latin-1"), "UTF-8|known"),
        ("p.csv", "caf\xe9".encode("latin-1"), "not UTF-8"),
        ("p.csv", "file,prompt\na.mp4,a dog, running\n", "line 2 has 3 cells, the header 2"),
        ("p.csv", "", "empty"),
        ("p.xlsx", b"PK\x03\x04", "save it as CSV"),
        ("p.flv", b"FLV", "convert it"),
        ("p.rar", b"Rar!\x1a\x07\x00", "unar"),
        ("p.7z", b"7z\xbc\xaf\x27\x1c", "7z x"),
        ("p.zip", b"not an archive", "damaged"),
        ("p.json", json.dumps([{"file": "good.mp4", "prompt": "x" * 6000}]), "6,000 characters"),
        ("p.json", json.dumps([{"file": "good.mp4", "captions": ["one", "two"]}]), "2 texts; expected one"),
    ],
)
def test_what_cannot_be_read_is_listed_and_the_rest_goes_on(
    good: Place, name: str, text: str | bytes, reason: str
) -> None:
    good.text(name, text)
    assert good.bring().clips == 1
    if reason:
        found = [entry[2] for entry in good.listed() if entry[1].startswith(name)]
        assert len(found) == 1, good.listed()
        assert re.search(reason, found[0])


def test_text_of_a_table_is_text(good: Place) -> None:
    good.video("Pet/a.mp4")
    good.text("p.json", json.dumps([{"file": "a.mp4", "prompt": "=1+1\n<script>\u2028\x1b[31m"}]))
    good.text("q.csv", 'file,prompt\n"=cmd()",x\n')
    good.bring()
    assert good.said("prompt")["a"] == ("=1+1 <script> \N{REPLACEMENT CHARACTER}[31m",)
    cells = [cell for entry in good.listed() for cell in entry]
    assert cells
    assert not any(cell.startswith(("=", "+", "-", "@")) or "\x1b" in cell for cell in cells)
