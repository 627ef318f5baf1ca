"""A vote that is said to be saved is saved: fifty raters, and a server that is killed again and again."""

from __future__ import annotations

import http.client
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from i2vbench.human.assignment import total
from i2vbench.human.votes import Chosen, Votes
from i2vbench.web import listen
from tests.conftest import ROOT, environment
from tests.human.raters import Client
from tests.human.studies import make_study

RATERS = 50
KILLS = 3
NO_ANSWER = (OSError, http.client.HTTPException)


@contextmanager
def running(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.human.start", str(folder), str(port)],
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        yield process
    finally:
        process.kill()
        process.wait()


class Voter:
    """Somebody who asks again when no answer comes, and remembers what was said to be saved."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client, self.random = client, random.Random(seed)
        self.address = ""
        self.saved: dict[int, Chosen] = {}
        self.sent: dict[int, Chosen] = {}
        self.lost = 0

    def vote(self) -> None:
        self.address = self._ask("/enrol", {})["address"]
        state = self._ask(f"{self.address}consent", {"nickname": "", "agree": True})
        while (number := state["next"]) is not None:
            assert self._ask(f"{self.address}tasks/{number}")["chosen"] in (None, self._listed(number))
            state = self._save(number)
            if self.random.random() < 0.2:
                state = self._save(self.random.randint(1, number))

    def _save(self, number: int) -> Any:
        self.sent[number] = {
            id_: tuple(sorted(self.random.sample(range(3), self.random.randint(1, 3))))
            for id_ in ("appearance", "motion")
        }
        state = self._ask(f"{self.address}tasks/{number}", {"chosen": self.sent[number]})
        assert state["saved"] is True
        self.saved[number] = self.sent[number]
        assert state["answered"] == len(self.saved)
        return state

    def _listed(self, number: int) -> Any:
        return {id_: list(places) for id_, places in self.sent.get(number, {}).items()}

    def _ask(self, path: str, body: object = None) -> Any:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                answer = self.client.ask(path, body)
            except NO_ANSWER:
                self.lost += 1
                time.sleep(0.05 + 0.1 * self.random.random())
                continue
            assert answer.status == 200, answer
            return answer.json
        raise AssertionError("the server did not come back")


def test_no_vote_that_was_said_to_be_saved_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    study = make_study(tmp_path, items=15, models=3, per_rater=4, checks=0.25)
    with listen(0) as free:
        port = free.getsockname()[1]
    voters = [Voter(Client(port), seed) for seed in range(RATERS)]
    whole = RATERS * total(study)

    def saved() -> int:
        return sum(len(voter.saved) for voter in voters)

    with ThreadPoolExecutor(RATERS) as threads:
        votings: list[Future[None]] = []
        for kill in range(KILLS + 1):
            with running(tmp_path, port):
                votings = votings or [threads.submit(voter.vote) for voter in voters]
                while not all(voting.done() for voting in votings):
                    if kill < KILLS and saved() >= (kill + 1) * whole // (KILLS + 1):
                        break
                    time.sleep(0.005)
                assert (kill < KILLS) != all(voting.done() for voting in votings), "killed while they vote"
        for voting in votings:
            voting.result()
    assert sum(voter.lost for voter in voters) >= KILLS

    with Votes(tmp_path, read_only=True) as votes:
        raters = {rater.token: rater.id for rater in votes.raters()}
        responses = {(response.task.rater, response.task.number): response for response in votes.responses()}
        tasks = votes.tasks()
    assert len(responses) == len(tasks) == whole
    for voter in voters:
        rater = raters[voter.address.split("/")[2]]
        assert [*voter.saved] == [*range(1, total(study) + 1)]
        for number, chosen in voter.saved.items():
            assert responses[rater, number].chosen == chosen
    plain = Counter((task.rater, task.item) for task in tasks if task.kind == "plain")
    assert {*plain.values()} == {1}, "no rater has an item twice"
    of_items = Counter(item for _, item in plain)
    assert max(of_items.values()) - min(of_items.values()) <= 2
