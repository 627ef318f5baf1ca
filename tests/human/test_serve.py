"""`i2vbench human serve`: what it prints, who gets in, how it goes on, and what it refuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from i2vbench.cli.human import app
from i2vbench.errors import UserError
from i2vbench.human.making import Plan
from i2vbench.human.serving import Wish, access_of, origin_of, serve
from i2vbench.human.study import read_study
from i2vbench.human.votes import Task, Votes
from tests.conftest import INTERRUPTED, command, environment
from tests.human.raters import Client
from tests.human.runs import run_of
from tests.human.studies import make_study

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

Served = tuple[int, str, list[str]]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_of(tmp_path / "run", ["x", "y"])


@pytest.fixture
def served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Served]:
    """Serves until what is to be done meanwhile, with a client and what was printed, is done and a signal comes.

    Gives the exit code, and standard output as text and in lines.
    """

    def call(
        *runs: Path, meanwhile: Callable[[Client, str], None] = lambda client, said: None,
        end: int = signal.SIGINT, plan: dict[str, Any] | None = None, **wish: Any,
    ) -> Served:  # fmt: skip
        wish = {"port": _free_port()} | wish
        said, refused = "", threading.Event()

        def ask() -> None:
            nonlocal said
            while not said.endswith("/\n") or "Admin at" not in said:
                if refused.wait(0.01):
                    return
                said += capsys.readouterr().out
            try:
                meanwhile(Client(wish["port"]), said)
            finally:
                os.kill(os.getpid(), end)

        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask)
            try:
                code = serve(Wish(folder=tmp_path / "study", plan=Plan(runs=runs, **(plan or {})), **wish))
            finally:
                refused.set()
        asked.result()
        said += capsys.readouterr().out
        return code, said, said.splitlines()

    return call


def _free_port() -> int:
    from i2vbench.web import listen

    with listen(0) as listener:
        return int(listener.getsockname()[1])


def paths(said: str, who: str) -> list[str]:
    """The paths of the addresses that are printed for somebody."""
    return re.findall(rf"^{who}.* at http://[^/]+(/\S*)", said, re.MULTILINE)


def test_a_study_is_made_served_and_gone_on_with(run: Path, served: Callable[..., Served]) -> None:
    def answer(client: Client, said: str) -> None:
        (path,) = paths(said, "Rater")
        assert client.ask(path).status == 200
        assert client.ask(f"{path}consent", {"nickname": "Ada", "agree": True}).status == 200
        task = client.ask(f"{path}tasks/1").json
        assert (task["videos"], task["num_frames"]) == (2, 8)
        assert client.ask(f"{path}tasks/1/videos/1").body[4:8] == b"ftyp"
        assert client.ask(f"{path}tasks/1", {"chosen": {"appearance": [0], "motion": [0, 1]}}).json["saved"]
        assert client.ask("/enrol", {}).status == 403, "nobody may enrol unless somebody says so"
        assert client.ask(f"{paths(said, 'Admin')[0]}progress").status == 200

    code, first, lines = served(run, meanwhile=answer)
    assert code == 130
    assert "study: 4 samples, 2 models, 5 tasks for each rater, choice (appearance, motion)" in lines[0]
    assert re.fullmatch(r"1 responses of 1 raters\. Next: i2vbench human report \S+/study", lines[-1])

    def enrol(client: Client, said: str) -> None:
        old = paths(first, "Admin")[0]
        assert client.ask(f"{old}progress").status == 404, "an admin's address is for one start"
        assert client.ask(f"{paths(said, 'Rater')[0]}state").json["answered"] == 1
        assert [client.ask("/enrol", {}).status for _ in range(3)] == [200, 200, 403]

    code, second, lines = served(meanwhile=enrol, end=signal.SIGTERM, raters=3, enrol=2)
    assert code == 143
    assert paths(second, "Rater")[0] == paths(first, "Rater")[0]
    assert len({*paths(second, "Rater")}) == 3
    assert "(0 of 2 have)" in second
    assert lines[-1].startswith("1 responses of 1 raters")


def test_links_lead_to_the_public_address(run: Path, served: Callable[..., Served]) -> None:
    def ask(client: Client, said: str) -> None:
        public = {"Host": "study.example.org", "Origin": "https://study.example.org"}
        assert client.ask("/", headers=public).status == 200
        assert client.ask("/enrol", {}, headers=public).status == 200
        assert client.ask("/", headers={"Host": "elsewhere.example.org"}).status >= 400
        assert client.ask("/enrol", {}, headers=public | {"Origin": "https://elsewhere.example.org"}).status == 403

    _, said, _ = served(run, meanwhile=ask, enrol=5, address="https://study.example.org/", behind_proxy=True)
    assert "Enrol at https://study.example.org/ (0 of 5 have)" in said
    assert "Admin at https://study.example.org/admin/" in said
    assert "Rater" not in said, "who may enrol needs no link"


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Study.Example.org", "https://study.example.org"),
        ("https://study.example.org:443/", "https://study.example.org"),
        ("http://10.0.0.7:8000", "http://10.0.0.7:8000"),
        ("http://[fe80::1]:80", "http://[fe80::1]"),
        ("study.example.org", None),
        ("ftp://study.example.org", None),
        ("https://study.example.org/path", None),
        ("https://study.example.org/?q", None),
        ("https://me@study.example.org", None),
        ("https://study.example.org:x", None),
        ("https://", None),
    ],
)
def test_a_public_address_is_an_origin(address: str, origin: str | None) -> None:
    if origin is not None:
        assert origin_of(address) == origin
    else:
        with pytest.raises(UserError, match="--url .* nothing behind it"):
            origin_of(address)


def test_who_is_answered() -> None:
    wish = Wish(folder=Path("study"), plan=Plan())
    local = access_of(wish, "127.0.0.1", 80, None)
    assert local.hosts == {"127.0.0.1", "127.0.0.1:80", "localhost", "localhost:80"}
    net = access_of(wish, "0.0.0.0", 8000, "http://10.0.0.7:8000")
    assert net.hosts == {"127.0.0.1:8000", "localhost:8000", "10.0.0.7:8000"}
    assert net.origins == {f"http://{host}" for host in net.hosts}
    assert len({access_of(wish, "127.0.0.1", 80, None).admin for _ in range(3)}) == 3


def test_hosts_are_addresses_of_this_machine(tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for host, why in (
        ("example.org", "expected an IPv4 address"),
        ("::1", "expected an IPv4 address"),
        ("0.0.0.0", "name the address by which raters come"),
        ("192.0.2.1", "no address of this machine"),
    ):
        with pytest.raises(UserError, match=why):
            serve(Wish(folder=tmp_path / "study", plan=Plan(runs=(run,)), host=host, port=0))
    assert "--host 192.0.2.1: plain HTTP" in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_votes_of_another_study_are_refused(tmp_path: Path) -> None:
    make_study(tmp_path, items=2, models=2)
    with Votes(tmp_path) as votes:
        votes.invite(1)
        votes.allot(1, lambda _: Task(1, 1, "plain", 2, (0, 1)))
        votes.save(1, 1, {"appearance": (0,), "motion": (0,)})
    with pytest.raises(UserError, match="does not fit study.json.*there is no item 2"):
        serve(Wish(folder=tmp_path, plan=Plan(), port=0))


def test_what_is_refused_before_anything_is_made(tmp_path: Path, run: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n")
    for args, says in (
        (["--mode", "pair"], "--mode 'pair': expected choice or pairs"),
        (["--questions", "motion,beauty"], "--questions 'beauty': there are appearance, motion, text, overall"),
        (["--questions", "motion,motion"], "each once"),
        (["--consent", str(empty)], r"empty.txt: is empty"),
        (["--consent", str(tmp_path)], "--consent .*: cannot be read: Is a directory"),
        ([str(tmp_path)], "is not a run"),
    ):
        with pytest.raises(UserError, match=says):
            app(["serve", str(run), "--out", str(tmp_path / "study"), *args], standalone_mode=False)
    assert not (tmp_path / "study").exists()


def test_the_command(tmp_path: Path, run: Path) -> None:
    (tmp_path / "consent.txt").write_text("First,\nstill first.\n\n\nSecond.\n")
    process = subprocess.Popen(
        command("human", "serve", run, "--out", "study", "--port", 0, "--questions", "text,motion", "--mode", "pairs",
                "--per-rater", 6, "--checks", 0.5, "--consent", "consent.txt", "--raters", 2, "--seed", 4),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        assert [line.split()[0] for line in lines] == ["Study", "Rater", "Rater", "Admin"], process.stderr
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in INTERRUPTED
    assert "Next: i2vbench human report study" in output
    assert "media: 4/4 samples" in errors
    study = read_study(tmp_path / "study")
    assert (study.mode, study.per_rater, study.checks, study.seed) == ("pairs", 6, 0.5, 4)
    assert ([question.id for question in study.questions], study.consent) == (
        ["text", "motion"],
        ("First, still first.", "Second."),
    )
    with Votes(tmp_path / "study", read_only=True) as votes:
        assert len(votes.raters()) == 2
