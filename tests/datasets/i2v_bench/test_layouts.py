"""Every layout that the importer takes comes to the same data set; what it cannot place is listed, not guessed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.datasets.folder import FolderDataset
from i2vbench.datasets.i2v_bench.categories import CATEGORIES
from i2vbench.datasets.i2v_bench.clips import assign_ids, safe_stem
from i2vbench.datasets.i2v_bench.matching import Subject
from i2vbench.datasets.i2v_bench.sources import Found, archive_name
from i2vbench.errors import UserError
from i2vbench.types import SAFE_ID
from tests.datasets.i2v_bench.conftest import Make, Place

WANTED = {
    "dog": ("Pet", "a dog, running."),
    "cat": ("Pet", 'a cat says "meow".'),
    "sea": ("Scenery-Nature", "waves on a beach."),
    "tea": ("Food", "steam rises from a cup."),
}
FOLDERS = {"Pet": "Pet", "Scenery-Nature": "Scenery-Nature", "Food": "Food"}


def in_folders(place: Place, under: str = "", folders: dict[str, str] = FOLDERS) -> dict[str, str]:
    """Lays the four videos out by category; their paths."""
    paths = {}
    for number, (stem, (category, _)) in enumerate(WANTED.items()):
        paths[stem] = f"{under}{folders[category]}/{stem}.mp4"
        place.video(paths[stem], number)
    return paths


def flat(place: Place, under: str = "") -> None:
    for number, stem in enumerate(WANTED):
        place.video(f"{under}{stem}.mp4", number)


def csv_of(rows: Sequence[Sequence[str]], mark: str = ",") -> str:
    return "".join(mark.join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) + "\n" for row in rows)


def zipped(place: Place, name: str, *members: str) -> None:
    """Moves what was laid out into an archive."""
    folder = place.source / "packed"
    os.rename(place.source, temporary := place.source.with_name("temporary"))
    place.source.mkdir()
    with zipfile.ZipFile(place.source / name, "w") as archive:
        for path in sorted(temporary.rglob("*")):
            if path.is_file() and (not members or str(path.relative_to(temporary)) in members):
                archive.write(path, path.relative_to(temporary))
    shutil.rmtree(temporary)
    assert not folder.exists()


LAYOUTS: dict[str, Make] = {}


def layout(make: Make) -> Make:
    LAYOUTS[make.__name__] = make
    return make


@layout
def category_folders_and_a_csv_by_path(place: Place) -> None:
    paths = in_folders(place)
    place.text("prompts.csv", csv_of([("file_name", "prompt"), *((paths[s], p) for s, (_, p) in WANTED.items())]))


@layout
def nested_folders_and_other_spellings(place: Place) -> None:
    in_folders(place, "I2V-Bench/videos/", {"Pet": "PETS", "Scenery-Nature": "scenery/nature", "Food": "04/Food"})
    place.text("I2V-Bench/captions.json", json.dumps({f"{stem}.mp4": p for stem, (_, p) in WANTED.items()}))


@layout
def abbreviated_folders_and_a_text_beside_each_video(place: Place) -> None:
    in_folders(place, "", {"Pet": "pet", "Scenery-Nature": "S-N", "Food": "food"})
    for path in list(place.source.rglob("*.mp4")):
        path.with_suffix(".txt").write_text(WANTED[path.stem][1] + "\n")


@layout
def texts_in_a_folder_of_their_own(place: Place) -> None:
    in_folders(place, "videos/")
    for stem, (category, prompt) in WANTED.items():
        place.text(f"prompts/{category}/{stem}.txt", prompt)


@layout
def flat_with_the_training_set_s_json_lines(place: Place) -> None:
    """As the authors' README describes their training data, with a category."""
    flat(place, "videos/")
    lines = [
        {"text": p, "time": "0.5", "file": f"/videos/{s}.mp4", "fps": 8.0, "category": c}
        for s, (c, p) in WANTED.items()
    ]
    place.text("annotation.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


@layout
def captions_by_id_beside_files_by_id(place: Place) -> None:
    """As the authors' data loader reads its second training set: two tables that share ids."""
    flat(place)
    files = [{"id": n, "file": f"{s}.mp4", "category": c, "fps": 8} for n, (s, (c, _)) in enumerate(WANTED.items())]
    texts = [{"id": n, "text": p} for n, (_, p) in enumerate(WANTED.values())]
    place.text("a_captions.jsonl", "\n".join(map(json.dumps, texts)))
    place.text("b_files.jsonl", "\n".join(map(json.dumps, files)))


@layout
def json_by_category(place: Place) -> None:
    flat(place)
    nested: dict[str, list[dict[str, str]]] = {}
    for stem, (category, prompt) in WANTED.items():
        nested.setdefault(category, []).append({"video": stem, "caption": prompt})
    place.text("all.json", json.dumps({"name": "I2V-Bench", "version": 1, "data": nested}))


@layout
def json_by_category_and_video(place: Place) -> None:
    flat(place)
    nested: dict[str, dict[str, str]] = {}
    for stem, (category, prompt) in WANTED.items():
        nested.setdefault(category, {})[f"{stem}.mp4"] = prompt
    place.text("all.json", json.dumps(nested))


@layout
def json_of_records_by_video(place: Place) -> None:
    flat(place)
    place.text("all.json", json.dumps({s: {"prompts": [p], "info": {"class": c}} for s, (c, p) in WANTED.items()}))


@layout
def json_by_column(place: Place) -> None:
    flat(place)
    columns = {
        "video": [f"{s}.mp4" for s in WANTED],
        "category": [c for c, _ in WANTED.values()],
        "text": [p for _, p in WANTED.values()],
    }
    place.text("all.json", json.dumps(columns))


@layout
def json_as_pandas_writes_it(place: Place) -> None:
    flat(place)
    columns = {
        "video": {str(n): f"{s}.mp4" for n, s in enumerate(WANTED)},
        "category": {str(n): c for n, (c, _) in enumerate(WANTED.values())},
        "text": {str(n): p for n, (_, p) in enumerate(WANTED.values())},
    }
    place.text("all.json", json.dumps(columns))


@layout
def json_pairs_in_a_file_a_category(place: Place) -> None:
    flat(place)
    for category in FOLDERS:
        pairs = [[f"{stem}.mp4", prompt] for stem, (c, prompt) in WANTED.items() if c == category]
        place.text(f"annotations/{category}.json", json.dumps(pairs))


@layout
def tsv_with_other_columns_and_windows_paths(place: Place) -> None:
    in_folders(place)
    rows = [("Nr", "File Name", "Caption"), *(("1", f"{c}\\{s}.MP4", p) for s, (c, p) in WANTED.items())]
    place.text("table.tsv", csv_of(rows, "\t").encode("utf-16"))


@layout
def semicolons_and_a_byte_order_mark(place: Place) -> None:
    flat(place)
    rows = [("video_id", "category", "description"), *((s, c.lower(), p) for s, (c, p) in WANTED.items())]
    place.text("table.csv", b"\xef\xbb\xbf" + csv_of(rows, ";").encode())


@layout
def a_csv_without_a_header(place: Place) -> None:
    in_folders(place)
    place.text("prompts.csv", csv_of([(f"{s}.mp4", p) for s, (_, p) in WANTED.items()]))


@layout
def lines_of_text(place: Place) -> None:
    in_folders(place)
    place.text("prompts.txt", "".join(f"{s}.mp4 {p}\n" for s, (_, p) in WANTED.items()))
    place.text("README.txt", "These are videos.\nThey are for research.\n")


@layout
def lines_of_text_by_stem(place: Place) -> None:
    in_folders(place)
    place.text("prompts.txt", "".join(f"{s}: {p}\n" for s, (_, p) in WANTED.items()))


@layout
def lists_of_names_by_category(place: Place) -> None:
    flat(place, "videos/")
    for category in FOLDERS:
        place.text(f"lists/{category}.txt", "".join(f"{s}.mp4\n" for s, (c, _) in WANTED.items() if c == category))
    place.text("captions.csv", csv_of([("name", "caption"), *((s, p) for s, (_, p) in WANTED.items())]))


@layout
def somebody_s_absolute_paths(place: Place) -> None:
    in_folders(place)
    rows = [("path", "prompt"), *((f"/home/me/I2V-Bench/{c}/{s}.mp4", p) for s, (c, p) in WANTED.items())]
    place.text("prompts.csv", csv_of(rows))


@layout
def one_zip_with_a_folder(place: Place) -> None:
    category_folders_and_a_csv_by_path(place)
    zipped(place, "I2V-Bench.zip")


@layout
def a_zip_a_category_beside_the_table(place: Place) -> None:
    for number, (stem, (category, _)) in enumerate(WANTED.items()):
        place.source.mkdir(exist_ok=True)
        with zipfile.ZipFile(place.source / f"{category}.zip", "a") as archive:
            archive.write(place.videos[number], f"{stem}.mp4")
    place.text("prompts.csv", csv_of([("file", "text"), *((f"{s}.mp4", p) for s, (_, p) in WANTED.items())]))


@layout
def archives_in_an_archive(place: Place) -> None:
    a_zip_a_category_beside_the_table(place)
    zipped(place, "all.zip")


@layout
def parts_of_a_browser_s_download(place: Place) -> None:
    paths = in_folders(place, "I2V-Bench/")
    place.text("I2V-Bench/p.csv", csv_of([("file", "text"), *((paths[s], p) for s, (_, p) in WANTED.items())]))
    os.rename(place.source, temporary := place.source.with_name("temporary"))
    place.source.mkdir()
    files = sorted(path for path in temporary.rglob("*") if path.is_file())
    for part, chosen in enumerate((files[:2], files[2:]), start=1):
        with zipfile.ZipFile(place.source / f"I2V-Bench-20240326T101010Z-{part:03d}.zip", "w") as archive:
            for path in chosen:
                archive.write(path, path.relative_to(temporary))


@layout
def a_tar_gz_with_rubbish_of_systems(place: Place) -> None:
    category_folders_and_a_csv_by_path(place)
    place.text("__MACOSX/Pet/._dog.mp4", "resource fork")
    place.text("Pet/._dog.mp4", "resource fork")
    os.rename(place.source, temporary := place.source.with_name("temporary"))
    place.source.mkdir()
    with tarfile.open(place.source / "set.tar.gz", "w:gz") as archive:
        archive.add(temporary, "I2V-Bench")


@layout
def an_archive_beside_what_came_out_of_it(place: Place) -> None:
    category_folders_and_a_csv_by_path(place)
    with zipfile.ZipFile(place.source / "Pet.zip", "w") as archive:
        for path in sorted((place.source / "Pet").iterdir()):
            archive.write(path, path.relative_to(place.source))


@layout
def a_data_set_of_this_suite(place: Place) -> None:
    flat(place, "clips/")
    rows = [("file_name", "id", "category", "prompt"), *((f"clips/{s}.mp4", s, c, p) for s, (c, p) in WANTED.items())]
    place.text("metadata.csv", csv_of(rows))


@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_layout_becomes_the_data_set(place: Place, make: Make) -> None:
    make(place)
    outcome = place.bring()
    assert place.said("category", "prompt") == WANTED
    assert (outcome.clips, outcome.missing) == (4, 0)
    listed = [entry for entry in place.listed() if "README.txt" not in entry[1]]
    assert listed == []
    samples = FolderDataset(str(place.out)).samples()
    assert {sample.id: (sample.category, sample.prompt) for sample in samples} == WANTED
    for number, stem in enumerate(WANTED):
        row = next(row for row in place.rows() if row["id"] == stem)
        data = place.videos[number].read_bytes()
        assert (place.out / row["file_name"]).read_bytes() == data
        assert (row["sha256"], int(row["bytes"])) == (hashlib.sha256(data).hexdigest(), len(data))
        assert (row["width"], row["height"], row["frames"], row["fps"]) == ("24", "16", "4", "8")


def test_an_archive_named_itself_is_taken(place: Place) -> None:
    one_zip_with_a_folder(place)
    place.bring(place.source / "I2V-Bench.zip")
    assert place.said("category", "prompt") == WANTED


def test_one_number_in_two_categories_is_two_clips(place: Place) -> None:
    for number, category in enumerate(("Pet", "Food")):
        place.video(f"{category}/001.mp4", number)
        place.text(f"{category}.json", json.dumps([{"file": "001.mp4", "prompt": f"a {category}."}]))
    place.video("Music/002.mp4", 2)
    place.text("Music/prompts.csv", "id,prompt\n002,a song.\n")
    place.bring()
    assert place.said("category", "prompt") == {
        "Pet-001": ("Pet", "a Pet."), "Food-001": ("Food", "a Food."), "002": ("Music", "a song.")
    }  # fmt: skip


def test_categories_in_all_names_are_taken_and_in_some_names_are_not(place: Place) -> None:
    place.video("Pet_001.mp4", 0)
    place.video("Scenery-City_01.mp4", 1)
    place.text("p.csv", "file,prompt\nPet_001.mp4,a dog.\nScenery-City_01.mp4,a street.\n")
    place.bring()
    assert place.said("category") == {"Pet_001": ("Pet",), "Scenery-City_01": ("Scenery-City",)}
    place.video("holiday.mp4", 2)
    with pytest.raises(
        UserError, match="none of the 3 videos could be taken.*no folder and no table says its category"
    ):
        place.bring()


def test_annotations_sections_and_sources_are_kept(place: Place) -> None:
    place.video("Pet/a.mp4", 0)
    place.video("Pet/b.mp4", 1)
    place.video("Pet/c.mp4", 2)
    records = [
        {"file": "a.mp4", "prompt": "a.", "objects": ["dog", "ball"], "scene": ["beach", "sea"], "start": 0.1,
         "end": 0.4},
        {"file": "b.mp4", "prompt": "b.", "object": "cat, mouse", "url": "https://youtu.be/x", "start": "00:01:02.5",
         "end": "65", "title": "=HYPERLINK(1)"},
        {"file": "c.mp4", "prompt": "c.", "source": "https://youtu.be/y", "source_start": 7, "start": 0.1},
    ]  # fmt: skip
    place.text("all.json", json.dumps(records))
    place.bring()
    assert place.said("objects", "scene", "start", "end", "source", "source_start", "source_end", "title") == {
        "a": ("dog;ball", "beach sea", "0.1", "0.4", "", "", "", ""),
        "b": ("cat;mouse", "", "", "", "https://youtu.be/x", "62.5", "65", "'=HYPERLINK(1)"),
        "c": ("", "", "0.1", "", "https://youtu.be/y", "7", "", ""),
    }


@given(st.lists(st.tuples(st.text(max_size=20), st.sampled_from(list(CATEGORIES))), min_size=1, max_size=12))
def test_any_names_give_safe_ids_that_differ(names: list[tuple[str, str]]) -> None:
    subjects = [
        Subject(Found(Path("x"), (category, f"{stem}.mp4")), values={"category": category}) for stem, category in names
    ]
    ids = assign_ids(subjects)
    assert all(SAFE_ID.fullmatch(id_) for id_ in ids)
    assert len({id_.lower() for id_ in ids}) == len(ids)
    assert assign_ids(subjects) == ids


@given(st.from_regex(SAFE_ID, fullmatch=True))
def test_a_name_that_is_safe_stays_readable(stem: str) -> None:
    assert safe_stem(stem).lower().removeprefix("clip-")[:5].strip("-._") in stem.lower()


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Pet.zip", "Pet"),
        ("I2V-Bench-20240326T101010Z-001.zip", "I2V-Bench"),
        ("I2V-Bench-20240326T101010Z-1-014.ZIP", "I2V-Bench"),
        ("a.b.tar.gz", "a.b"),
        (".zip", ".zip"),
    ],
)
def test_an_archive_stands_for_a_folder(name: str, folder: str) -> None:
    assert archive_name(name) == folder
