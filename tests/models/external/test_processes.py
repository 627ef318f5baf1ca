"""What goes wrong in a repository costs one clip, and says why; and nothing it has started is left behind."""

from __future__ import annotations

import logging
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from i2vbench.attempt import Failure, attempt, describe
from i2vbench.models.external.adapter import External
from i2vbench.models.external.failed import Failed, Refused
from i2vbench.models.external.workshop import Workshop
from i2vbench.types import Request, Video
from tests.models.external.conftest import Make, request
from tests.models.external.repositories import records


def reason(model: External, prompt: str) -> str:
    with pytest.raises(Failed) as caught:
        model.generate([request(prompt)])
    return describe(caught.value)


def tried(model: External, requests: list[Request]) -> list[Video | Failure]:
    """As a run asks for a batch: all of it, then halves of what fails."""
    return attempt(requests, model.generate, "generate")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def asked(log: Path) -> list[str]:
    return [one["asked"] for one in records(log) if "asked" in one]


@pytest.mark.parametrize("mode", ["once", "batch", "server"])
def test_a_crash_costs_one_clip(mode: str, make: Make) -> None:
    model = make(mode)
    requests = [request(prompt, seed) for seed, prompt in enumerate(("a", "crash", "b"))]
    step = model.info.max_batch
    made = [one for i in range(0, 3, step) for one in tried(model, requests[i : i + step])]
    assert [isinstance(one, Video) for one in made] == [True, False, True]
    assert isinstance(made[1], Failure)
    assert made[1].reason.startswith("ended with exit code 3; it said last:")
    assert "CUDA out of memory" in made[1].reason
    assert isinstance(made[2], Video)
    if mode != "once":  # without loss
        assert (made[2].frames[0] == requests[2].first_frame).all()


def test_a_batch_keeps_what_it_has_made(make: Make, log: Path) -> None:
    model = make("batch")
    made = tried(model, [request(prompt, seed) for seed, prompt in enumerate(("a", "b", "crash", "c", "raise", "d"))])
    assert [isinstance(one, Video) for one in made] == [True, True, False, True, False, True]
    # "crash" ends the first call and begins the second, which makes nothing: then each is called alone, and kept while
    # the harness looks for the two that fail.
    assert asked(log) == ["a", "b", "crash", "crash", "crash", "c", "raise", "d"]


def test_a_failure_is_tried_again_when_it_is_asked_for_again(make: Make, log: Path) -> None:
    model = make("batch")
    for _ in range(2):
        assert "exit code 3" in reason(model, "crash")
    assert asked(log) == ["crash", "crash"]


def test_a_video_does_not_depend_on_its_batch(make: Make) -> None:
    model = make("batch")
    requests = [request(f"prompt {seed}", seed) for seed in range(3)]
    together, turned = model.generate(requests), model.generate(requests[::-1])
    for one, other, alone in zip(together, turned[::-1], (model.generate([r])[0] for r in requests), strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert np.array_equal(one.frames, alone.frames)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("segfault", "was ended by SIGSEGV"),
        ("none", r"made no video at out/\*.mp4"),
        ("two", r"made 2 files at out/\*.mp4 \(another.mp4, video.mp4\); expected one video"),
        ("cut", "made a video that cannot be read: video.mp4 is not a video, or not a whole one"),
        ("fast", "made a video of 25 fps; expected 8: fps in the TOML file is what it encodes at"),
        ("raise", "exit code 1; it said last: .*ValueError: the network has no such thing"),
        ("dies", "exit code 3; it said last: .*illegal memory access"),
        ("-h", "begins with '-'"),
    ],
)
def test_reasons(prompt: str, words: str, make: Make, plain: Path) -> None:
    model = make("once")
    if prompt == "-h":
        text = (plain.parent / "once.toml").read_text().replace('"--prompt={prompt}"', '"--prompt", "{prompt}"')
        (plain.parent / "once.toml").write_text(text)
        model.described = External(str(plain.parent / "once.toml")).described
        model.load("cpu", "float32")
    assert re.search(words, reason(model, prompt))


def test_what_has_the_wrong_length_or_size_is_told_by_the_harness(make: Make) -> None:
    model = make("once")
    assert model.generate([request("short")])[0].num_frames == 3
    assert model.generate([request("small")])[0].height == 16


@pytest.mark.parametrize("mode", ["once", "server"])
def test_a_hang_ends_at_its_time_limit(mode: str, make: Make) -> None:
    model = make(mode, seconds=1.5)
    assert reason(model, "hang").startswith("took longer than 1.5 s and was ended")
    assert model.generate([request("a dog")])[0].num_frames == 4


def test_children_end_with_their_parent(make: Make, log: Path) -> None:
    """Also what ignores SIGTERM, and what has left the session and lost its parent."""
    model = make("once", seconds=2)
    begun = time.monotonic()
    reason(model, "children")
    pids = next(one["children"] for one in records(log) if "children" in one)
    assert len(pids) == 2
    assert not any(map(is_running, pids))
    assert time.monotonic() - begun < 20


def test_memory_has_a_limit(make: Make) -> None:
    model = make("once", memory=0.5)
    assert re.match(r"held 0\.\d\d GB of memory, more than 0\.5 GB, and was ended", reason(model, "eat"))
    assert model.generate([request("a dog")])[0].num_frames == 4


def test_output_goes_to_the_log_and_is_bounded(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "i2vbench")
    model = make("server")
    model.generate([request("flood")])
    model.generate([request("chatter")])
    model.unload()
    lines = [record.message for record in caplog.records]
    assert "server: weights are loaded" in lines
    assert sum("line" in line for line in lines) <= 402
    assert any(re.fullmatch(r"server: \[\.\.\. 196\d\d lines more\]", line) for line in lines)
    assert "server: 100%" in lines  # of a progress bar the last state, without colours
    assert max(map(len, lines)) < 600
    assert not any(c in line for line in lines for c in "\x00\x07\x1b\r\n")


def test_a_server_is_kept_alive(make: Make, log: Path) -> None:
    model = make("server")
    for seed in range(4):
        model.generate([request("a dog", seed)])
    assert sum("loaded" in one for one in records(log)) == 1
    pid = next(one["loaded"] for one in records(log) if "loaded" in one)
    assert is_running(pid)
    model.unload()
    assert not is_running(pid)


@pytest.mark.parametrize("fault", ["dies at third", "broken from second"])
def test_a_server_that_was_broken_by_what_came_before_costs_nothing(
    fault: str, make: Make, plain: Path, log: Path
) -> None:
    (plain / "FAULT").write_text(fault)
    model = make("server")
    for seed in range(4):
        assert model.generate([request("a dog", seed)])[0].num_frames == 4
    assert sum("loaded" in one for one in records(log)) == (2 if fault == "dies at third" else 4)


def test_a_request_that_breaks_every_server_is_asked_twice_at_most(make: Make, log: Path) -> None:
    model = make("server")
    model.generate([request("a dog")])
    assert "exit code 3" in reason(model, "crash")
    assert asked(log) == ["a dog", "crash", "crash"]
    assert reason(model, "raise") == "ValueError: the network has no such thing"
    assert asked(log)[3:] == ["raise"]


def test_a_reason_quotes_nothing_of_another_request(make: Make) -> None:
    model = make("server")
    assert "the network has no such thing" in reason(model, "raise")
    assert reason(model, "segfault").startswith("was ended by SIGSEGV")
    assert "no such thing" not in reason(model, "segfault")


def test_a_request_that_is_refused_costs_no_server(make: Make, log: Path) -> None:
    model = make("server", more="[server.files.'list.txt']\neach = '{prompt}'\n")
    for prompt in ("a dog", "two\nlines", "nul\0", "a cat"):
        if prompt.isprintable():
            model.generate([request(prompt)])
        else:
            with pytest.raises(Refused):
                model.generate([request(prompt)])
    assert sum("loaded" in one for one in records(log)) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no start", "its server could not load: RuntimeError: no weights"),
        ("dies at start", "its server could not load: SystemExit: no GPU"),
        ("slow start", "took longer than 1 s and was ended"),
    ],
)
def test_a_server_that_does_not_start(fault: str, words: str, make: Make, plain: Path, log: Path) -> None:
    (plain / "FAULT").write_text(fault)
    model = make("server", seconds=1 if fault == "slow start" else 60, load=False)
    with pytest.raises(Failed, match=words):
        model.load("cpu", "float32")
    assert not any(is_running(one["loaded"]) for one in records(log) if "loaded" in one)


def test_a_server_that_stops_starting_is_given_up(make: Make, plain: Path, log: Path) -> None:
    model = make("server")
    (plain / "FAULT").write_text("no start")
    reasons = [reason(model, "crash") for _ in range(5)]
    assert "could not load" in reasons[1]
    assert reasons[-1] == "its server failed to start 3 times in a row, and is not started again"
    assert sum("loaded" in one for one in records(log)) == 4


def test_folders_go_with_their_videos_and_stay_with_failures(make: Make, tmp_path: Path) -> None:
    model = make("once")
    model.generate([request("a dog")])
    work = next((tmp_path / "own").glob("work-*"))
    assert [path.name for path in work.iterdir()] == ["lock"]
    reason(model, "none")
    (kept,) = (path for path in work.iterdir() if path.is_dir())
    assert (kept / "first_frame.png").exists()
    model.unload()
    assert work.exists()
    model.load("cpu", "float32")  # what nobody holds is cleared away
    assert not work.exists()


def test_folders_of_the_last_failures_alone_stay(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    folders = [workshop.new("key") for _ in range(12)]
    for folder in folders:
        workshop.failed(folder)
    assert [folder.exists() for folder in folders] == [False] * 2 + [True] * 10
    workshop.close()


def test_folders_are_made_side_by_side(tmp_path: Path) -> None:
    """What one process has made and not locked yet, another one would take for left behind."""
    made: list[Workshop] = []
    for _ in range(20):
        with ThreadPoolExecutor(8) as pool:
            made += pool.map(lambda _: Workshop(tmp_path), range(8))
    assert all(workshop.folder.exists() for workshop in made)
    for workshop in made:
        workshop.close()


def test_a_process_sees_one_gpu_and_nothing_of_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    from i2vbench.models.external.process import environment

    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert environment({}, "cuda:1", "/env/bin/python")["CUDA_VISIBLE_DEVICES"] == "6"
    assert environment({}, "cuda", "/env/bin/python")["CUDA_VISIBLE_DEVICES"] == "4"
    assert environment({"CUDA_VISIBLE_DEVICES": "0,1"}, "cuda", "/env/bin/python")["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert environment({}, "cpu", "/env/bin/python")["PATH"].startswith("/env/bin:/")
    assert "PYTHONPATH" not in environment({}, "cpu", "/env/bin/python")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert environment({}, "cuda:1", "/env/bin/python")["CUDA_VISIBLE_DEVICES"] == ""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert environment({}, "cuda:2", "/env/bin/python")["CUDA_VISIBLE_DEVICES"] == "2"
    assert os.environ["PYTHONPATH"] == "/somewhere"
