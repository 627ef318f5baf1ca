"""Counting a data set by category, beside Table 4 where it is one of that kind."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from i2vbench.datasets.counts import CategoryCount, CountedClip, count_clips, count_dataset
from i2vbench.datasets.demo import DemoDataset
from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.i2v_bench.categories import CATEGORIES
from i2vbench.datasets.writing import write_metadata
from i2vbench.errors import UserError
from i2vbench.tables import count_table, counts_as_json
from i2vbench.tables.text import to_csv


@pytest.fixture
def folder(tmp_path: Path) -> FolderDataset:
    """Two categories: four clips here, of which two state their length, and two that are not here."""
    for name in "abcd":
        (tmp_path / f"{name}.mp4").write_bytes(b"x")
    (tmp_path / "p.png").write_bytes(b"x")
    common = {"prompt": "a clip."}
    write_metadata(
        tmp_path,
        [
            common | {"file_name": "gone.mp4", "id": "gone", "category": "Pet", "missing": "gone: removed"},
            common | {"file_name": "a.mp4", "id": "a", "category": "Food", "frames": 50, "fps": 25, "height": 720,
                      "objects": "cup", "scene": "table"},
            common | {"file_name": "b.mp4", "id": "b", "category": "Food", "start": 1, "end": 2.5, "height": 1080},
            common | {"file_name": "c.mp4", "id": "c", "category": "Pet", "frames": 50, "height": 360,
                      "objects": "dog"},
            common | {"file_name": "p.png", "id": "p", "category": "Food", "height": 480},
            common | {"file_name": "d.mp4", "id": "d", "category": "Pet", "missing": "private"},
        ],
    )  # fmt: skip
    return FolderDataset(str(tmp_path))


def test_rows_here_and_missing_are_counted_by_category(folder: FolderDataset) -> None:
    counts = count_dataset(folder)
    assert counts.rows == (
        CategoryCount("Pet", 3, missing=2, with_objects=1, height_px=360, sized=1),
        CategoryCount("Food", 3, 0, with_objects=1, with_scene=1, seconds=3.5, timed=2, height_px=720, sized=3),
    )
    assert counts.total == CategoryCount("", 6, 2, 2, 1, 3.5, 2, 600, 4)
    assert "2 are not here (1 gone, 1 private)" in counts.note


def test_a_section_to_the_files_end_is_as_long_as_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    row = {"file_name": "a.mp4", "id": "a", "category": "Pet", "prompt": "p", "start": 1.5, "frames": 50, "fps": 25}
    write_metadata(tmp_path, [row])
    assert count_dataset(FolderDataset(str(tmp_path))).total.seconds == 0.5


def test_a_folder_of_which_nothing_is_here_can_be_counted(tmp_path: Path) -> None:
    write_metadata(tmp_path, [{"file_name": "a.mp4", "id": "a", "category": "Pet", "prompt": "p", "missing": "gone"}])
    data_set = FolderDataset(str(tmp_path))
    assert count_dataset(data_set).total == CategoryCount("", 1, missing=1)
    with pytest.raises(UserError, match="none of its clips is here"):
        data_set.samples()


def test_a_set_of_table_4s_kind_has_all_its_categories_and_others_have_none_of_it() -> None:
    clips = [CountedClip(category) for category in ("Drama", "Mine")]
    assert {row.published for row in count_clips("mine", clips).rows} == {None}
    counts = count_clips("i2v-bench", clips)
    assert [row.category for row in counts.rows][:3] == ["Drama", "Mine", "Portrait"]
    assert [(row.clips, row.published) for row in counts.rows][:3] == [(1, 19), (1, None), (0, 663)]
    assert (counts.total.clips, counts.total.published, len(counts.rows)) == (2, 2951, 18)
    ten = [CountedClip(category) for category in list(CATEGORIES)[:10]]
    assert count_clips("mine", ten).total.published == 2951
    assert count_clips("mine", ten[:9]).total.published is None


def test_the_demo_states_what_its_rows_do() -> None:
    total = count_dataset(DemoDataset()).total
    assert (total.clips, total.timed, total.sized, total.published) == (16, 7, 0, 2951)


def test_the_table_has_the_columns_that_say_something(folder: FolderDataset, tmp_path: Path) -> None:
    table = count_table(count_dataset(folder))
    rows = list(csv.reader(to_csv(table).splitlines()))
    assert rows == [
        ["category", "clips", "missing", "with_objects", "with_scene", "seconds", "height_px", "n seconds"],
        ["Pet", "3", "2", "1", "0", "", "360", "0"],
        ["Food", "3", "0", "1", "1", "3.5", "720", "2"],
        ["All", "6", "2", "2", "1", "3.5", "600", "2"],
    ]
    bare = count_table(count_clips("bare", [CountedClip("Pet")]))
    assert [heading.key for heading in bare.headings] == ["clips", "with_objects", "with_scene"]
    assert bare.notes == ()


def test_json_says_null_where_nothing_is_stated(folder: FolderDataset) -> None:
    found = counts_as_json(count_dataset(folder))
    assert [(row["category"], row["seconds"], row["total"]) for row in found["rows"]] == [
        ("Pet", None, False),
        ("Food", 3.5, False),
        ("All", 3.5, True),
    ]
