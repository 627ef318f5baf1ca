"""Saving an annotation changes cells of one row, and nothing else, whatever the table is and whenever it is killed."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from i2vbench.datasets import annotations as annotations_module
from i2vbench.datasets.annotations import Annotation, Conflict, save_annotation, with_annotations
from i2vbench.datasets.check import check_folder
from i2vbench.datasets.metadata import METADATA, Row, read_folder, read_table
from tests.conftest import environment, make_dataset

OLD = Annotation("a")
NEW = Annotation("a", ("hot dog", "ball"), "ski slope")
CHECKED = Annotation("a dog, barking.", ("hot dog", "ball"), "ski slope", "checked")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def write(folder: Path, *lines: str, header: str = "file_name,id,category,prompt,objects,scene") -> None:
    (folder / METADATA).write_bytes("".join(f"{line}\n" for line in (header, *lines)).encode())


def row(folder: Path, id_: str = "x") -> Row:
    rows, faults, _ = read_folder(folder)
    assert not faults
    return next(row for row in rows if row.sample.id == id_)


def save(folder: Path, target: Row, after: Annotation) -> None:
    save_annotation(folder, target.sample, Annotation.of(target), after)


def cells(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))


# Anything that CSV can say: a lone surrogate is no UTF-8, and the reader refuses a NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["", ",", '"', '""', "\n", "\r\n", "\r", "a,b", 'say "dog"', "Zürich", "犬", "two\nlines", " blanks ", ";", "'"]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
LAYOUT = st.permutations(
    ["file_name", "id", "category", "prompt", "objects", "scene", "prompt_state", "mine", "später", ""]
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """A table of any cells in any quoting: the text of each record, the first with its mark, and the records."""
    without = draw(st.sets(st.sampled_from(["objects", "scene", "prompt_state", "mine", ""])))
    columns = [name for name in draw(LAYOUT) if name not in without]
    numbers = range(draw(st.integers(1, 4)))
    rows = [[f"id-{number}" if name == "id" else draw(TEXT) for name in columns] for number in numbers]
    records = [columns, *rows]
    texts = []
    for record in records:
        line = io.StringIO(newline="")
        quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        csv.writer(line, lineterminator="\r\n", quoting=quoting).writerow(record)
        end = draw(ENDS)
        texts.append(line.getvalue().removesuffix("\r\n") + end * draw(st.sampled_from([1, 1, 1, 2])))
    texts[0] = draw(st.sampled_from(["", "\ufeff"])) + texts[0]
    if draw(st.booleans()):
        texts[-1] = texts[-1].rstrip("\r\n")
    return texts, records


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables(), pick=st.integers(0, 3))
def test_only_four_cells_change_whatever_the_table_is(table: tuple[list[str], list[list[str]]], pick: int) -> None:
    texts, records = table
    pick = pick % (len(records) - 1) + 1
    changed = with_annotations("".join(texts).encode(), {f"id-{pick - 1}": CHECKED})
    columns = [*records[0], *(name for name in Annotation._fields if name not in records[0])]
    expected = [columns, *([*record, *[""] * (len(columns) - len(record))] for record in records[1:])]
    for name, cell in CHECKED.cells().items():
        if expected[pick][columns.index(name)].strip() != cell:  # blanks around a state are no other state
            expected[pick][columns.index(name)] = cell
    assert [record for record in cells(changed) if record] == expected
    assert changed.startswith(b"\xef\xbb\xbf") == texts[0].startswith("\ufeff")
    if columns == records[0]:  # every other record keeps its bytes, and this one its line end
        text = texts[pick]
        ends = text[len(text.rstrip("\r\n")) :]
        assert changed.decode().startswith("".join(texts[:pick]))
        assert changed.decode().endswith(ends + "".join(texts[pick + 1 :]))


def test_records_that_do_not_change_keep_their_bytes() -> None:
    head, end = '\ufeff"file_name",id,category,prompt,objects,scene\r\n', '\r\nb.mp4,"y","Pet",b,"", sea \r\n'
    data = head + '"a.mp4",x,"Pet","a",,\n' + end
    changed = with_annotations(data.encode(), {"x": NEW}).decode()
    assert changed == head + "a.mp4,x,Pet,a,hot dog;ball,ski slope\n" + end
    same = with_annotations(data.encode(), {"y": Annotation("b", (), "sea")}).decode()
    assert same.endswith("b.mp4,y,Pet,b,, sea \r\n"), "it reads so"


def test_a_missing_column_is_added_only_if_it_has_to_be() -> None:
    data = b'file_name,id,category,prompt\na.mp4,x,Pet,"a, b"\n\nb.mp4,y,Pet,b'
    assert with_annotations(data, {"y": Annotation("b", (), "sea")}) == (
        b'file_name,id,category,prompt,scene\na.mp4,x,Pet,"a, b",\n\nb.mp4,y,Pet,b,sea'
    )
    assert with_annotations(data, {"y": Annotation("c", (), "", "checked")}) == (
        b'file_name,id,category,prompt,prompt_state\na.mp4,x,Pet,"a, b",\n\nb.mp4,y,Pet,c,checked'
    )
    assert with_annotations(data, {"y": Annotation("b")}) == data


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_saved_words_are_what_the_metrics_read(tmp_path: Path, mark: str, end: str) -> None:
    folder = make_dataset(tmp_path / "data", num_clips=2)
    text = end.join((folder / METADATA).read_text().splitlines()) + end
    (folder / METADATA).write_bytes((mark + text).encode())
    after = NEW._replace(prompt='a "hot dog", Zürich.')
    save(folder, row(folder, "clip-1"), after)
    assert Annotation.of(row(folder, "clip-1")) == after
    assert check_folder(folder) == []
    old, new = "clip number 1.,dog,park", '"a ""hot dog"", Zürich.",hot dog;ball,ski slope'
    assert (folder / METADATA).read_bytes() == (mark + text.replace(old, new)).encode()
    assert sorted(p.name for p in folder.iterdir()) == ["clip-0.mp4", "clip-1.mp4", "image-0.png", METADATA]


def test_a_proposed_prompt_is_checked_and_the_row_of_a_missing_clip_stays(folder: Path) -> None:
    header = "file_name,id,category,prompt,prompt_state,missing"
    gone = "gone.mp4,z,Pet,,proposed,gone"
    write(folder, "a.mp4,x,Pet,a, proposed ,", gone, "b.mp4,y,Pet,b,proposed,", header=header)
    save(folder, row(folder), Annotation("a", prompt_state="checked"))
    save(folder, row(folder, "y"), Annotation("a cat.", prompt_state="checked"))
    save(folder, row(folder), Annotation("a", prompt_state="proposed"))
    assert (folder / METADATA).read_text().splitlines() == [
        header, "a.mp4,x,Pet,a,proposed,", gone, "b.mp4,y,Pet,a cat.,checked,",
    ]  # fmt: skip


def test_what_others_wrote_meanwhile_stays(folder: Path) -> None:
    write(folder, "a.mp4,x,Pet,a,,", "b.mp4,y,Pet,b,,")
    target = row(folder)
    write(folder, "b.mp4,y,Pet,a longer prompt,cat,sea", "a.mp4,x,Food,a,,", "a.mp4,new,Pet,c,,")
    save(folder, target, NEW)
    assert (folder / METADATA).read_text() == (
        "file_name,id,category,prompt,objects,scene\nb.mp4,y,Pet,a longer prompt,cat,sea\n"
        "a.mp4,x,Food,a,hot dog;ball,ski slope\na.mp4,new,Pet,c,,\n"
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a.mp4,x,Pet,a,cat,sea,", "another program has changed 'x' to objects 'cat', scene 'sea'$"),
        ("a.mp4,x,Pet,a cat,,,", "another program has changed 'x' to prompt 'a cat'$"),
        ("a.mp4,x,Pet,a,,,checked", "another program has changed 'x' to prompt_state 'checked'$"),
        ("a.mp4,z,Pet,a,,,", "no row of id 'x' any more"),
        ("b.mp4,x,Pet,a,,,", "about another clip now"),
        ("a.mp4,x,,a,,,", "not valid any more, so nothing was saved: row 2: id 'x': category is empty"),
    ],
)
def test_a_conflict_is_told_and_writes_nothing(folder: Path, line: str, says: str) -> None:
    header = "file_name,id,category,prompt,objects,scene,prompt_state"
    write(folder, "a.mp4,x,Pet,a,,,", header=header)
    target = row(folder)
    write(folder, line, header=header)
    before = (folder / METADATA).read_bytes()
    with pytest.raises(Conflict, match=says):
        save(folder, target, NEW)
    assert (folder / METADATA).read_bytes() == before


@pytest.mark.parametrize(
    "bad",
    [
        OLD._replace(objects=("a;b",)),
        OLD._replace(objects=("tab\t",)),
        OLD._replace(scene="two\nlines"),
        OLD._replace(scene=" blank"),
        OLD._replace(prompt=" "),
        OLD._replace(prompt="two\nlines"),
        OLD._replace(prompt_state="done"),  # type: ignore[arg-type]
    ],
)
def test_what_would_make_the_table_invalid_is_not_written(folder: Path, bad: Annotation) -> None:
    write(folder, "a.mp4,x,Pet,a,,")
    before = (folder / METADATA).read_bytes()
    with pytest.raises(Conflict, match="would not be valid"):
        save(folder, row(folder), bad)
    assert (folder / METADATA).read_bytes() == before
    assert sorted(p.name for p in folder.iterdir()) == ["a.mp4", "b.mp4", METADATA]


def test_a_table_changed_amid_saving_is_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "a.mp4,x,Pet,a,,", "b.mp4,y,Pet,b,,")
    target = row(folder)
    calls = []

    def late(data: bytes, changes: dict[str, Annotation]) -> bytes:
        calls.append(data)
        if len(calls) == 1:
            write(folder, "a.mp4,x,Pet,a,,", "b.mp4,y,Pet,changed in between,,")
        return with_annotations(data, changes)

    monkeypatch.setattr(annotations_module, "with_annotations", late)
    save(folder, target, NEW)
    text = (folder / METADATA).read_text()
    assert len(calls) == 2
    assert "changed in between" in text
    assert "hot dog;ball" in text


def test_a_link_stays_a_link_and_permissions_stay(folder: Path) -> None:
    write(folder, "a.mp4,x,Pet,a,,")
    os.chmod(folder / METADATA, 0o640)
    (folder / "real").mkdir()
    os.rename(folder / METADATA, folder / "real" / "table.csv")
    os.symlink("real/table.csv", folder / METADATA)
    save(folder, row(folder), CHECKED)
    assert (folder / METADATA).is_symlink()
    assert (folder / "real/table.csv").stat().st_mode & 0o777 == 0o640
    assert Annotation.of(row(folder)) == CHECKED


SAVE = """
import sys
from pathlib import Path
from i2vbench.datasets.annotations import Annotation, save_annotation
from i2vbench.datasets.metadata import read_folder
folder = Path(sys.argv[1])
rows, _, _ = read_folder(folder)
for i in range(10_000):
    sample = rows[i % len(rows)].sample
    now = {row.sample.id: Annotation.of(row) for row in read_folder(folder)[0]}[sample.id]
    save_annotation(folder, sample, now, Annotation(f"prompt {i}", (f"word{i}",), "sea", "checked"))
    print(sample.id, i, flush=True)
"""


def numbered(number: int) -> Annotation:
    return Annotation(f"prompt {number}", (f"word{number}",), "sea", "checked")


def test_killed_while_saving_nothing_said_to_be_saved_is_lost(folder: Path) -> None:
    write(folder, *(f"a.mp4,id-{i},Pet,{'long prompt ' * 50},," for i in range(40)))
    said: dict[str, int] = {}  # every start counts from 0 again
    for seconds in (0.02, 0.05, 0.11, 0.17):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE, str(folder)], env=environment(), stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        threading.Timer(seconds, process.send_signal, [signal.SIGKILL]).start()
        lines += process.stdout.readlines()
        process.wait()
        lines = [line for line in lines if line.endswith("\n")]
        for id_, number in (line.split() for line in lines):
            said[id_] = int(number)
        rows, faults, _ = read_folder(folder)
        assert not faults
        assert len(rows) == 40
        # One save may have been done and not said; it is the one after the last that was.
        now = {row.sample.id: Annotation.of(row) for row in rows}
        wrong = {id_: number for id_, number in said.items() if now[id_] != numbered(number)}
        assert all(now[id_] == numbered(len(lines)) for id_ in wrong), wrong
        said |= dict.fromkeys(wrong, len(lines))
    assert len(said) > 1


@given(st.binary(max_size=200))
@example(b"\xff")
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_table_that_is_none_is_a_fault_not_a_crash(folder: Path, data: bytes) -> None:
    rows, faults, _ = read_table(folder, data)
    assert bool(rows) or bool(faults)
