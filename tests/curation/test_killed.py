"""Killed in every stage, curation ends with what an uninterrupted run makes."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from i2vbench.curation.pipeline import STAGES
from i2vbench.curation.stage import MeasuringStage
from tests import processes
from tests.conftest import INTERRUPTED, command, environment
from tests.curation.footage import PLAN, drawn, write_clip, write_list
from tests.site import good, serving

KILLED = """
import os, signal, sys, threading

stage, seconds = sys.argv.pop(1), float(sys.argv.pop(1))
write = sys.stderr.write

def dying(text):
    if text.startswith(f"{stage}: "):
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return write(text)

sys.stderr.write = dying
from i2vbench.cli import main
main()
"""
"""The command line, killed so long after it said that a stage began."""

MEASURED = [stage.name for stage in STAGES if issubclass(stage, MeasuringStage)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two files, and two videos of a page, with a plan for them."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "footage").mkdir()
    for number in range(2):
        write_clip(folder / "footage" / f"good-{number}.mp4", drawn(number))
    write_list(folder)
    with serving() as web:
        for name, number in (("a", 2), ("b", 3)):
            clip = write_clip(folder / f"{name}.mp4", drawn(number)).read_bytes()
            web.answers[f"/{name}.mp4"] = good(clip, seconds=0.02)
        videos = "".join(f'<video src="/{name}.mp4"></video>' for name in "ab")
        web.answers["/page"] = good(f"<html><title>Two</title>{videos}</html>".encode(), kind="text/html")
        pages = f'[sources.pages]\n"Scenery-Nature" = ["{web.url}/page"]\n'
        (folder / "PLAN.toml").write_text(f"{PLAN}{pages}", encoding="utf-8")
        yield folder


def arguments(out: str) -> list[str]:
    return command("data", "curate", "PLAN.toml", "--out", out, "--device", "cpu")


def result(folder: Path) -> dict[str, bytes]:
    """All that a user has of a data set; a thumbnail holds the time of its clip's file."""
    return {
        path.relative_to(folder).as_posix(): b"" if path.suffix == ".jpg" else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


SOME = MEASURED[::4]
"""Each kill is a start of the program; all of them take two minutes."""


@pytest.mark.parametrize("stages", [SOME, pytest.param(MEASURED, marks=pytest.mark.slow)], ids=["some", "every"])
def test_killed_in_any_stage_it_ends_with_the_same_data_set(place: Path, stages: list[str]) -> None:
    for out in ("whole", "killed"):
        shutil.rmtree(place / out, ignore_errors=True)
    whole = processes.run(arguments("whole"), cwd=place, env=environment())
    assert whole.returncode == 0, whole.stderr
    assert "4 clips in" in whole.stdout
    clock = random.Random(8)
    for stage in stages:
        _, _, _, *rest = arguments("killed")
        dying = [sys.executable, "-c", KILLED, stage, str(clock.uniform(0, 0.05)), *rest]
        killed = processes.run(dying, cwd=place, env=environment())
        assert killed.returncode == -signal.SIGKILL, f"not killed in {stage}: {killed.stderr}"
    resumed = processes.run(arguments("killed"), cwd=place, env=environment())
    assert resumed.returncode == 0, resumed.stderr
    assert result(place / "killed") == result(place / "whole")
    assert "metadata.csv" in result(place / "whole")
    assert not list((place / "killed").rglob("*.partial"))


def test_stopped_by_hand_it_ends_at_once_and_goes_on(place: Path) -> None:
    process = subprocess.Popen(
        arguments("stopped"), cwd=place, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("download: "):
            break
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode in INTERRUPTED
    assert "Traceback" not in errors
    assert (place / "stopped" / "stages" / "03-metadata.csv").exists(), "what ended has its rows"
    assert errors.endswith("what was measured is kept, and the same command goes on\ni2vbench: stopped\n")
    assert output == ""
    again = processes.run([*arguments("stopped"), "--until", "cut"], cwd=place, env=environment())
    assert again.returncode == 0, again.stderr


def test_two_at_once_are_refused(place: Path) -> None:
    first = subprocess.Popen(
        arguments("twice"), cwd=place, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert first.stderr is not None
    first.stderr.readline()
    second = processes.run(arguments("twice"), cwd=place, env=environment())
    first.kill()
    first.communicate()
    assert second.returncode == 2
    assert "is being curated by another process" in second.stderr
