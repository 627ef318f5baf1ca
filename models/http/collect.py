"""From an accepted request to its video: nothing here costs money, so all of it is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from i2vbench.files import file_sha256
from i2vbench.models.http import files
from i2vbench.models.http.context import ClipError, Context, Lost
from i2vbench.models.http.files import BadContent
from i2vbench.models.http.template import fill, scalar
from i2vbench.models.http.transport import Broken, NotSent, chunks, retry_after
from i2vbench.types import Video

_PASSING = frozenset({408, 425, 429})
_PIECE = 1 << 20


class _Gone(Exception):
    """An address answered that there is nothing, or nothing for us."""


def collect(context: Context, key: str, job: str) -> Video:
    """The video of an accepted request: polled for, downloaded, looked at.

    Raises:
        Lost: It cannot be had.
        ClipError: Its job failed, is not done in time, or returned another video than is stated.
        Stopped: The user stopped it.
    """
    reason = ""
    for tried in range(context.description.limits.tries):
        if tried:
            context.pause(context.wait_before(tried))
        try:
            answer = _finished(context, key, job)
            path = _download(context, key, job, answer)
            return look(context, key, path, is_new=True)
        except (NotSent, Broken, _Gone) as error:
            reason = str(error)
        except BadContent as error:
            reason = f"the video {error}"
        except ValueError as error:
            reason = f"an answer is not understood: {error}"
    context.ledger.lost(key, reason)
    hint = f'or paid for again with pay_again = ["lost"] in {context.file}'
    raise Lost(f"{_named(job)}its video cannot be had: {reason} (paid for; {_again()}, {hint})")


def look(context: Context, key: str, path: Path, *, is_new: bool) -> Video:
    """The frames of a video that is here, and whether it has just come.

    Raises:
        BadContent: It cannot be read.
        ClipError: It is not what the description states.
    """
    checked = files.checked(path, context.description)
    context.ledger.done(key, file_sha256(path), checked.codec, checked.fault)
    if is_new:
        context.has_come(checked.fault)
    if checked.video is None:
        raise ClipError(f"{checked.fault}; if it always does, state what it returns, and begin a new run")
    return checked.video


def _finished(context: Context, key: str, job: str) -> Any:
    """The last answer about a job that is done; the answer to the request where there is no job.

    Raises:
        ClipError: The job failed, or is not done in time.
        _Gone: There is no such job.
        ValueError: An answer that is not understood.
    """
    description = context.description
    if not description.is_polled:
        return files.read_answer(context.folder, key)
    poll, limits = description.poll, description.limits
    url, until = _with_id(poll.url, job), context.clock() + limits.job_seconds
    wait, refusals, last = limits.first_poll_seconds, 0, "no answer"
    while True:
        context.pause(wait)
        asked_for: float | None = None
        try:
            with context.get(url, poll.headers, limits.request_seconds) as response:
                code, asked_for = response.status, retry_after(response)
                if code in poll.running_codes:
                    said = f"{code}"
                elif 200 <= code < 300:
                    refusals = 0
                    if not poll.state:
                        return None
                    answer = context.json(response)
                    said, is_done = _state(context, key, job, answer)
                    if is_done:
                        return answer
                else:
                    said = f"it answered {code}{context.said(response, '')}"
                    refusals += 400 <= code < 500 and code not in _PASSING
                    if refusals >= limits.tries:
                        raise (_Gone(said) if code in (404, 410) else ClipError(f"{_named(job)}{said}; {_again()}"))
        except (NotSent, Broken) as error:
            said = str(error)
        if said != last:
            context.tell(f"job {job}: {said}")
            last = said
        if context.clock() > until:
            raise ClipError(f"{_named(job)}not done after {limits.job_seconds:g} s, its state: {said}; {_again()}")
        wait = max(min(wait * 1.5, limits.longest_poll_seconds), min(asked_for or 0.0, limits.longest_wait_seconds))


def _state(context: Context, key: str, job: str, answer: Any) -> tuple[str, bool]:
    """(what a job's state is, whether it is done).

    Raises:
        ClipError: It failed, or the state is none that the description names.
        ValueError: The answer has no state.
    """
    poll = context.description.poll
    state = context.secret.quoted(scalar(context.find(answer, poll.state)), 60)
    if state in poll.failed:
        reason = context.reason(scalar(answer), poll.reason)
        context.ledger.failed(key, f"{state}{reason}")
        raise ClipError(failed(context, job, f"{state}{reason}"))
    if state not in poll.done and poll.running and state not in poll.running:
        raise ClipError(f"{_named(job)}its state is {state!r}, which {context.file} does not name; {_again()}")
    return state, state in poll.done


def failed(context: Context, job: str, reason: str) -> str:
    """What to say of a job that the API gave up."""
    hint = f'counted as paid for; it is paid for again only if {context.file} has pay_again = ["failed"]'
    return f"{_named(job)}{reason} ({hint})"


def _download(context: Context, key: str, job: str, answer: Any) -> Path:
    """Bring the video here.

    Raises:
        NotSent, Broken: It did not come whole.
        BadContent: What came is no video.
        _Gone: Its address does not give it.
        ValueError: An answer that is not understood.
    """
    description, limits = context.description, context.description.limits
    result = description.result
    if result.holds == "body" and not description.is_polled:
        return files.video_file(context.folder, key)
    url = _with_id(result.url, job) if result.url else ""
    if result.holds == "body":
        return _fetch(context, key, url, named=True)
    if url:
        with context.get(url, result.headers, limits.download_seconds) as response:
            if not 200 <= response.status < 300:
                raise _Gone(f"the result: it answered {response.status}{context.said(response, '')}")
            answer = context.json(response, context.most_json)
    found = context.find(answer, result.video)
    if result.holds == "base64":
        video = files.from_base64(found)
        pieces: Iterator[bytes] = (video[at : at + _PIECE] for at in range(0, len(video), _PIECE))
        return files.keep_video(context.folder, key, pieces, context.secret.quoted)
    if not isinstance(found, str):
        raise ValueError(f"what is at result.video = '{result.video}' is no address but {scalar(found)[:40]}")
    return _fetch(context, key, found, named=False)


def _fetch(context: Context, key: str, url: str, *, named: bool) -> Path:
    """Bring what lies at an address, which is the description's or an answer's."""
    headers = context.description.result.headers if named else {}
    with context.get(url, headers, context.description.limits.download_seconds, named=named) as response:
        if not 200 <= response.status < 300:
            host = urlsplit(url).hostname
            raise _Gone(f"the video at {host}: it answered {response.status}{context.said(response, '')}")
        return files.keep_video(context.folder, key, chunks(response, context.most_bytes), context.secret.quoted)


def _with_id(url: str, job: str) -> str:
    quoted = quote(job, safe="/:")
    return str(fill(url, {"id": lambda: quoted}))


def _named(job: str) -> str:
    return f"job {job}: " if job else ""


def _again() -> str:
    return "it is asked for again, and not paid for again, with --retry-failed"
