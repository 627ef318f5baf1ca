"""An import leaves the user's files alone, reads only what changed, and refuses in a sentence what is no copy."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from i2vbench.datasets.i2v_bench import clips, released, report
from i2vbench.datasets.i2v_bench.categories import CATEGORIES
from i2vbench.errors import UserError
from tests.datasets.i2v_bench.conftest import Place
from tests.datasets.i2v_bench.test_layouts import WANTED, category_folders_and_a_csv_by_path


def test_counts_are_compared_with_table_4(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    category_folders_and_a_csv_by_path(place)
    outcome = place.bring()
    assert outcome.counts == {name: {"Pet": 2, "Scenery-Nature": 1, "Food": 1}.get(name, 0) for name in CATEGORIES}
    assert outcome.differences["Pet"] == (2, 393)
    assert "  Pet: 2 of 393" in place.told
    for module in (released, report):
        monkeypatch.setattr(module, "CATEGORIES", {"Pet": 2, "Scenery-Nature": 1, "Food": 1})
    assert place.bring().differences == {}
    assert "every category has as many clips as in Table 4, 4 in all" in place.told


def test_clips_come_in_the_order_of_table_4(place: Place) -> None:
    category_folders_and_a_csv_by_path(place)
    place.bring()
    assert [row["id"] for row in place.rows()] == ["sea", "cat", "dog", "tea"]


def test_the_user_s_files_are_linked_and_untouched(place: Place) -> None:
    category_folders_and_a_csv_by_path(place)
    before = {path: path.stat().st_mtime_ns for path in place.source.rglob("*")}
    place.bring()
    assert {path: path.stat().st_mtime_ns for path in place.source.rglob("*")} == before
    assert os.path.samefile(place.source / "Pet/dog.mp4", place.out / "clips/dog.mp4")


def test_where_no_link_can_be_made_files_are_copied_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    category_folders_and_a_csv_by_path(place)
    monkeypatch.setattr(clips.os, "link", refuse)
    place.bring()
    copies = {path: path.stat().st_ino for path in (place.out / "clips").iterdir()}
    assert len(copies) == 4
    assert not os.path.samefile(place.source / "Pet/dog.mp4", place.out / "clips/dog.mp4")
    assert place.bring().files_read == 0
    assert {path: path.stat().st_ino for path in (place.out / "clips").iterdir()} == copies


def test_a_link_to_a_file_is_followed_and_a_circle_of_folders_ends(place: Place) -> None:
    category_folders_and_a_csv_by_path(place)
    (place.source / "Pet/dog.mp4").rename(place.out.with_name("elsewhere.mp4"))
    (place.source / "Pet/dog.mp4").symlink_to(place.out.with_name("elsewhere.mp4"))
    (place.source / "Pet/again").symlink_to(place.source)
    place.bring()
    assert place.said("category", "prompt") == WANTED
    assert not (place.out / "clips/dog.mp4").is_symlink()


def test_a_second_import_reads_only_what_changed(place: Place, videos: list[Path]) -> None:
    category_folders_and_a_csv_by_path(place)
    assert place.bring().files_read == 4
    first = (place.out / "metadata.csv").read_bytes()
    assert place.bring().files_read == 0
    assert (place.out / "metadata.csv").read_bytes() == first
    place.video("Pet/dog.mp4", 9)
    assert place.bring().files_read == 1
    assert place.said("sha256")["dog"] == (hashlib.sha256(videos[9].read_bytes()).hexdigest(),)
    assert (place.out / "clips/dog.mp4").read_bytes() == videos[9].read_bytes()


def test_clips_that_a_new_import_does_not_have_go_and_other_files_stay(place: Place) -> None:
    category_folders_and_a_csv_by_path(place)
    place.bring()
    (place.out / "clips/mine.mp4").write_bytes(b"x")
    (place.source / "Pet/dog.mp4").unlink()
    place.bring()
    assert sorted(path.name for path in (place.out / "clips").iterdir()) == [
        "cat.mp4",
        "mine.mp4",
        "sea.mp4",
        "tea.mp4",
    ]


def test_a_table_that_somebody_edited_is_not_overwritten(place: Place) -> None:
    category_folders_and_a_csv_by_path(place)
    place.bring()
    edited = (place.out / "metadata.csv").read_bytes() + b"\n"
    (place.out / "metadata.csv").write_bytes(edited)
    with pytest.raises(UserError, match="not as an import left it"):
        place.bring()
    assert (place.out / "metadata.csv").read_bytes() == edited


def test_the_data_set_s_own_folder_is_refused_and_one_around_it_is_not(place: Place) -> None:
    category_folders_and_a_csv_by_path(place)
    for wrong in (place.source, place.source / "clips"):
        wrong.mkdir(exist_ok=True)
        with pytest.raises(UserError, match="is the folder of the data set itself"):
            released.bring(wrong, place.source, place.told.append)
    inside = Place(place.source, place.source / "out", place.videos)
    for _ in range(2):
        inside.bring()
        assert inside.said("category", "prompt") == WANTED


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("none", None, "no such file or folder"),
        ("set.rar", b"Rar!\x1a\x07\x00", r"expected a folder, or an archive.*unpack it by hand \(`unar FILE`\)"),
        ("set.7z", b"7z\xbc\xaf\x27\x1c", "7z x"),
        ("set.zip", b"Rar!\x1a\x07\x00", "unpack it by hand"),
        ("set.zip", b"<html>Sign in</html>", "a web page, not an archive"),
        ("set.zip", b"PK\x03\x04 and no more", "damaged or cut short"),
        ("set.tar.gz", b"\x1f\x8b and no more", "damaged"),
        ("set.tar", b"\0" * 100, "no zip or tar archive|damaged"),
        ("clip.mp4", b"x", "expected a folder, or an archive"),
    ],
)
def test_what_is_no_copy_is_refused_in_a_sentence(place: Place, name: str, data: bytes | None, message: str) -> None:
    place.source.mkdir()
    if data is not None:
        (place.source / name).write_bytes(data)
    with pytest.raises(UserError, match=message) as caught:
        place.bring(place.source / name)
    assert "\n" not in str(caught.value)


def test_a_folder_without_videos_is_refused(place: Place) -> None:
    place.text("prompts.csv", "file,prompt\n")
    place.text("picture.png", b"x")
    place.text("set.rar", b"Rar!")
    with pytest.raises(UserError, match=r"no video in .*1 tables and 1 files of other kinds; set.rar: .*unar"):
        place.bring()


def test_a_full_disk_is_one_sentence(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    category_folders_and_a_csv_by_path(place)
    monkeypatch.setattr(released, "place", full)
    with pytest.raises(UserError, match="No space left on device; mend that or name another folder"):
        place.bring()
    monkeypatch.undo()
    place.bring()
    assert place.said("category", "prompt") == WANTED


def test_a_second_import_into_the_same_folder_at_once_is_refused(place: Place) -> None:
    from filelock import FileLock

    category_folders_and_a_csv_by_path(place)
    (place.out / ".released").mkdir(parents=True)
    with FileLock(place.out / ".released/lock"), pytest.raises(UserError, match="another process imports into it"):
        place.bring()
