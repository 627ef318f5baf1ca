"""A folder data set loads exactly what its metadata.csv says, or lists every fault with its row."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2vbench.datasets.folder import FolderDataset
from i2vbench.errors import UserError
from i2vbench.types import ClipSource, FrameSource, Sample

HEADER = "file_name,id,category,prompt"
FULL = f"{HEADER},start,end,fps,objects,scene,sha256"
HASH = "0123456789abcdefABCDEF" + "0" * 42


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a clip and a picture; loading looks at their names and sizes only."""
    (tmp_path / "clips").mkdir()
    for name in ("a.mp4", "b.mp4", "p.png", "clips/c.webm"):
        (tmp_path / name).write_bytes(b"contents of " + name.encode())
    return tmp_path


def write(folder: Path, *lines: str, header: str = HEADER) -> FolderDataset:
    (folder / "metadata.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8", newline="")
    return FolderDataset(str(folder))


def faults(data_set: FolderDataset) -> list[str]:
    with pytest.raises(UserError) as caught:
        data_set.samples()
    first, *lines = str(caught.value).split("\n")
    assert first.startswith(f"data set {data_set.path}: "), first
    assert all(line.startswith("  ") for line in lines)
    return [line[2:] for line in lines]


def test_a_clip_and_a_picture_become_samples(folder: Path) -> None:
    data_set = write(
        folder,
        "a.mp4,dog.1,Pet,a dog swimming.,0.5,2,29.97, dog ; ball;,lake," + HASH,
        "p.png,cat-2,Food,a cat.,,,,,,",
        "a.mp4,dog_3,Pet,a dog.,,,,,,",
        header=FULL,
    )
    clip = folder / "a.mp4"
    assert data_set.samples() == [
        Sample(
            id="dog.1",
            category="Pet",
            prompt="a dog swimming.",
            first_frame=FrameSource(clip, 0.5),
            reference=ClipSource(clip, 0.5, 2.0),
            fps=29.97,
            objects=("dog", "ball"),
            scene="lake",
        ),
        Sample(id="cat-2", category="Food", prompt="a cat.", first_frame=FrameSource(folder / "p.png", None)),
        Sample("dog_3", "Pet", "a dog.", FrameSource(clip, 0.0), ClipSource(clip, 0.0, None)),
    ]
    assert data_set.name == folder.name


def test_columns_may_come_in_any_order_and_unknown_ones_are_left_alone(folder: Path) -> None:
    data_set = write(folder, 'a.,"two\nlines",x,a.mp4,Pet', header=" prompt,notes,id, file_name ,category")
    assert [(s.id, s.prompt, s.category) for s in data_set.samples()] == [("x", "a.", "Pet")]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_spreadsheets_write_a_mark_and_two_line_ends(folder: Path, bom: str, end: str) -> None:
    text = bom + end.join([HEADER, 'a.mp4,x,Pet,"a ""dog"", swimming in Zürich."', "", "p.png,y,Pet,b", ""])
    (folder / "metadata.csv").write_bytes(text.encode())
    samples = FolderDataset(str(folder)).samples()
    assert [s.prompt for s in samples] == ['a "dog", swimming in Zürich.', "b"]


def test_the_constructor_reads_nothing_and_samples_are_read_once(folder: Path) -> None:
    FolderDataset(str(folder / "nowhere"))
    data_set = write(folder, "a.mp4,x,Pet,a")
    first = data_set.samples()
    (folder / "metadata.csv").unlink()
    assert data_set.samples() == first


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(UserError, match="folder:PATH"):
        FolderDataset(" ")


def test_the_home_folder_may_be_abbreviated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    write(folder, "a.mp4,x,Pet,a")
    assert len(FolderDataset(f"~/{folder.name}").samples()) == 1


def test_a_symbolic_link_may_lead_out_of_the_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "real.mp4"
    outside.write_bytes(b"x")
    os.symlink(outside, folder / "link.mp4")
    assert write(folder, "link.mp4,x,Pet,a").samples()[0].first_frame.path == folder / "link.mp4"


def test_faults_of_the_folder_as_a_whole(folder: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no such folder$"):
        FolderDataset(str(folder / "nowhere")).samples()
    with pytest.raises(UserError, match=r"a\.mp4: not a folder$"):
        FolderDataset(str(folder / "a.mp4")).samples()
    with pytest.raises(UserError, match=r"has no metadata\.csv; expected one with the columns file_name, id, cat"):
        FolderDataset(str(folder)).samples()


@pytest.mark.parametrize(
    ("contents", "line"),
    [
        (f"{HEADER}\na.mp4,x,Pet,caf".encode() + b"\xe9.\n", r"not UTF-8 \(byte 0xe9 in line 2\); save .* 'CSV UTF-8'"),
        (f"{HEADER}\n".encode("utf-16"), r"not UTF-8 \(byte 0xff in line 1\).*"),
        (b"", r"row 1: the header is empty; expected the columns file_name, id, category, prompt"),
        (f"{HEADER}\n\n".encode(), r"no rows below the header; expected one a clip"),
        (b"file_name,category,words\n", r"row 1: missing columns id, prompt; found 'file_name, category, words'.*"),
        (HEADER.replace(",", ";").encode(), r"row 1: missing columns .*'file_name;id;category;prompt'.*commas.*"),
        (f"{HEADER},id\n".encode(), r"row 1: columns that stand there twice: id"),
        (f'{HEADER}\na.mp4,x,Pet,"a\n'.encode(), r"row 2: not valid CSV .*quotation mark.*"),
        (f'"{HEADER}\n'.encode(), r"row 1: not valid CSV .*quotation mark.*"),
    ],
)
def test_faults_of_the_table_as_a_whole(folder: Path, contents: bytes, line: str) -> None:
    (folder / "metadata.csv").write_bytes(contents)
    (found,) = faults(FolderDataset(str(folder)))
    assert re.fullmatch(line, found), found


GOOD = "b.mp4,good,Pet,a,,,,,,"  # row 2 of every table below


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("a.mp4,x,Pet", "row 3: has 3 fields, the header has 10.*comma not in quotation marks.*"),
        ("a.mp4,x,Pet,a dog, swimming,,,,,,", "row 3: has 11 fields, the header has 10.*"),
        ("a.mp4,,Pet,a,,,,,,", "row 3: id is empty"),
        ("a.mp4,x,,a,,,,,,", "row 3: id 'x': category is empty"),
        ("a.mp4,x, ,a,,,,,,", "row 3: id 'x': category is empty"),
        ("a.mp4,x,Pet,,,,,,,", "row 3: id 'x': prompt is empty"),
        (",x,Pet,a,,,,,,", "row 3: id 'x': file_name '' is empty"),
        (
            "a.mp4,a/b,Pet,a,,,,,,",
            r"row 3: id 'a/b': holds a path separator.*: use letters, digits, '\.', '_' and '-' .*",
        ),
        ("a.mp4,a\\b,Pet,a,,,,,,", r"row 3: id 'a\\\\b': holds a path separator.*"),
        ("a.mp4,..,Pet,a,,,,,,", r"row 3: id '\.\.': is not safe as a file name: use letters, .* first"),
        ("a.mp4,.x,Pet,a,,,,,,", r"row 3: id '\.x': is not safe.*"),
        ("a.mp4,a b,Pet,a,,,,,,", "row 3: id 'a b': is not safe.*"),
        ("a.mp4, x,Pet,a,,,,,,", "row 3: id ' x': is not safe.*"),
        ("a.mp4,é,Pet,a,,,,,,", "row 3: id 'é': is not safe.*"),
        ('a.mp4,"x\n",Pet,a,,,,,,', r"row 3: id 'x\\n': is not safe.*"),
        ("a.mp4,\0x,Pet,a,,,,,,", r"row 3: id '\\x00x': is not safe.*"),
        (f"a.mp4,{'x' * 129},Pet,a,,,,,,", "row 3: id 'x+...': is 129 characters long; expected at most 128"),
        ("a.mp4,good,Pet,a,,,,,,", "row 3: id 'good': is also that of row 2.*"),
        ("a.mp4,GOOD,Pet,a,,,,,,", "row 3: id 'GOOD': differs only in case from 'good' of row 2.*"),
        ("a.mp4,x,pet,a,,,,,,", "row 3: id 'x': category 'pet' differs only in case or spaces from 'Pet' of row 2"),
        ("a.mp4,x,Pet ,a,,,,,,", "row 3: id 'x': category 'Pet ' differs only in case or spaces from 'Pet' of row 2"),
        ('a.mp4,x,"New\nline",a,,,,,,', r"row 3: id 'x': category holds a control character \(U\+000A\).*"),
        ('a.mp4,x,Pet,"two\nlines",,,,,,', r"row 3: id 'x': prompt holds a control character \(U\+000A\).*"),
        ("a.mp4,x,Pet,a\x1b[31m,,,,,,", r"row 3: id 'x': prompt holds a control character \(U\+001B\).*"),
        ("a.mp4,x,Pet,a\u2028b,,,,,,", r"row 3: id 'x': prompt holds a control character \(U\+2028\).*"),
        ("a.mp4,x,Pet,a\0,,,,,,", r"row 3: id 'x': prompt holds a control character \(U\+0000\).*"),
        ("a\0.mp4,x,Pet,a,,,,,,", r"row 3: id 'x': file_name 'a\\x00\.mp4' holds a control character"),
        ("a.mp4,x,Pet,a,,,,cat\0,,", r"row 3: id 'x': objects holds a control character \(U\+0000\).*"),
        ("/etc/a.mp4,x,Pet,a,,,,,,", "row 3: id 'x': file_name '/etc/a.mp4' is an absolute path.*relative.*"),
        ("C:\\a.mp4,x,Pet,a,,,,,,", r"row 3: id 'x': file_name 'C:\\\\a.mp4' is an absolute path.*"),
        ("\\\\host\\share\\a.mp4,x,Pet,a,,,,,,", "row 3: id 'x': file_name .* is an absolute path.*"),
        ("../a.mp4,x,Pet,a,,,,,,", "row 3: id 'x': file_name '../a.mp4' leaves the folder.*"),
        ("clips/../a.mp4,x,Pet,a,,,,,,", "row 3: id 'x': file_name .* leaves the folder.*"),
        ("clips\\..\\a.mp4,x,Pet,a,,,,,,", "row 3: id 'x': file_name .* leaves the folder.*"),
        ("none.mp4,x,Pet,a,,,,,,", "row 3: id 'x': file_name 'none.mp4' does not exist"),
        ("folder.mp4,x,Pet,a,,,,,,", "row 3: id 'x': file_name 'folder.mp4' is not a file"),
        ("empty.mp4,x,Pet,a,,,,,,", "row 3: id 'x': file_name 'empty.mp4' is an empty file"),
        (
            "a.gif,x,Pet,a,,,,,,",
            "row 3: id 'x': file_name 'a.gif' has the extension '.gif'; expected one of mp4, .*png.*",
        ),
        ("a,x,Pet,a,,,,,,", "row 3: id 'x': file_name 'a' has the extension ''; expected one of .*"),
        ("a.mp4,x,Pet,a,half,,,,,", "row 3: id 'x': start 'half' is not a number.*"),
        ("a.mp4,x,Pet,a,1_0,,,,,", "row 3: id 'x': start '1_0' is not a number.*"),
        ('a.mp4,x,Pet,a,,"1,5",,,,', "row 3: id 'x': end '1,5' is not a number; expected one such as 2.5"),
        ("a.mp4,x,Pet,a,nan,,,,,", "row 3: id 'x': start 'nan' is not a number.*"),
        ("a.mp4,x,Pet,a,,inf,,,,", "row 3: id 'x': end 'inf' is infinite"),
        ("a.mp4,x,Pet,a,-1,,,,,", "row 3: id 'x': start '-1' is negative"),
        ("a.mp4,x,Pet,a,,,-25,,,", "row 3: id 'x': fps '-25' is negative"),
        ("a.mp4,x,Pet,a,,,0,,,", "row 3: id 'x': fps is 0.*"),
        ("a.mp4,x,Pet,a,2,2,,,,", "row 3: id 'x': end 2 is not after start 2.*"),
        ("a.mp4,x,Pet,a,,0,,,,", "row 3: id 'x': end 0 is not after start 0.*"),
        ("a.mp4,x,Pet,a,1,1.0004,,,,", "row 3: id 'x': end 1.0004 is not after start 1.*millisecond.*"),
        ("p.png,x,Pet,a,1,2,,,,", "row 3: id 'x': start and end given for an image; expected for videos only"),
        ("p.png,x,Pet,a,,,25,,,", "row 3: id 'x': fps given for an image.*"),
        ("a.mp4,x,Pet,a,,,,,,123", "row 3: id 'x': sha256 '123': expected 64 hex digits"),
        (f"a.mp4,x,Pet,a,,,,,,{'g' * 64}", "row 3: id 'x': sha256 .*: expected 64 hex digits"),
    ],
)
def test_each_fault_names_its_row(folder: Path, row: str, line: str) -> None:
    (folder / "folder.mp4").mkdir()
    (folder / "empty.mp4").touch()
    found = faults(write(folder, GOOD, row, header=FULL))
    assert len(found) == 1, found
    assert re.fullmatch(line, found[0]), found[0]


def test_nul_in_a_further_column_is_a_damaged_file(folder: Path) -> None:
    assert faults(write(folder, "a.mp4,x,Pet,a,\0", header=HEADER + ",notes")) == [
        "row 2: id 'x': a further column holds a NUL character"
    ]


def test_two_hashes_of_one_file_are_a_fault(folder: Path) -> None:
    lines = [f"a.mp4,x,Pet,a,,,,,,{'0' * 64}", f"a.mp4,y,Pet,a,,,,,,{'1' * 64}", "a.mp4,z,Pet,a,,,,,,"]
    (found,) = faults(write(folder, *lines, header=FULL))
    assert found == "row 3: id 'y': sha256 differs from that of row 2, which names the same file"


def test_all_faults_are_listed_at_once_in_the_order_of_the_rows(folder: Path) -> None:
    data_set = write(folder, "none.mp4,a/b,Pet,a", "a.mp4,good,Pet,a", "", 'p.png,also,Pet,"a"', "a.mp4,good,pet,")
    found = faults(data_set)
    assert [line.split(":")[0] for line in found] == ["row 2", "row 2", "row 6", "row 6", "row 6"]
    for phrase in ("path separator", "does not exist", "that of row 3", "'pet' differs", "prompt is empty"):
        assert sum(phrase in line for line in found) == 1, phrase
    with pytest.raises(UserError, match=r"5 faults in metadata\.csv:"):
        data_set.samples()


def test_every_empty_category_is_listed(folder: Path) -> None:
    found = faults(write(folder, "a.mp4,x,,a", "a.mp4,y,,b"))
    assert found == ["row 2: id 'x': category is empty", "row 3: id 'y': category is empty"]


def test_a_category_in_two_spellings_is_named_once_each(folder: Path) -> None:
    lines = [f"a.mp4,x{i},{'Pet' if i == 0 else 'pet'},a" for i in range(20)]
    assert len(faults(write(folder, *lines))) == 1


def test_fifty_faults_are_listed_and_the_rest_counted(folder: Path) -> None:
    assert len(faults(write(folder, *[f"a.mp4,x{i},Pet," for i in range(50)]))) == 50
    found = faults(write(folder, *[f"a.mp4,x{i},Pet," for i in range(53)]))
    assert len(found) == 51
    assert found[-1] == "and 3 more"


def test_a_hundred_thousand_rows(folder: Path) -> None:
    samples = write(folder, *[f"a.mp4,clip-{i},Pet,a dog number {i}." for i in range(100_000)]).samples()
    assert len(samples) == 100_000
    assert samples[-1].id == "clip-99999"


IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True)
# Every character but control characters, line separators and halves of surrogate pairs, and never only spaces.
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).filter(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(IDS, TEXTS), min_size=1, unique_by=lambda row: row[0].lower()),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_text_survives_the_table(folder: Path, rows: Sequence[tuple[str, str]], quoting: int, end: str) -> None:
    table = io.StringIO(newline="")
    writer = csv.writer(table, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerow(HEADER.split(","))
    writer.writerows(["a.mp4", id_, "Pet", prompt] for id_, prompt in rows)
    (folder / "metadata.csv").write_bytes(table.getvalue().encode())
    assert [(s.id, s.prompt) for s in FolderDataset(str(folder)).samples()] == list(rows)


def fingerprint(data_set: FolderDataset) -> str:
    return data_set.fingerprint(data_set.samples())


def test_a_file_is_held_to_the_hash_its_row_states(folder: Path) -> None:
    without = fingerprint(write(folder, "a.mp4,x,Pet,a dog."))
    digest = hashlib.sha256((folder / "a.mp4").read_bytes()).hexdigest()
    data_set = write(folder, "a.mp4,x,Pet,a dog.,,,,,," + digest.upper(), header=FULL)
    assert fingerprint(data_set) == without
    (folder / "a.mp4").write_bytes(b"another clip")
    with pytest.raises(UserError, match="1 files are not those whose sha256 is stated: a.mp4"):
        fingerprint(data_set)


def test_rows_of_clips_that_are_not_here_are_counted_by_kind(folder: Path) -> None:
    data_set = write(
        folder,
        "a.mp4,here,Pet,a dog.,",
        "clips/x.mp4,x,Pet,,gone: removed by its owner",
        "clips/y.mp4,y,Food,,private",
        ",z,Food,,gone",
        header=f"{HEADER},missing",
    )
    assert [sample.id for sample in data_set.samples()] == ["here"]
    assert data_set.note == "a part of the set: 1 clip is here; 3 are not here (2 gone, 1 private)"
    whole = write(folder, "a.mp4,here,Pet,a dog.,", header=f"{HEADER},missing")
    assert len(whole.samples()) == 1
    assert whole.note == ""


def test_prompts_that_nobody_has_checked_are_counted(folder: Path) -> None:
    header, row = f"{HEADER},prompt_state,missing", "a.mp4,{},Pet,a dog.,{},{}"
    some = [row.format("a", "proposed", ""), row.format("b", " proposed ", ""), row.format("c", "checked", "")]
    data_set = write(folder, *some, row.format("d", "", ""), header=header)
    assert len(data_set.samples()) == 4
    assert data_set.note == "2 of 4 prompts were proposed by a machine and not checked"
    without = write(folder, *(f"a.mp4,{id_},Pet,a dog." for id_ in "abcd"))
    assert fingerprint(data_set) == fingerprint(without), "to check a prompt is not to change a sample"
    assert without.note == ""
    part = write(folder, *some[1:], row.format("d", "proposed", "gone"), header=header)
    assert len(part.samples()) == 2
    assert part.note == (
        "a part of the set: 2 clips are here; 1 is not here (1 gone); "
        "1 of 2 prompts was proposed by a machine and not checked"
    )


@pytest.mark.parametrize("state", ["Proposed", "yes", "checked by me"])
def test_a_state_of_a_prompt_is_one_of_three(folder: Path, state: str) -> None:
    (found,) = faults(write(folder, f"a.mp4,a,Pet,a.,{state}", header=f"{HEADER},prompt_state"))
    assert found == f"row 2: id 'a': prompt_state {state!r}: expected proposed, checked, or nothing"


def test_a_set_of_which_nothing_is_here_is_refused(folder: Path) -> None:
    data_set = write(folder, "x.mp4,x,Pet,,gone", header=f"{HEADER},missing")
    with pytest.raises(UserError, match=r"none of its clips is here: 1 is not here \(1 gone\)"):
        data_set.samples()


def test_the_id_and_category_of_a_missing_clip_are_held_to_the_rules(folder: Path) -> None:
    data_set = write(folder, "a.mp4,dog,Pet,a.,", "x.mp4,Dog,pet,,gone", header=f"{HEADER},missing")
    found = faults(data_set)
    assert any("differs only in case from 'dog'" in line for line in found)
    assert any("category 'pet' differs only in case" in line for line in found)


@pytest.mark.parametrize("cell", ["0", "-1", "1.5", "x", "1e3", "²"])
@pytest.mark.parametrize("column", ["bytes", "width", "height", "frames"])
def test_stated_facts_are_whole_numbers(folder: Path, column: str, cell: str) -> None:
    (found,) = faults(write(folder, f"a.mp4,a,Pet,a.,{cell}", header=f"{HEADER},{column}"))
    assert found == f"row 2: id 'a': {column} {cell!r}: expected a whole number from 1 on"
