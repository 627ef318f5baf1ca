"""However the command ends, nothing that was said to be saved is lost."""

from __future__ import annotations

import http.client
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

from i2vbench.annotate.store import FILE
from i2vbench.datasets.annotations import Annotation
from i2vbench.datasets.check import check_folder
from i2vbench.datasets.metadata import METADATA
from tests.annotate.page import Annotating, Start, annotations
from tests.conftest import ROOT, environment


def test_killed_under_load_nothing_said_to_be_saved_is_lost(start: Start, folder: Path) -> None:
    clock = random.Random(7)
    said: dict[str, str] = {}
    for turn in range(4):
        page = start()
        sent: dict[str, str] = {}

        def save(index: int, page: Annotating = page, sent: dict[str, str] = sent, turn: int = turn) -> None:
            now = page.clip(index)
            before = {name: now[name] for name in ("prompt", "objects", "scene", "prompt_state")}
            for number in range(10_000):
                word = f"word{turn}x{number}"
                sent[now["id"]] = word
                after = {"prompt": f"a {word}.", "objects": [word], "scene": "", "prompt_state": "checked"}
                if page.decide(index, "annotate", word, before=before, prompt=after["prompt"]).status == 200:
                    said[now["id"]] = word
                before = after

        threads = [threading.Thread(target=lambda i=i: _until_gone(save, i)) for i in range(3)]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 30
        while len(said) < 3 or {word.partition("x")[0] for word in said.values()} != {f"word{turn}"}:
            assert time.monotonic() < end, "not every thread has saved"
            time.sleep(0.01)
        time.sleep(clock.uniform(0, 0.3))
        page.process.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join()
        now = annotations(folder)
        for id_, word in said.items():
            assert now[id_] in [Annotation(f"a {text}.", (text,), "", "checked") for text in (word, sent[id_])]
    assert len(said) == 3
    assert check_folder(folder) == []


def _until_gone(save, index: int) -> None:  # type: ignore[no-untyped-def]
    try:
        save(index)
    except (OSError, http.client.HTTPException):  # it was killed amid of an answer
        return


def test_proposals_are_kept_and_made_anew_for_a_clip_that_changed(start: Start, folder: Path) -> None:
    first = start("seconds=0.2")
    for index in range(4):
        assert first.proposed(index)["proposal"]["state"] == "done"
    first.process.kill()
    kept = _kept(folder)
    assert len(kept) == 4
    (folder / "clip-1.mp4").write_bytes((folder / "clip-0.mp4").read_bytes())
    second = start("seconds=30")
    for index in (0, 1, 2, 3):
        assert second.proposed(index)["proposal"]["state"] == "done", "found again, by what the clips show"
    with open(folder / "clip-2.mp4", "ab") as file:
        file.write(b"\0")
    second.process.kill()
    assert start("seconds=30").clip(2)["proposal"]["state"] == "waiting"


def _kept(folder: Path) -> list[str]:
    with sqlite3.connect(folder / FILE) as db:
        rows = db.execute("SELECT clip FROM proposal").fetchall()
    db.close()
    return [row[0] for row in rows]


def test_the_clip_that_is_looked_at_is_the_next_to_be_proposed(start: Start) -> None:
    page = start("seconds=3")
    page.clip(3)
    assert page.proposed(3)["proposed"] < 4, "it would have been the last"


def test_a_second_server_is_refused(start: Start, folder: Path) -> None:
    start()
    done = subprocess.run(
        [sys.executable, "-m", "tests.annotate.start", str(folder)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "is being annotated by another process" in done.stderr


def test_the_page_can_end_the_command(start: Start) -> None:
    page = start()
    assert page.ask("finish", {}).status == 200
    output, errors = page.process.communicate(timeout=30)
    assert page.process.returncode == 0
    assert "Traceback" not in errors
    assert "Clips with words: 0 of 4; left: 4." in output


def test_a_network_amid_of_a_clip_does_not_keep_it_from_ending(start: Start) -> None:
    page = start("seconds=300")
    page.clip(0)
    begun = time.monotonic()
    code, output, errors = page.end()
    assert (code, time.monotonic() - begun < 100) == (130, True)
    assert "left: 4." in output
    assert "Traceback" not in errors


def test_a_table_that_cannot_be_read_is_told_and_the_next_try_saves(start: Start, folder: Path) -> None:
    page = start()
    os.rename(folder / METADATA, folder / "kept.csv")
    (folder / METADATA).mkdir()
    assert page.decide(0, "annotate", "dog").status == 507
    (folder / METADATA).rmdir()
    os.rename(folder / "kept.csv", folder / METADATA)
    assert page.decide(0, "annotate", "dog").status == 200
