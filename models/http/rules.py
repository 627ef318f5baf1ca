"""What the settings of a description must be to each other, and what must not stand in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from i2vbench.models.http.template import NAMES, PICTURE, PICTURES, UPLOADED, names_in
from i2vbench.models.http.transport import address_fault, is_loopback
from i2vbench.toml_fields import check_json

if TYPE_CHECKING:
    from i2vbench.models.http.description import Description

PAY_AGAIN = ("unknown", "failed", "lost")

_SECRET_HEADER = re.compile(r"auth|cookie|secret|token|credential|password|api-?key|access-?key|^key$", re.I)
_SECRET_NAMES = frozenset("key apikey token accesstoken authtoken secret password authorization signature".split())


def takes_http(description: Description) -> Callable[[str], bool]:
    """To which hosts plain http will do: to this machine, if the API itself is on it; to any with allow_http."""
    local = is_loopback(urlsplit(description.submit.url).hostname)
    return lambda host: description.allow_http or (local and is_loopback(host))


def check(description: Description) -> None:
    """Hold a description to what it must be.

    Raises:
        ValueError: What is wrong with it.
    """
    for one in description.pay_again:
        if one not in PAY_AGAIN:
            raise ValueError(f"pay_again: expected some of {', '.join(PAY_AGAIN)}, got {one!r}")
    _check_key(description)
    for name, step in (("upload", description.upload), ("submit", description.submit)):
        _check_headers(name, step.headers)
        check_json(f"{name}.body", step.body)
    for name, headers in (("poll", description.poll.headers), ("result", description.result.headers)):
        _check_headers(name, headers)
    _check_addresses(description)
    _check_secrets(description)
    _check_bodies(description)
    _check_answers(description)


def _check_headers(step: str, headers: Mapping[str, str]) -> None:
    for name, text in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not re.fullmatch(r"[ -~]*", text):
            raise ValueError(
                f"{step}.headers.{name}: expected a name of letters, digits and -, and a text of visible ASCII"
            )


def _check_key(description: Description) -> None:
    key = description.key
    # None of these messages shows what was found: it may be the key itself.
    if key.env and not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", key.env):
        raise ValueError("key.env: expected the name of an environment variable in capitals, such as MY_API_KEY")
    if not re.fullmatch(r"[A-Za-z0-9-]+", key.header):
        raise ValueError("key.header: expected a header's name, such as Authorization")
    if key.format.count("{key}") != 1 or not re.fullmatch(r"[ -~]+", key.format):
        raise ValueError("key.format: expected a text with {key} in it once, such as 'Bearer {key}'")
    if len(key.format) > 40:
        raise ValueError("key.format: expected a few words around {key}; the key itself is not written here")


def _check_addresses(description: Description) -> None:
    if not description.submit.url:
        raise ValueError("'submit.url' is missing: where requests are sent to")
    for name, url in _addresses(description):
        known = ("id",) if name in ("poll.url", "result.url") else ()
        try:
            found = names_in(url, known)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if known and not found:
            raise ValueError(f"{name}: expected {{id}} in it, where the job's id goes")
        if fault := address_fault(url, takes_http(description)):
            raise ValueError(f"{name} {fault}")


def _check_secrets(description: Description) -> None:
    """Keys are not written into a file that a run records."""
    hint = "a key is read from the environment: [key]"
    for name, step in _steps(description):
        for header in step.headers:
            if _SECRET_HEADER.search(header) and "idempotency" not in header.lower():
                raise ValueError(f"{name}.headers.{header}: {hint}")
        for field in _fields(getattr(step, "body", {})):
            if _plain(field) in _SECRET_NAMES:
                raise ValueError(f"{name}.body: '{field}': {hint}")
    for name, url in _addresses(description):
        for field, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True):
            if _plain(field) in _SECRET_NAMES:
                raise ValueError(f"{name}: '{field}' after the question mark: {hint}")


def _check_bodies(description: Description) -> None:
    submit, upload = description.submit, description.upload
    used = _names("submit.body", submit.body)
    if not used & PICTURES:
        raise ValueError(
            "submit.body holds no first frame: expected {first_frame_base64}, {first_frame_data_uri}, {upload}, or "
            "in a multipart form {first_frame}"
        )
    if description.seed != ("seed" in used):
        found = "is not in it" if description.seed else "is in it"
        raise ValueError(f"submit.body: seed = {str(description.seed).lower()}, and {{seed}} {found}")
    if (UPLOADED in used) != bool(upload.url):
        raise ValueError("submit.body: {upload} is what the step [upload] answers; expected both or neither")
    _check_form("submit", submit.form, submit.body)
    if upload.url:
        uploaded = _names("upload.body", upload.body)
        if UPLOADED in uploaded:
            raise ValueError("upload.body: {upload} is not there yet")
        if (upload.form == "raw") == bool(upload.body):
            raise ValueError("upload.body: the form raw has none, the others need one")
        if upload.form != "raw" and not uploaded & PICTURES:
            raise ValueError("upload.body holds no first frame")
        _check_form("upload", upload.form, upload.body)


def _check_form(name: str, form: str, body: Mapping[str, Any]) -> None:
    if form == "multipart":
        for field, value in body.items():
            if isinstance(value, (dict, list)):
                raise ValueError(f"{name}.body.{field}: a multipart form holds texts and numbers, no tables or lists")
            if isinstance(value, str) and f"{{{PICTURE}}}" in value and value != f"{{{PICTURE}}}":
                raise ValueError(f"{name}.body.{field}: expected {{{PICTURE}}} alone: it is a file")
    elif PICTURE in names_in(dict(body), NAMES):
        raise ValueError(f"{name}.body: {{{PICTURE}}} is a file of a multipart form; JSON takes {{first_frame_base64}}")


def _check_answers(description: Description) -> None:
    submit, poll, result = description.submit, description.poll, description.result
    if bool(submit.id) != bool(poll.url):
        raise ValueError(
            "submit.id and poll.url: expected both, or neither where the answer to a request is the video or has it"
        )
    if submit.id and not (poll.state or result.url):
        raise ValueError('poll.state is "": expected result.url, for a poll\'s answer is not looked into then')
    if poll.state and not (poll.done and poll.failed):
        raise ValueError("poll.done and poll.failed: expected the states that end a job")
    if twice := (set(poll.done) | set(poll.running)) & set(poll.failed) | set(poll.done) & set(poll.running):
        raise ValueError(f"poll: the state {sorted(twice)[0]!r} stands in two lists")
    if result.url and not submit.id:
        raise ValueError("result.url: an API that answers at once has none; its answer is, or has, the video")
    if result.holds == "body":
        if result.video:
            raise ValueError('result.video: holds = "body" has none: the answer is the video')
        if submit.id and not result.url:
            raise ValueError('result.url is missing: holds = "body" is the body of its answer')
    elif not result.video:
        raise ValueError(f"result.video is missing: where in the answer the {result.holds} is")
    if not re.fullmatch(r"[A-Za-z0-9-]*", submit.idempotency_header):
        raise ValueError("submit.idempotency_header: expected a header's name, such as Idempotency-Key")
    for code in submit.not_charged:
        if not 500 <= code <= 599:
            raise ValueError(f"submit.not_charged: expected codes from 500 to 599, got {code}")


def _names(where: str, body: Mapping[str, Any]) -> set[str]:
    try:
        return names_in(dict(body), NAMES)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _steps(description: Description) -> list[tuple[str, Any]]:
    return [(name, getattr(description, name)) for name in ("upload", "submit", "poll", "result")]


def _addresses(description: Description) -> list[tuple[str, str]]:
    return [(f"{name}.url", step.url) for name, step in _steps(description) if step.url]


def _fields(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
