"""[server]: a process that is kept alive over many requests.

A line of JSON for each request goes to its standard input, and a line of JSON comes back through a descriptor of its
own, whose number stands in I2VBENCH_REPLIES: what libraries print cannot get between the answers. First comes
{"load": {...}}, answered by {"ready": true}; then requests, answered by {"id": ..., "video": PATH}; an answer may be
{"error": "..."} instead. The server ends with its standard input.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from i2vbench.attempt import describe
from i2vbench.models.external.calls import environment_of
from i2vbench.models.external.description import Description
from i2vbench.models.external.failed import Failed, Refused
from i2vbench.models.external.orders import Order, refusal
from i2vbench.models.external.output import Output
from i2vbench.models.external.placeholders import CONFIG, REQUEST, RUN, fill_command, fill_data, fill_text, without
from i2vbench.models.external.process import Process
from i2vbench.models.external.results import read
from i2vbench.models.external.workshop import Workshop, key_of
from i2vbench.parsing import parse_json
from i2vbench.types import Request, Video

MOST_STARTS = 3
"""So many starts that fail in a row, and it is not started again."""

_LONGEST_ANSWER = 1 << 20
_CLOSE_SECONDS = 5.0
_TOLD = ("first_frame", "prompt", "seed", "num_frames", "height", "width", "fps", "frame_stride", "out_dir", CONFIG)
"""What a request's line says beside its id and its folder, `request_dir`."""


class Server:
    """Makes videos by [server], one request at a time.

    A request that fails on a process that has answered before is asked once more of a new one: what came before may
    have left it broken. On a new one a failure stands, and the next request begins with a new one too.

    Args: As `Caller`.
    """

    def __init__(self, described: Description, known: Mapping[str, str], workshop: Workshop, show: bool) -> None:
        self._described, self._known, self._workshop = described, known, workshop
        self._env = environment_of(described, known)
        self._output = Output(described.name, show)
        self._process: Process | None = None
        self._answered = self._failed_starts = 0
        self._buffer = b""

    def start(self) -> None:
        """Start the process, and wait until it takes requests.

        Raises:
            Failed: It does not come to that.
        """
        if self._failed_starts >= MOST_STARTS:
            raise Failed(f"its server failed to start {MOST_STARTS} times in a row, and is not started again")
        way, limits = self._described.way, self._described.limits
        self._output.begin()
        self._buffer, self._answered = b"", 0
        self._failed_starts += 1
        command, cwd = fill_command(way.command, self._known), Path(fill_text(way.cwd, self._known))
        self._process = Process(command, cwd, self._env, self._output, limits.memory_gb, talks=True)
        config = fill_data(without(self._described.config, (*REQUEST, *RUN)), self._known)
        checkpoints = {name: self._known[f"checkpoint.{name}"] for name in self._described.checkpoints}
        job = {name: self._known[name] for name in ("repository", "here", "device", "dtype")}
        answer = self._ask({"load": {**job, "checkpoints": checkpoints, CONFIG: config}}, limits.start_seconds)
        if answer.get("ready") is not True:
            raise Failed(f"its server could not load: {answer.get('error') or json.dumps(answer)[:200]}")
        self._failed_starts = 0

    def make(self, requests: Sequence[Request]) -> list[Video]:
        """The videos of some requests, in order.

        Raises:
            Failed: The reason of the first request that has none.
        """
        return [self._make(request) for request in requests]

    def close(self) -> None:
        """End the process: politely, then at once."""
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.process.stdin is not None
        try:
            process.process.stdin.close()
            process.process.wait(_CLOSE_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            pass  # it is ended now, whatever it does
        process.close()

    def _make(self, request: Request) -> Video:
        if why := refusal(self._described.way, request.prompt):
            raise why
        if self._process is not None and self._answered:
            try:
                return self._once(request)
            except Refused:
                raise
            except Failed:
                self._stop()
        try:
            if self._process is None:
                self.start()
            return self._once(request)
        except Refused:
            raise
        except Failed:
            self._stop()
            raise

    def _once(self, request: Request) -> Video:
        """One request to the process as it is."""
        key = key_of(request)
        folder = self._workshop.new(key)
        try:
            values = Order(self._described, self._known, [request], folder).each[0]
            self._output.begin()
            message = {"id": key, "request_dir": str(folder), **{name: values[name] for name in _TOLD}}
            answer = self._ask(message, self._described.limits.request_seconds)
            if answer.get("id") != key or not isinstance(answer.get("video"), str):
                raise Failed(str(answer.get("error") or f"its server answered {json.dumps(answer)[:200]}"))
            path = Path(folder, answer["video"])
            if not path.exists():
                raise Failed(f"its server answered with a video that is not there: {path.name}")
            video = read(path, request)
        except (Failed, OSError) as error:
            self._workshop.failed(folder)
            raise error if isinstance(error, Failed) else Failed(f"could not be asked: {describe(error)}") from error
        self._workshop.done(folder)
        self._answered += 1
        return video

    def _ask(self, message: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The answer to a message.

        Raises:
            Failed: There is none in time, the process ends, or it is no answer.
        """
        process = self._process
        assert process is not None
        assert process.process.stdin is not None
        try:
            process.process.stdin.write(json.dumps(message).encode() + b"\n")
            process.process.stdin.flush()
        except OSError:  # it has ended; what its last words are is asked below
            process.end()
            raise Failed(process.describe_end()) from None
        line = self._line(process, time.monotonic() + seconds, seconds)
        try:
            answer = parse_json(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Failed(f"its server answered what is no JSON object: {line[:100]!r}")
        return answer

    def _line(self, process: Process, end: float, seconds: float) -> bytes:
        """The next line of answers."""
        while b"\n" not in self._buffer:
            with selectors.DefaultSelector() as selector:
                selector.register(process.replies, selectors.EVENT_READ)
                ready = selector.select(max(0.0, end - time.monotonic()))
            if not ready:
                process.end(f"took longer than {seconds:g} s and was ended")
                raise Failed(process.describe_end())
            data = os.read(process.replies, 1 << 16)
            if not data:
                process.end()
                raise Failed(process.describe_end())
            self._buffer += data
            if len(self._buffer) > _LONGEST_ANSWER:
                raise Failed("its server answered more than a megabyte; expected a line of JSON")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _stop(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.close()
            self._process = None
