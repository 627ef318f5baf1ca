"""Sending a request: once, unless it is certain that it was not paid for or that the API knows it again."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from i2vbench.models.http import files
from i2vbench.models.http.context import MOST_JSON, ClipError, Context
from i2vbench.models.http.ledger import BudgetSpent, Entry
from i2vbench.models.http.template import fill, first_frame_png, scalar, values_of
from i2vbench.models.http.transport import Broken, NotSent, Response, chunks, exchange, retry_after, without_query
from i2vbench.types import Request

LONGEST_ID = 500


class _Later(Exception):
    """It is to be tried again.

    Attributes:
        reason: Why it did not go well.
        wait: Seconds that the API asks for, None if it does not.
        busy: The API only says that it is busy; else tries are counted.
        token: Under which it is sent again; "" if it was not paid for and the next one is a new one.
    """

    def __init__(self, reason: str, wait: float | None = None, *, busy: bool = False, token: str = "") -> None:
        super().__init__(reason)
        self.reason, self.wait, self.busy, self.token = reason, wait, busy, token


def submit(context: Context, key: str, request: Request, token: str = "") -> None:
    """Send a request until the ledger says that it is accepted.

    Args:
        context: The API.
        key: The request's, in the ledger.
        request: What is asked for.
        token: Of an earlier sending that the API would know again; "" makes it a new one.

    Raises:
        ClipError: Why it was not accepted, or that nobody knows whether it was.
        Stopped: The user stopped it.
    """
    limits = context.description.limits
    png = first_frame_png(request)
    until = context.clock() + limits.busy_seconds
    failures = 0
    for asked in count(1):
        context.check_open()
        try:
            uploaded = _upload(context, request, png) if context.description.upload.url else ""
            with context.on_its_way():
                _send(context, key, request, png, uploaded, token)
            return
        except _Later as later:
            token = later.token
            failures += not later.busy
            wait = context.wait_before(asked) if later.wait is None else max(later.wait, 0.05)
            if failures >= limits.tries or (later.busy and context.clock() + wait > until):
                fate = unknown(context) if token else "it was not paid for"
                raise ClipError(f"{later.reason} (asked {asked} times); {fate}") from None
            context.pause(wait)


def settle(context: Context, key: str, request: Request, entry: Entry) -> None:
    """Go on with a request of which the ledger does not know whether it was accepted.

    Raises:
        ClipError: It stays so.
    """
    submitted = context.description.submit
    answer = files.read_answer(context.folder, key)
    if answer is not None:  # the process ended before the ledger was told, or the description has been mended since
        try:
            context.ledger.accepted(key, _job_of(context, answer))
            return
        except ValueError as error:
            entry = replace(entry, reason=str(error))
    if submitted.idempotency_header and time.time() - entry.sent < submitted.idempotency_hours * 3600:
        submit(context, key, request, entry.token)
    elif "unknown" in context.description.pay_again:
        submit(context, key, request)
    else:
        raise ClipError(f"{entry.reason or 'the process ended while it was on its way'}; {unknown(context)}")


def unknown(context: Context) -> str:
    return (
        "whether it was accepted, and paid for, is not known: look for it in the API's own list of jobs. It is sent "
        f'again only if {context.file} has pay_again = ["unknown"], with --retry-failed'
    )


def _send(context: Context, key: str, request: Request, png: bytes, uploaded: str, token: str) -> None:
    """Send it once, and note what became of it.

    Raises:
        _Later: It may be tried again.
        ClipError: It may not.
    """
    step, is_new = context.description.submit, not token
    token = token or uuid.uuid4().hex
    body, headers = _body(step.form, step.body, request, png, uploaded)
    headers |= {**step.headers, **context.secret.headers}
    if step.idempotency_header:
        headers[step.idempotency_header] = token

    def about_to_send() -> None:
        context.check_open()
        if is_new:
            files.remove(context.folder, key)
            context.ledger.begin(key, request.sample_id, request.seed, token, context.description.budget_clips)

    code, said, wait, answer = 0, "", None, None
    try:
        with exchange(
            step.method, step.url, headers, body, context.description.limits.submit_seconds, about_to_send
        ) as response:
            code, wait = response.status, retry_after(response)
            if 200 <= code < 300:
                answer = _take(context, key, response)
            else:
                said = f"it answered {code}{_where(context, response)}{context.said(response, step.reason)}"
    except BudgetSpent as error:
        raise ClipError(_budget(context)) from error
    except NotSent as error:
        raise _Later(f"nothing was sent: {error}", token="" if is_new else token) from error
    except Broken as error:
        if not code or 200 <= code < 300:
            _unclear(context, key, f"no whole answer came: {error}", token)
        said = said or f"it answered {code}"
    if 200 <= code < 300:
        _accept(context, key, answer, token)
    else:
        _judge(context, key, code, said, wait, token, is_new=is_new)


def _judge(context: Context, key: str, code: int, said: str, wait: float | None, token: str, *, is_new: bool) -> None:
    """What an answer that is no success means.

    Raises:
        _Later: It may be tried again.
        ClipError: It may not.
    """
    step = context.description.submit
    # Only these two say that the request is still to be made; 303, for one, may lead to the job that it made.
    leads_on = 300 <= code < 400 and code not in (307, 308)
    is_busy = code == 429 or (code == 503 and wait is not None) or code in step.not_charged
    if code == 409 and step.idempotency_header:  # the first one of this token is still being looked at
        context.ledger.unknown(key, said)
        raise _Later(said, wait, busy=True, token=token)
    if not is_busy and (code >= 500 or code == 408 or leads_on):
        _unclear(context, key, said, token)
    if not is_new:  # what is refused now says nothing of the one that was sent before
        if is_busy:
            raise _Later(said, wait, busy=True, token=token)
        raise ClipError(f"{said}; {unknown(context)}")
    context.ledger.refused(key, said)
    if is_busy:
        raise _Later(said, wait, busy=True)
    if code in (401, 402):  # every other request would be refused too
        context.halted = f"nothing is sent any more: {said}"
    raise ClipError(f"{said} (it was refused, and not paid for)")


def _unclear(context: Context, key: str, reason: str, token: str) -> None:
    """Note that nobody knows whether it was accepted.

    Raises:
        _Later: The API would know it again.
        ClipError: It would not.
    """
    context.ledger.unknown(key, reason)
    if context.description.submit.idempotency_header:
        raise _Later(reason, token=token)
    raise ClipError(f"{reason}; {unknown(context)}")


def _take(context: Context, key: str, response: Response) -> Any:
    """The answer to a request that was taken, kept before anything else is done with it.

    Raises:
        Broken: It is not whole, or not what it should be.
    """
    description = context.description
    if not description.is_polled and description.result.holds == "body":
        try:
            files.keep_video(context.folder, key, chunks(response, context.most_bytes), context.secret.quoted)
        except files.BadContent as error:
            raise Broken(f"what came {error}") from error
        answer: Any = {}
    else:
        most = MOST_JSON if description.is_polled else context.most_json
        answer = context.secret.redact_json(context.json(response, most))
    files.keep_answer(context.folder, key, answer)
    return answer


def _accept(context: Context, key: str, answer: Any, token: str) -> None:
    try:
        job = _job_of(context, answer)
    except ValueError as error:
        _unclear(context, key, f"an answer came that is not understood: {error}", token)
        return
    context.ledger.accepted(key, job)


def _job_of(context: Context, answer: Any) -> str:
    """The job's id in the answer to a request; "" where the answer is, or has, the video.

    Raises:
        ValueError: It is not there.
    """
    path = context.description.submit.id
    if not path:
        return ""
    found = context.find(answer, path)
    job = scalar(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else ""
    if not 0 < len(job) <= LONGEST_ID or not job.isprintable() or {".", ".."} & set(job.split("/")):
        raise ValueError(f"what is at submit.id = '{path}' is no id: {context.secret.quoted(scalar(found), 60)!r}")
    return job


def _upload(context: Context, request: Request, png: bytes) -> str:
    """Bring the first frame to the API; what it calls it comes back.

    Raises:
        _Later: It failed in a way that may pass.
        ClipError: It was refused.
    """
    step = context.description.upload
    if step.form == "raw":
        body, headers = png, {"Content-Type": "image/png"}
    else:
        body, headers = _body(step.form, step.body, request, png, "")
    headers |= {**step.headers, **context.secret.headers}
    try:
        with exchange(step.method, step.url, headers, body, context.description.limits.request_seconds) as response:
            code, wait = response.status, retry_after(response)
            if not 200 <= code < 300:
                reason = f"{_where(context, response)}{context.said(response, '')}"
                said = f"the upload of the first frame: it answered {code}{reason}"
                if code in (408, 425, 429) or code >= 500:
                    raise _Later(said, wait)
                raise ClipError(said)
            found = context.find(context.json(response), step.address)
    except (NotSent, Broken) as error:
        raise _Later(f"the upload of the first frame: {error}") from error
    except ValueError as error:
        raise ClipError(f"the upload of the first frame: its answer is not understood: {error}") from error
    if not isinstance(found, (str, int)) or context.secret.is_in(str(found)):
        raise ClipError(f"the upload of the first frame: no address or id is at upload.address = '{step.address}'")
    return str(found)


def _body(
    form: str, template: Mapping[str, Any], request: Request, png: bytes, uploaded: str
) -> tuple[bytes, dict[str, str]]:
    """(body, headers) of a request."""
    filled = fill(dict(template), values_of(request, png, uploaded))
    if form == "json":
        return json.dumps(filled, ensure_ascii=False).encode(), {"Content-Type": "application/json"}
    boundary = f"----i2vbench{uuid.uuid4().hex}"
    parts = []
    for name, value in filled.items():
        quoted = name.replace('"', "%22").replace("\r", "").replace("\n", "")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{quoted}"'
        if isinstance(value, bytes):
            parts.append(f'{head}; filename="first_frame.png"\r\nContent-Type: image/png\r\n\r\n'.encode() + value)
        else:
            parts.append(f"{head}\r\n\r\n{scalar(value)}".encode())
    return b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()]), {
        "Content-Type": f"multipart/form-data; boundary={boundary}"
    }


def _where(context: Context, response: Response) -> str:
    """Where a redirect leads, which a request that costs money does not follow."""
    target = response.headers.get("Location", "") if 300 <= response.status < 400 else ""
    return f", a redirect to {context.secret.quoted(without_query(target))}" if target else ""


def _budget(context: Context) -> str:
    description = context.description
    return (
        f"the budget is spent: {context.ledger.spent()} requests were sent that may have been paid for, and "
        f"{context.file} has budget_clips = {description.budget_clips}; raise it there and give the same command with "
        "--retry-failed"
    )
