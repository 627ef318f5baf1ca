"""`http:FILE.toml` or `http:NAME=FILE.toml`: a model behind an HTTP API."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.base import Model, Preparation
from i2vbench.models.http.context import Context
from i2vbench.models.http.description import load_description
from i2vbench.models.http.jobs import Jobs, request_key
from i2vbench.models.http.ledger import Ledger
from i2vbench.models.http.secret import Secret
from i2vbench.names import split_label
from i2vbench.types import ModelInfo, Request, Video

MOST_AT_ONCE = 32
"""Requests of one call. A constant, for a run records it; how many are on their way at once the description says."""


class Http(Model):
    """Requests are sent side by side; the ledger in the model's folder makes sure that none is paid for twice."""

    one_holder = True

    def __init__(self, argument: str) -> None:
        label, file = split_label(argument)
        stated = load_description(Path(file).expanduser())
        self._description = dataclasses.replace(stated, name=label or stated.name)
        self.info = ModelInfo(
            name=self._description.name,
            title=stated.title or "a model behind an HTTP API",
            paper=stated.paper,
            licence=stated.licence,
            height=stated.height,
            width=stated.width,
            num_frames=stated.num_frames,
            fps=stated.fps,
            max_batch=MOST_AT_ONCE,
        )
        self._context: Context | None = None

    def prepare(self, preparation: Preparation) -> None:
        key, description = self._description.key, self._description
        self._secret = Secret(key.env, key.header, key.format)
        if self._secret.is_in(json.dumps(description.decides(), ensure_ascii=False)):
            raise UserError(f"description {description.path}: holds the key itself; it is read from the environment")
        self._folder = preparation.folder
        if len(preparation.plan) > description.budget_clips:
            _say(
                f"{description.name}: {len(preparation.plan)} clips are asked for, and {description.path.name} has "
                f"budget_clips = {description.budget_clips}: the others will fail, without being paid for"
            )
        if not description.seed:
            _say(f"{description.name}: its API takes no seed, so a video that is made anew is another one")

    def settings(self) -> Mapping[str, object]:
        return self.stated()

    def stated(self) -> dict[str, Any]:
        """What the file alone says of `settings`, which is all of it."""
        return self._description.decides()

    def load(self, device: str, dtype: str) -> None:
        ledger = Ledger(self._folder)
        self._context = Context(self._description, self._secret, ledger, self._folder, show_progress=self.show_progress)
        self._jobs = Jobs(self._context)

    def unload(self) -> None:
        if self._context is not None:
            self._context.ledger.close()
            self._context = None

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        context = self._context
        assert context is not None
        self._check(requests)
        asked = {request_key(self._description, request): request for request in requests}
        results: dict[str, Video | BaseException] = {}
        owed = list(asked.items())
        while owed and not context.ledger.is_proven() and not context.halted:
            self._run_alone(context, owed.pop(0), results)
        self._run(owed, results)
        for result in results.values():
            if isinstance(result, BaseException):
                raise result
        return [results[request_key(self._description, request)] for request in requests]  # type: ignore[misc]

    def _run_alone(self, context: Context, one: tuple[str, Request], results: dict[str, Video | BaseException]) -> None:
        """Work on one request before any video has come back as it is stated: a mistake in the file costs one clip."""
        before = context.ledger.spent()
        self._run([one], results)
        entry = context.ledger.entry(one[0])
        if entry and entry.state not in ("done", "failed", "refused") and context.ledger.spent() > before:
            context.halted = context.halted or (
                "nothing is sent any more: the first request that was paid for, or may have been, brought no video; "
                "see its reason, mend what is wrong, and give the same command with --retry-failed"
            )

    def _check(self, requests: Sequence[Request]) -> None:
        stated = self._description
        for request in requests:
            wanted = (request.num_frames, request.height, request.width, request.fps)
            if wanted != (stated.num_frames, stated.height, stated.width, stated.fps):
                raise UserError(
                    f"model '{self.info.name}' makes {stated.num_frames} frames of {stated.height}x{stated.width} at "
                    f"{stated.fps:g} fps, as {stated.path.name} states; asked for were {wanted[0]} of "
                    f"{wanted[1]}x{wanted[2]} at {wanted[3]:g} fps"
                )

    def _run(self, owed: Sequence[tuple[str, Request]], results: dict[str, Video | BaseException]) -> None:
        """Work on requests side by side, until all have a video or a reason why not."""
        context = self._context
        assert context is not None
        queue: SimpleQueue[tuple[str, Request]] = SimpleQueue()
        finished = threading.Event()
        if not owed:
            return
        for one in owed:
            queue.put(one)
        expected = len(results) + len(owed)

        def work() -> None:
            while True:
                try:
                    key, request = queue.get_nowait()
                except Empty:
                    return
                try:
                    results[key] = self._jobs.video(key, request)
                except BaseException as error:  # noqa: BLE001 - it is raised again by who asked
                    results[key] = error
                if len(results) == expected:
                    finished.set()

        try:
            for number in range(min(self._description.concurrency, len(owed))):
                # A daemon: a second Ctrl-C, or a run that is ended at once, does not wait for it.
                threading.Thread(target=work, name=f"http {number}", daemon=True).start()
            while not finished.wait(0.2):
                pass
        except KeyboardInterrupt:
            self._let_arrive(context)
            raise

    @staticmethod
    def _let_arrive(context: Context) -> None:
        """Send nothing more, and wait for answers to what is on its way: they say what is paid for."""
        context.stop.set()
        if context.sending:
            _say(f"waiting for the answer to {context.sending} requests on their way (Ctrl-C again: not)")
        while context.sending:  # asking the threads is no use: a `join` that Ctrl-C ends takes them for ended (3.11)
            time.sleep(0.05)


def _say(line: str) -> None:
    print(f"note: {line}", file=sys.stderr, flush=True)
