"""Never paid twice, under any schedule of faults, deaths and new starts that hypothesis thinks of."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from i2vbench.models.base import Preparation
from i2vbench.models.http.adapter import Http
from i2vbench.models.http.context import ClipError
from i2vbench.models.http.ledger import Ledger
from i2vbench.profiles import load_profile
from tests.models.http import api as server
from tests.models.http.conftest import KEY, ask, merged, toml
from tests.models.http.conftest import settings as describe

BUDGET = 5
SUBMIT = {
    "unpaid": [server.says(429), server.says(422), server.says(401), server.says(503, Retry_After="0")],
    "paid": [server.charged(server.drops), server.charged(server.html), server.charged(server.says(500)),
             server.charged(server.short(b'{"id": "job-0"}' + b" " * 100)), server.charged(server.says(200, {}))],
}  # fmt: skip
LATER = [server.drops, server.says(500), server.html, server.says(404), server.says(403), server.garbage]


class Died(BaseException):
    """The process ended here."""


class Schedule(RuleBasedStateMachine):
    """One ledger, one API, and processes that come and go."""

    tokens = False

    def __init__(self) -> None:
        super().__init__()
        self.serving = server.serving()
        self.api = self.serving.__enter__()
        self.api.tokens = self.tokens
        self.folder = Path(tempfile.mkdtemp())
        self.model: Http | None = None
        self.seen: dict[int, Any] = {}
        self.patched = pytest.MonkeyPatch()
        self.patched.setenv("TEST_API_KEY", KEY)

    @rule(
        submits=st.lists(st.sampled_from([*SUBMIT["unpaid"], *SUBMIT["paid"]]), max_size=2),
        polls=st.lists(st.sampled_from(LATER), max_size=3),
        downloads=st.lists(st.sampled_from(LATER), max_size=3),
    )
    def misbehave(self, submits: list[Any], polls: list[Any], downloads: list[Any]) -> None:
        for kind, faults in (("submit", submits), ("poll", polls), ("video", downloads)):
            self.api.faults[kind].clear()
            self.api.faults[kind].extend(faults)

    @rule(at=st.integers(0, 8), after=st.booleans(), seeds=st.lists(st.integers(0, 3), min_size=1, max_size=3))
    def die(self, at: int, after: bool, seeds: list[int]) -> None:
        """A process that ends right before, or right after, it writes into the ledger for the Nth time."""
        self.leave()
        writes = [0]

        def dying(write: Callable[..., None]) -> Callable[..., None]:
            def call(*args: Any) -> None:
                writes[0] += 1
                if writes[0] > at and not after:
                    raise Died
                write(*args)
                if writes[0] > at:
                    raise Died

            return call

        with pytest.MonkeyPatch.context() as patch:
            for name in ("begin", "refused", "unknown", "accepted", "lost", "failed", "done"):
                patch.setattr(Ledger, name, dying(getattr(Ledger, name)))
            with suppress(Died):
                self.ask(seeds)
        self.leave()

    @rule(seeds=st.lists(st.integers(0, 3), min_size=1, max_size=4))
    def ask(self, seeds: list[int]) -> None:
        model = self.model or self.start()
        try:
            made = model.generate([ask(seed) for seed in seeds])
        except ClipError:
            return
        for seed, video in zip(seeds, made, strict=True):
            first = self.seen.setdefault(seed, video.frames)
            assert np.array_equal(first, video.frames)

    @rule()
    def leave(self) -> None:
        if self.model:
            self.model.unload()
            self.model = None

    def start(self) -> Http:
        path = self.folder / "api.toml"
        known = {"submit__idempotency_header": "Idempotency-Key"} if self.tokens else {}
        path.write_text(toml(merged(describe(self.api), {"budget_clips": BUDGET, **known})))
        model = Http(str(path))
        model.prepare(Preparation([], frozenset(), load_profile("paper").protocol, "pyav", self.folder / "own"))
        model.load("cpu", "float32")
        self.model = model
        return model

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        assert all(count == 1 for count in self.api.paid.values()), self.api.paid
        assert sum(self.api.paid.values()) <= BUDGET

    @invariant()
    def the_ledger_counts_at_least_what_was_paid(self) -> None:
        if self.model and self.model._context:
            assert self.model._context.ledger.spent() >= sum(self.api.paid.values())

    def teardown(self) -> None:
        self.leave()
        self.patched.undo()
        self.serving.__exit__(None, None, None)
        shutil.rmtree(self.folder)


class WithTokens(Schedule):
    tokens = True


@pytest.mark.parametrize("machine", [Schedule, WithTokens])
def test_nothing_is_paid_twice_under_any_schedule(machine: type[Schedule]) -> None:
    """The invariants of the machine are what is asserted, after every step."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
