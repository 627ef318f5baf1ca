"""Killed at any instant, an import goes on and ends with the table and the clips of one that was left alone."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from i2vbench.datasets.i2v_bench.released import bring
from tests.datasets.i2v_bench.conftest import Place

EVENTS = ("open", "os.rename", "os.link", "os.remove", "os.mkdir")
"""What Python tells an audit hook before it does it; a rename covers os.replace."""


def killed_at(source: Path, out: Path, count: int) -> None:
    """Import, and be gone just before the so-many-th change of a file or folder below `out`."""
    seen = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in EVENTS or not any(str(out) in os.fspath(a) for a in arguments if isinstance(a, str | Path)):
            return
        if event == "open" and not (isinstance(arguments[1], str) and set("wa+") & set(arguments[1])):
            return
        seen += 1
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    bring(source, out, lambda line: None)


def run_and_kill(source: Path, out: Path, count: int) -> bool:
    """Whether it was killed; False if it came to its end before."""
    process = multiprocessing.get_context("fork").Process(target=killed_at, args=(source, out, count))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def state(out: Path) -> dict[str, str]:
    """Hashes of what an import leaves for its users."""
    files = [out / "metadata.csv", out / "unmatched.csv", *(out / "clips").iterdir()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.exists()}


@pytest.fixture
def copy(place: Place) -> Place:
    """An archive in an archive, a video of no category, and a broken one."""
    place.video("Pet/a.mp4", 0)
    place.video("Pet/b.mp4", 1)
    place.video("Cats/c.mp4", 2)
    place.video("Food/d.mp4", 3).write_bytes(b"no video")
    place.text("prompts.csv", "file,prompt\na.mp4,a.\nb.mp4,b.\nc.mp4,c.\nd.mp4,d.\ne.mp4,e.\n")
    with zipfile.ZipFile(place.source / "inner.zip", "w") as inner:
        inner.write(place.videos[4], "Music/e.mp4")
    with zipfile.ZipFile(place.source / "outer.zip", "w") as outer:
        outer.write(place.source / "inner.zip", "inner.zip")
    (place.source / "inner.zip").unlink()
    return place


def test_killed_before_any_change_it_ends_the_same(copy: Place) -> None:
    copy.bring()
    whole, count, kills = state(copy.out), 0, 0
    assert {"a.mp4", "b.mp4", "e.mp4", "metadata.csv", "unmatched.csv"} <= set(whole)
    while True:
        count += 1
        out = copy.out.with_name(f"killed-{count}")
        if not run_and_kill(copy.source, out, count):
            break
        kills += 1
        bring(copy.source, out, lambda line: None)
        assert state(out) == whole, f"killed before change {count}"
    assert kills > 20


def test_killed_again_and_again_it_comes_to_its_end(copy: Place) -> None:
    copy.bring()
    whole, out, runs = state(copy.out), copy.out.with_name("killed"), 0
    while run_and_kill(copy.source, out, 6 + runs):
        runs += 1
    assert state(out) == whole
    assert runs > 2


def test_killed_while_an_import_replaces_another_no_table_states_what_is_not_so(copy: Place) -> None:
    """Between the two sets there is the old one, none, or the new one, but never a table that states other files."""
    copy.bring()
    copy.video("Pet/a.mp4", 7)
    new = Place(copy.source, copy.out.with_name("new"), copy.videos)
    new.bring()
    for count in range(1, 200):
        out = copy.out.with_name(f"killed-{count}")
        copy.video("Pet/a.mp4", 0)
        before = Place(copy.source, out, copy.videos)
        before.bring()
        copy.video("Pet/a.mp4", 7)
        killed = run_and_kill(copy.source, out, count)
        if (out / "metadata.csv").exists():
            for row in before.rows():
                if row["file_name"]:
                    found = hashlib.sha256((out / row["file_name"]).read_bytes()).hexdigest()
                    assert found == row["sha256"], f"killed before change {count}"
        bring(copy.source, out, lambda line: None)
        assert state(out) == state(new.out)
        if not killed:
            break
    assert count > 10


def test_a_line_that_a_kill_cut_off_costs_one_reading(copy: Place) -> None:
    copy.bring()
    seen = copy.out / ".released/seen.jsonl"
    seen.write_bytes(seen.read_bytes()[:-40])
    assert copy.bring().files_read == 1
    assert copy.bring().files_read == 0
