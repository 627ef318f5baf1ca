"""One machine at a time works on a run at an address."""

from __future__ import annotations

import json
import threading
import time

import pytest

from i2vbench.errors import UserError
from i2vbench.storage import lock
from i2vbench.storage.files import Files
from i2vbench.storage.lock import NAME, Lock


def test_a_living_holder_is_not_put_out(address: str) -> None:
    files, said = Files(address), []
    held = Lock.take(files, "a", None, said.append)
    with pytest.raises(UserError, match="process .* works on the run .*; wait for it"):
        Lock.take(files, "b", "c", said.append)
    held.release()
    assert not files.has(NAME)
    Lock.take(files, "b", None, said.append).release()
    assert len(said) == 1


def test_a_dead_one_is_after_a_while(address: str) -> None:
    files, said = Files(address), []
    files.put(NAME, json.dumps({"holder": "cn07, process 12", "token": "dead", "beats": 7}).encode())
    began = time.monotonic()
    Lock.take(files, "b", None, said.append).release()
    assert time.monotonic() - began >= lock.STALE_SECONDS
    assert "was worked on by cn07, process 12" in said[0]
    files.put(NAME, b"")  # killed as it wrote it
    Lock.take(files, "b", None, said.append).release()


def test_one_that_this_home_had_is_at_once(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "STALE_SECONDS", 1000.0)
    files, said = Files(memory), []
    files.put(NAME, json.dumps({"holder": "here", "token": "former", "beats": 7}).encode())
    Lock.take(files, "b", "former", said.append).release()
    assert said == []


def test_who_slept_through_his_end_stops_and_leaves_the_other_his_lock(memory: str) -> None:
    files, stop = Files(memory), threading.Event()
    held = Lock.take(files, "a", None, print)
    held.when_lost(stop.set)
    theirs = json.dumps({"holder": "another", "token": "b", "beats": 0}).encode()
    files.put(NAME, theirs)
    assert stop.wait(10)
    with pytest.raises(UserError, match="another machine has taken this run over"):
        held.check()
    held.release()
    assert files.read(NAME) == theirs
