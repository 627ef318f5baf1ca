"""The command line: a run, a check, one video; killed at each state of the ledger; and no key anywhere."""

from __future__ import annotations

import base64
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from i2vbench.store import Store
from tests import processes
from tests.cli.inside import call_inside
from tests.conftest import INTERRUPTED, SMALL_PROFILE, Cli, command, environment, make_dataset, moving_frames
from tests.models.http.api import KEY, Api, charged, drops, echoes, garbage, kills
from tests.models.http.conftest import everything

Write = Callable[..., Path]

DYING = """
import os, signal, sys
from i2vbench.models.http.ledger import Ledger
name, when = sys.argv.pop(1), sys.argv.pop(1)
write = getattr(Ledger, name)
def dying(*args):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    write(*args)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(Ledger, name, dying)
from i2vbench.cli import main
main()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Image.fromarray(moving_frames(1, 32, 48)[0]).save(tmp_path / "dog.png")
    (tmp_path / "small.toml").write_text(SMALL_PROFILE)
    monkeypatch.setenv("TEST_API_KEY", KEY)
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


GENERATE = (
    "generate", "--model", "http:my_api.toml", "--image", "dog.png", "--prompt", "a dog", "--device", "cpu",
    "--out", "dog.mp4",
)  # fmt: skip
RUN = (
    "run", "--model", "http:my_api.toml", "--metrics", "temporal_flickering", "--dataset", "folder:data", "--profile",
    "small.toml", "--device", "cpu", "--out", "run",
)  # fmt: skip


def ledger(place: Path) -> list[tuple[str, int]]:
    (path,) = place.rglob("ledger.sqlite")
    with sqlite3.connect(path) as db:
        return db.execute("SELECT state, payments FROM requests ORDER BY sample").fetchall()


@pytest.mark.parametrize(
    ("write", "when", "state", "ends_well"),
    [
        ("begin", "before", None, True),
        ("begin", "after", "sending", False),
        ("accepted", "before", "sending", True),  # the answer was kept before the ledger was told
        ("accepted", "after", "accepted", True),
        ("done", "before", "accepted", True),
        ("done", "after", "done", True),
    ],
)
def test_killed_at_each_state_of_the_ledger_the_next_one_pays_nothing(
    cli: Cli, file: Write, api: Api, place: Path, write: str, when: str, state: str | None, ends_well: bool
) -> None:
    file()
    ended = processes.run([sys.executable, "-c", DYING, write, when, *GENERATE], cwd=place, env=environment())
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert [row[0] for row in ledger(place)] == ([state] if state else [])
    again = cli(*GENERATE)
    assert (again.returncode == 0) == ends_well, again.stderr
    if not ends_well:
        assert "the process ended while it was on its way; whether it was accepted, and paid for, is not known" in (
            again.stderr
        )
    assert sum(api.paid.values()) == (0 if write == "begin" and when == "after" else 1)
    assert api.kinds("submit") == (0 if write == "begin" and when == "after" else 1)


@pytest.mark.parametrize("kind", ["submit", "poll", "video"])
def test_a_run_that_is_killed_while_it_waits_goes_on_with_the_same_jobs(
    cli: Cli, file: Write, api: Api, place: Path, kind: str
) -> None:
    # One after the other where it is killed amid something else: no submit is to be on its way then.
    file(concurrency=2 if kind == "submit" else 1)
    make_dataset(place / "data", num_clips=4, num_images=0)
    running: list[subprocess.Popen[bytes]] = []
    deadly = kills(lambda: running[0].pid, charged(drops) if kind == "submit" else None)
    api.faults[kind].extend([lambda call: call.ordinary(), lambda call: call.ordinary(), deadly])
    running.append(
        subprocess.Popen(command(*RUN), cwd=place, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    )
    running[0].communicate()
    assert running[0].returncode == -signal.SIGKILL
    again = cli("run", "--resume", "--out", "run")
    assert set(api.paid.values()) <= {1}
    # A submit that got no answer is the one thing that nobody can know.
    assert again.returncode == (1 if kind == "submit" else 0), again.stderr
    with Store.open(place / "run") as store:
        failed = [clip.reason for clip in store.clips() if clip.state == "failed"]
    assert len(failed) == (1 if kind == "submit" else 0)
    assert all("is not known" in str(reason) for reason in failed)
    assert sum(payments for _, payments in ledger(place)) == 4


def test_a_run_a_check_and_one_video_without_the_key_anywhere(cli: Cli, file: Write, api: Api, place: Path) -> None:
    file()
    make_dataset(place / "data", num_clips=4, num_images=0)
    said = []
    api.faults["submit"].extend([echoes(401), echoes(422), garbage, charged(echoes(500))])
    api.faults["poll"].extend([echoes(500), garbage])
    api.faults["video"].extend([echoes(403), echoes(200), garbage])
    for arguments in (RUN, *[(*RUN, "--retry-failed")] * 4, GENERATE):
        done = cli(*arguments)
        said.append(done.stdout + done.stderr)
        assert "Traceback" not in done.stderr
    checked = cli("adapter", "check", "http:my_api.toml", "--device", "cpu", "--profile", "small.toml")
    said.append(checked.stdout + checked.stderr)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "keeps the contract" in checked.stdout
    text = "\n".join(said).encode() + everything(place)
    log = (place / "run" / "log.txt").read_text()
    assert "[$TEST_API_KEY]" in log, "it was echoed, and taken out"
    assert "h264" in str(sqlite3.connect(place / "run" / "models" / "my_api" / "ledger.sqlite").execute(
        "SELECT codec FROM requests WHERE state = 'done'").fetchall())  # fmt: skip
    for form in (KEY, KEY.lower(), KEY.replace("/", "\\/"), KEY.replace("+", "%2B").replace("/", "%2F")):
        assert form.encode() not in text
    assert base64.b64encode(KEY.encode()).rstrip(b"=") not in text
    assert KEY[:9].encode() not in text
    assert set(api.paid.values()) == {1}


def test_what_is_recorded_is_what_decides_the_videos(cli: Cli, file: Write, api: Api, place: Path) -> None:
    file(budget_clips=2)
    make_dataset(place / "data", num_clips=3, num_images=0)
    done = cli(*RUN)
    assert done.returncode == 1
    words = "3 clips are asked for, and my_api.toml has budget_clips = 2: the others will fail, without being paid for"
    assert f"note: my_api: {words}" in done.stderr
    recorded = json.loads((place / "run" / "run.json").read_text())["models"]["my_api"]
    assert recorded["settings"]["submit"] == {
        "method": "POST", "url": f"{api.url}/submit", "form": "json", "headers": {},
        "body": {"prompt": "{prompt}", "seed": "{seed}", "image": "{first_frame_data_uri}"},
    }  # fmt: skip
    # Neither the budget, nor limits, nor how a job is polled decides a video.
    file(budget_clips=3, concurrency=1, limits__tries=7, poll__longest=None, poll__running=["processing"])
    again = cli(*RUN, "--retry-failed")
    assert again.returncode == 0, again.stderr
    assert sum(api.paid.values()) == 3
    file(submit__body={"prompt": "{prompt}", "seed": "{seed}", "image": "{first_frame_base64}"})
    refused = cli(*RUN)
    assert refused.returncode == 2
    assert "models.my_api.settings.submit.body.image: '{first_frame_data_uri}' there" in refused.stderr


def test_refusals_are_one_line_before_anything_is_made(
    file: Write, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = call_inside(place, monkeypatch, capsys)
    make_dataset(place / "data", num_clips=1, num_images=0)
    file()
    monkeypatch.delenv("TEST_API_KEY")
    done = cli(*RUN)
    assert (done.code, done.stderr.count("\n")) == (2, 1)
    assert "the environment variable TEST_API_KEY is not set" in done.stderr
    monkeypatch.setenv("TEST_API_KEY", "short")
    assert "TEST_API_KEY holds no key" in cli(*RUN).stderr
    monkeypatch.setenv("TEST_API_KEY", KEY)
    file(budget_clip=3)
    assert "my_api.toml: unknown setting 'budget_clip'; did you mean budget_clips?" in cli(*GENERATE).stderr
    (place / "my_api.toml").unlink()
    assert "my_api.toml: no such file; `i2vbench adapter new NAME --from http`" in cli(*GENERATE).stderr
    assert "needs an argument: http:[NAME=]PATH; docs/http.md" in cli("run", "--model", "http").stderr
    assert not (place / "run").exists()
    assert not (place / "cache").exists()


def test_one_video_at_another_size_is_refused_unpaid(cli: Cli, file: Write, api: Api) -> None:
    file()
    done = cli(*GENERATE, "--frames", 9)
    assert done.returncode == 2
    assert "makes 4 frames of 32x48 at 8 fps, as my_api.toml states; asked for were 9" in done.stderr
    assert api.calls == []
    named = cli(*GENERATE, "--model", "http:other=my_api.toml")
    assert named.returncode == 0, named.stderr
    assert "dog.mp4: 4 frames of 32 x 48 at 8 fps" in named.stdout


def test_ctrl_c_waits_for_the_answer_that_says_what_is_paid_for_and_for_nothing_else(
    cli: Cli, file: Write, api: Api, place: Path
) -> None:
    file(limits__submit_seconds=20.0, limits__job_seconds=60.0)
    api.needs_polls = 10**9
    arrived: list[float] = []

    def slow(call):  # type: ignore[no-untyped-def]
        arrived.append(time.monotonic())
        call.api.closing.wait(1.0)
        call.ordinary()

    api.always["submit"] = slow
    process = subprocess.Popen(command(*GENERATE), cwd=place, env=environment(), stderr=subprocess.PIPE, text=True)
    while not arrived:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode in INTERRUPTED
    assert "note: waiting for the answer to 1 requests on their way (Ctrl-C again: not)" in errors
    assert ledger(place) == [("accepted", 1)]
    api.needs_polls = 0
    assert cli(*GENERATE).returncode == 0
    assert api.kinds("submit") == 1


def test_two_at_once_do_not_share_a_ledger(cli: Cli, file: Write, api: Api, place: Path) -> None:
    file()
    api.needs_polls = 10**9
    first = subprocess.Popen(command(*GENERATE), cwd=place, env=environment(), stderr=subprocess.DEVNULL)
    while not api.kinds("poll"):
        time.sleep(0.01)
    second = cli(*GENERATE)
    first.kill()
    first.wait()
    assert second.returncode == 2
    assert "ledger.sqlite is in use: another process sends requests by it" in second.stderr


def test_an_api_without_a_seed_says_so(cli: Cli, file: Write, api: Api, place: Path) -> None:
    file(seed=False, submit__body={"prompt": "{prompt}", "image": "{first_frame_base64}"})
    done = cli(*GENERATE)
    assert done.returncode == 0, done.stderr
    assert "note: my_api: its API takes no seed, so a video that is made anew is another one" in done.stderr
    assert cli(*GENERATE, "--seed", 1).returncode == 0
    assert sum(api.paid.values()) == 2, "another seed is another draw"
