"""`i2vbench data download MANIFEST.csv` as a process: killed, stopped, refused."""

from __future__ import annotations

import csv
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from i2vbench.datasets.check import check_folder
from i2vbench.datasets.download.records import Records
from tests import processes
from tests.conftest import Cli, command, environment
from tests.datasets.download.videos import numbers
from tests.site import Answer, Request, good
from tests.site import Site as Web


def manifest(folder: Path, *rows: tuple[object, ...]) -> Path:
    path = folder / "clips.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "source", "start", "end", "category", "prompt"), *rows])
    return path


def slow(contents: bytes, dropped: threading.Event) -> Answer:
    """Half at once, the rest hardly; `dropped` is set when whoever asked has gone."""

    def answer(request: Request) -> None:
        if request.count > 2:  # once for the look at it, once for the file
            good(contents, kind="video/mp4")(request)
            return
        request.head(200, Content_Length=len(contents), Content_Type="video/mp4", ETag='"1"')
        if request.count == 1:
            return
        done = len(contents) // 2
        request.body(contents[:done])
        try:
            while not request.site.closing.wait(0.05):
                request.body(contents[done : done + 1])
                done += 1
        finally:
            dropped.set()

    return answer


@contextmanager
def running(*args: object, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command("data", "download", *args), cwd=cwd, env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until_a_part_is_there(process: subprocess.Popen[str], out: Path) -> Path:
    for _ in range(600):
        parts = [part for part in out.glob(".download/videos/*.part") if part.stat().st_size]
        if parts:
            return parts[0]
        with pytest.raises(subprocess.TimeoutExpired):  # it has not ended
            process.wait(0.05)
    raise AssertionError("no part came")


def test_all_here_is_0_and_some_not_is_1_with_counts(
    web: Web, film: bytes, clip: bytes, cli: Cli, tmp_path: Path
) -> None:
    web.answers |= {"/film.mp4": good(film), "/clip.mp4": good(clip)}
    path = manifest(
        tmp_path, ("a", f"{web.url}/film.mp4", 12, 13, "Pet", "x"), ("b", f"{web.url}/clip.mp4", "", "", "Pet", "y")
    )
    done = cli("data", "download", path, "--pace", 0)
    assert (done.returncode, done.stdout.splitlines()) == (0, [f"2 clips in {tmp_path / 'clips'}, 2 of them new"])
    assert numbers(tmp_path / "clips/clips/a.mp4") == list(range(120, 130))
    path = manifest(
        tmp_path, ("a", f"{web.url}/film.mp4", 12, 13, "Pet", "x"), ("c", f"{web.url}/no.mp4", "", "", "Pet", "y")
    )
    done = cli("data", "download", path, "--pace", 0)
    assert done.returncode == 1
    assert "1 not here: gone" in done.stdout
    assert "c: gone: answered 404" in done.stderr
    assert check_folder(tmp_path / "clips") == []


def test_a_folder_may_be_named_from_where_one_stands(web: Web, clip: bytes, tmp_path: Path) -> None:
    web.answers["/clip.mp4"] = good(clip)
    manifest(tmp_path, ("a", f"{web.url}/clip.mp4", "", "", "Pet", "x"))
    arguments = command("data", "download", "clips.csv", "--out", "here", "--pace", "0")
    done = processes.run(arguments, cwd=tmp_path, env=environment())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here/clips/a.mp4").read_bytes() == clip


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT])
def test_ended_amid_a_download_it_goes_on_where_it_was(
    web: Web, film: bytes, clip: bytes, cli: Cli, tmp_path: Path, signal_: signal.Signals
) -> None:
    dropped = threading.Event()
    web.answers |= {"/film.mp4": slow(film, dropped), "/clip.mp4": good(clip)}
    path = manifest(
        tmp_path, ("b", f"{web.url}/clip.mp4", "", "", "Pet", "y"), ("a", f"{web.url}/film.mp4", "", "", "Pet", "x")
    )
    out = tmp_path / "out"
    with running(path, "--out", out, "--pace", 0, "--jobs", 1, cwd=tmp_path) as process:
        part = until_a_part_is_there(process, out)
        process.send_signal(signal_)
        assert process.wait(20) == (130 if signal_ == signal.SIGINT else -signal.SIGKILL)
        assert dropped.wait(20)  # the worker is gone, too
    if signal_ == signal.SIGINT:
        assert "pending: not tried yet" in (out / "metadata.csv").read_text(encoding="utf-8")
    with Records(out) as records:
        assert [record.id for record in records.clips().values()] == ["b"]
    here = part.stat().st_size
    web.asked.clear()
    done = cli("data", "download", path, "--out", out, "--pace", 0)
    assert done.returncode == 0, done.stderr
    assert (out / "clips/a.mp4").read_bytes() == film
    assert (out / "clips/b.mp4").read_bytes() == clip
    assert "/clip.mp4" not in {asked for asked, _ in web.asked}
    assert web.ranges("/film.mp4")[-1] == f"bytes={here}-"
    assert check_folder(out) == []


def test_killed_again_and_again_it_ends_as_if_it_had_not_been(web: Web, film: bytes, cli: Cli, tmp_path: Path) -> None:
    web.answers["/film.mp4"] = good(film, 0.02)
    rows = [(f"c{i}", f"{web.url}/film.mp4?{i % 2}", 3 * i, 3 * i + 2, "Pet", "x") for i in range(6)]
    web.answers |= {f"/film.mp4?{i}": good(film, 0.02) for i in range(2)}
    path, out = manifest(tmp_path, *rows), tmp_path / "out"
    for seconds in (1.8, 2.6):
        with running(path, "--out", out, "--pace", 0, cwd=tmp_path) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()
    done = cli("data", "download", path, "--out", out, "--pace", 0)
    assert done.returncode == 0, done.stderr
    for i in range(6):
        assert numbers(out / f"clips/c{i}.mp4") == list(range(30 * i, 30 * i + 20))
    assert check_folder(out) == []
    assert not (out / ".download").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("none.csv",), "no such file; expected a MANIFEST.csv or i2v-bench"),
        (("clips.csv", "--from", "x"), "--from goes with i2v-bench"),
        (("clips.csv", "--min-height", "2000"), "expected at least --min-height"),
        (("clips.csv", "--cookies", "none.txt"), "cookies none.txt: cannot be read"),
        (("bad.csv",), "row 2"),
    ],
)
def test_refusals(cli: Cli, tmp_path: Path, args: tuple[str, ...], words: str) -> None:
    manifest(tmp_path, ("a", "https://127.0.0.1:9/v", "", "", "Pet", "x"))
    (tmp_path / "bad.csv").write_text("source,category,prompt\nfile:///etc/passwd,Pet,x\n")
    done = cli("data", "download", *args)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_site_says_does_nothing_to_a_terminal(web: Web, cli: Cli, tmp_path: Path) -> None:
    def answer(request: Request) -> None:
        request.handler.wfile.write(b"HTTP/1.0 500 \x1b[2J\x1b]0;owned\x07[bold]x[/bold]\r\n\r\n")

    web.answers["/v"] = answer
    done = cli("data", "download", manifest(tmp_path, ("a", f"{web.url}/v", "", "", "Pet", "x")), "--pace", 0)
    assert done.returncode == 1
    assert "\x1b" not in done.stderr + done.stdout
    assert "\x07" not in done.stderr + done.stdout
    assert "\x1b" not in (tmp_path / "clips/metadata.csv").read_text(encoding="utf-8")
