"""[once] and [batch]: the repository's script is run for one request, or for many, and ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from i2vbench.attempt import describe
from i2vbench.models.external.description import Description
from i2vbench.models.external.failed import Failed
from i2vbench.models.external.orders import Order, refusal
from i2vbench.models.external.output import Output
from i2vbench.models.external.placeholders import fill_text
from i2vbench.models.external.process import Process, environment
from i2vbench.models.external.results import find_video, look, read
from i2vbench.models.external.workshop import Workshop, key_of
from i2vbench.types import Request, Video

Made = Video | Failed
"""The video of a request, or why there is none."""


class Caller:
    """Makes videos by [once] or [batch].

    Args:
        described: The model.
        known: Placeholders that are the same for every request.
        workshop: Where requests are written.
        show: Whether to tell a terminal what the repository prints.
    """

    def __init__(self, described: Description, known: Mapping[str, str], workshop: Workshop, show: bool) -> None:
        self._described, self._known, self._workshop, self._show = described, known, workshop, show
        self._env = environment_of(described, known)
        self._kept: dict[str, Made] = {}

    def make(self, requests: Sequence[Request]) -> list[Video]:
        """The videos of some requests of one size, length and rate, in order.

        A batch that fails keeps what it has made, and the rest is tried again, at last one by one. If something is
        still missing then, the harness asks again for fewer, down to the one: the answers are kept until it has them.

        Raises:
            Failed: The reason of the first request that has no video.
        """
        wanted = {key_of(request): request for request in requests}
        if not self._kept.keys() >= wanted.keys():
            self._kept = self._attempt(wanted)
        answers = {key: self._kept[key] for key in wanted}
        failed = next((made for made in answers.values() if isinstance(made, Failed)), None)
        if failed is None or len(wanted) == 1:  # nobody asks for fewer than these
            self._kept = {key: made for key, made in self._kept.items() if key not in wanted}
        if failed is not None:
            raise failed
        videos = {key: made for key, made in answers.items() if isinstance(made, Video)}
        return [videos[key_of(request)] for request in requests]

    def close(self) -> None:
        """Nothing is left running between requests."""

    def _attempt(self, wanted: Mapping[str, Request]) -> dict[str, Made]:
        """An answer for each request: all of them together, then those that failed, at last one by one."""
        made = dict(zip(wanted, self._call(list(wanted.values())), strict=True))
        failed = {key: wanted[key] for key, one in made.items() if isinstance(one, Failed)}
        if not failed or len(wanted) == 1:
            return made
        if len(failed) < len(wanted):
            return made | self._attempt(failed)
        return {key: self._call([request])[0] for key, request in wanted.items()}

    def _call(self, requests: Sequence[Request]) -> list[Made]:
        """Run the script once; a video or a reason for each request."""
        refused = [refusal(self._described.way, request.prompt) for request in requests]
        fit = [request for request, why in zip(requests, refused, strict=True) if why is None]
        made: list[Made] = []
        if fit:
            folder = self._workshop.new(key_of(fit[0]))
            try:
                made = self._run(Order(self._described, self._known, fit, folder), fit)
            except (Failed, OSError) as error:  # OSError: an argument that is longer than the system takes, say
                reason = error if isinstance(error, Failed) else Failed(f"could not be called: {describe(error)}")
                made = [reason for _ in fit]
            if any(isinstance(one, Failed) for one in made):
                self._workshop.failed(folder)
            else:
                self._workshop.done(folder)
        answers = iter(made)
        return [why or next(answers) for why in refused]

    def _run(self, order: Order, requests: Sequence[Request]) -> list[Made]:
        limits = self._described.limits
        patterns = order.videos()
        before = [look(pattern) for pattern in patterns]
        output = Output(self._described.name, self._show)
        process = Process(order.command(), order.cwd(), self._env, output, limits.memory_gb, talks=False)
        failed: Failed | None = None
        try:
            code = process.wait(limits.request_seconds * len(requests))
            if code:
                failed = Failed(process.describe_end())
        except Failed as error:
            failed = error
        finally:
            process.close()
        made: list[Made] = []
        for request, pattern, seen in zip(requests, patterns, before, strict=True):
            if failed is not None and len(requests) == 1:
                made.append(failed)
                continue
            try:
                video = read(find_video(pattern, seen), request)
                # Of a script that died, a file may be there and not be whole.
                made.append(failed if failed is not None and video.num_frames != request.num_frames else video)
            except Failed as error:
                made.append(failed or Failed(f"{error}{process.quoted()}"))
        return made


def environment_of(described: Description, known: Mapping[str, str]) -> dict[str, str]:
    """The variables of a repository's process."""
    own = {name: fill_text(value, known) for name, value in described.environment.items()}
    return environment(own, known["device"], known["python"])
