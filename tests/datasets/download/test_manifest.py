"""Manifests: what is read of them, and every fault with its row."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.datasets.download.manifest import Entry, default_id, read_manifest, youtube_id
from i2vbench.errors import UserError
from i2vbench.types import SAFE_ID

HEAD = "source,start,end,category,prompt"


def read(folder: Path, *lines: str, head: str = HEAD) -> list[Entry]:
    path = folder / "manifest.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return read_manifest(path)


def refused(folder: Path, *lines: str, head: str = HEAD) -> str:
    with pytest.raises(UserError) as caught:
        read(folder, *lines, head=head)
    return str(caught.value)


def test_a_row_names_a_section_of_a_video(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, "dQw4w9WgXcQ,12.5,1:02:03.25,Pet,a dog runs.")
    assert entry == Entry(
        2, "dQw4w9WgXcQ-12.5", "https://www.youtube.com/watch?v=dQw4w9WgXcQ", 12.5, 3723.25, "Pet", "a dog runs.", {}
    )
    assert not entry.is_whole


@pytest.mark.parametrize("column", ["source", "url", "youtube_id", "video_id"])
def test_the_source_has_several_names(tmp_path: Path, column: str) -> None:
    (entry,) = read(tmp_path, "dQw4w9WgXcQ,Pet,a dog.", head=f"{column},category,prompt")
    assert entry.source.endswith("dQw4w9WgXcQ")
    assert entry.is_whole


def test_further_columns_are_kept_and_those_of_files_are_not(tmp_path: Path) -> None:
    head = "id,url,category,prompt,licence,objects,query,sha256,file_name,missing"
    (entry,) = read(tmp_path, "a,https://x.org/v,Pet,a dog.,CC BY,dog; ball,=1+1,ff,clips/a.mp4,gone: x", head=head)
    assert entry.texts == {"licence": "CC BY", "objects": "dog; ball", "query": "=1+1"}
    assert entry.id == "a"


def test_a_metadata_csv_that_names_its_sources_is_a_manifest(tmp_path: Path) -> None:
    head = "file_name,id,category,prompt,start,end,source,source_start,source_end"
    (entry,) = read(tmp_path, "clips/a.mp4,a,Pet,a dog.,0,1,https://x.org/v,61,63.5", head=head)
    assert (entry.start, entry.end) == (61, 63.5)


@pytest.mark.parametrize(
    "address",
    [
        "https://www.youtube.com/watch?v=a_b-cdefghi&list=PL1&t=4s",
        "https://youtu.be/a_b-cdefghi?t=4",
        "http://m.youtube.com/shorts/a_b-cdefghi",
        "https://www.youtube-nocookie.com/embed/a_b-cdefghi",
        "a_b-cdefghi",
    ],
)
def test_a_video_of_youtube_has_one_address(tmp_path: Path, address: str) -> None:
    (entry,) = read(tmp_path, f"{address},,,Pet,a dog.")
    assert entry.source == "https://www.youtube.com/watch?v=a_b-cdefghi"
    assert youtube_id(entry.source) == "a_b-cdefghi"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("file:///etc/passwd,,,Pet,x", "expected an http(s) address or a YouTube id"),
        ("ftp://x.org/v.mp4,,,Pet,x", "expected an http(s) address"),
        ("ytsearch5:dogs,,,Pet,x", "expected an http(s) address"),
        ("-rf,,,Pet,x", "expected an http(s) address"),
        ("http://[x/v,,,Pet,x", "expected an http(s) address"),
        ("https:///v,,,Pet,x", "expected an http(s) address"),
        ("https://x.org/a b,,,Pet,x", "holds a space"),
        ("https://me:secret@x.org/v,,,Pet,x", "password"),
        (",,,Pet,x", "source is empty"),
        ("https://x.org/v,5,5,Pet,x", "end 5 is not after start 5"),
        ("https://x.org/v,-1,5,Pet,x", "start '-1' is negative"),
        ("https://x.org/v,1:99,5,Pet,x", "start '1:99' is no time; expected seconds, or [HH:]MM:SS"),
        ("https://x.org/v,nan,5,Pet,x", "is not a number"),
        ("https://x.org/v,,inf,Pet,x", "infinite"),
        ("https://x.org/v,,,,x", "category is empty"),
        ("https://x.org/v,,,Pet, ", "prompt is empty"),
        ("https://x.org/v,,,Pet,a\u2028b", "control character (U+2028)"),
        ("https://x.org/v,,,Pet,a\x1b[2J", "control character (U+001B)"),
        ("https://x.org/v,,,Pet", "has 4 fields, the header has 5"),
    ],
)
def test_a_fault_is_told_with_its_row(tmp_path: Path, line: str, words: str) -> None:
    text = refused(tmp_path, "https://x.org/good,,,Food,fine.", line)
    assert words in text
    assert "row 3" in text
    assert "1 fault:" in text
    assert "\x1b" not in text
    assert "secret" not in text


@pytest.mark.parametrize("id_", ["../x", "a/b", "$(reboot)", "a b", ".hidden", "-rf", "<b>", "é", "x" * 129])
def test_ids_are_safe_as_file_names(tmp_path: Path, id_: str) -> None:
    assert "row 2" in refused(tmp_path, f"{id_},https://x.org/v,Pet,x", head="id,source,category,prompt")


def test_every_fault_is_listed(tmp_path: Path) -> None:
    head = "id,source,category,prompt"
    text = refused(tmp_path, "a,gopher://x,Pet,x", "b,https://x.org/v,pet,", "A,https://x.org/w,Food,x", head=head)
    first, *faults = text.splitlines()
    assert "4 faults" in first
    assert [line.split(":")[0].strip() for line in faults] == ["row 2", "row 3", "row 3", "row 4"]
    assert "differs only in case from 'a' of row 2" in faults[3]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("url,category", "missing columns prompt"),
        ("category,prompt", "missing columns source"),
        ("url,source,category,prompt", "mean the same"),
        ("url,category,prompt,prompt", "stand there twice"),
        ("", "the header is empty"),
    ],
)
def test_headers(tmp_path: Path, head: str, words: str) -> None:
    assert words in refused(tmp_path, "a", head=head)


def test_the_same_section_twice_is_a_fault(tmp_path: Path) -> None:
    line = "https://x.org/v.mp4,1,2,Pet,x"
    assert "is also that of row 2" in refused(tmp_path, line, line)


def test_a_table_without_rows_and_one_that_is_not_there(tmp_path: Path) -> None:
    assert "no rows" in refused(tmp_path)
    with pytest.raises(UserError, match="cannot be read"):
        read_manifest(tmp_path / "none.csv")


def test_a_hundred_thousand_rows(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    rows = [("youtube_id", "start", "end", "category", "prompt", "query")]
    rows += [(f"{i:011d}", f"{i % 50}.5", "1:00", "Pet", f'dog "{i}"', "dogs") for i in range(100_000)]
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    entries = read_manifest(path)
    assert len({entry.id for entry in entries}) == 100_000
    assert (entries[-1].number, entries[-1].start, entries[-1].end) == (100_001, 49.5, 60.0)
    assert entries[777].texts == {"query": "dogs"}


@given(st.text(), st.floats(0, 1e6) | st.none())
def test_a_default_id_is_safe_whatever_the_address(path: str, start: float | None) -> None:
    assert SAFE_ID.fullmatch(default_id(f"https://x.org/{path.replace('[', '').replace(']', '')}", start))


CELLS = st.sampled_from(["", "a", "../a", "https://x.org/v", "dQw4w9WgXcQ", "1:02", "5", "\x00", '"', "=1", "Pet", "é"])


@given(st.lists(st.lists(CELLS, min_size=5, max_size=6), max_size=5))
def test_whatever_a_table_holds_it_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, rows: object) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
    path = tmp_path_factory.getbasetemp() / "some.csv"
    path.write_text(HEAD.replace("source", "id,source") + "\n" + text.getvalue(), encoding="utf-8", newline="")
    try:
        entries = read_manifest(path)
    except UserError:
        return
    assert all(SAFE_ID.fullmatch(entry.id) and entry.source.startswith("http") for entry in entries)
    assert len({entry.id.lower() for entry in entries}) == len(entries)
