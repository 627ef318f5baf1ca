"""FILE.toml: how an API is asked for a video, and what comes back.

What decides the videos (`Description.decides`) is recorded by a run. All the rest, how a job is polled and where in an
answer things stand included, may be mended while a run is under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.http.rules import check
from i2vbench.toml_fields import fill, read_toml, setting

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The key, of which a description knows only where it is."""

    env: str = setting("", 'the environment variable that holds it; "" is an API without a key')
    header: str = setting("Authorization", "the header it is sent in")
    format: str = setting("Bearer {key}", "what the header holds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """The first frame, sent ahead of the request; free, so it is repeated where it fails."""

    url: str = setting("", 'where to; "" is an API that takes the picture in the request')
    method: str = setting("POST", "", choices=("POST", "PUT"))
    form: str = setting("raw", "raw: the PNG is the body", choices=("raw", "json", "multipart"))
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Table = field(default_factory=dict)
    address: str = setting("url", "where in the answer the picture's address or id is, for {upload}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """The one request that costs money."""

    url: str = setting("", "where to")
    method: str = setting("POST", "", choices=("POST", "PUT"))
    form: str = setting("json", "how the body is written", choices=("json", "multipart"))
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Table = field(default_factory=dict)
    id: str = setting("", 'where in the answer the job\'s id is; "" where the answer is the video, or has it')
    reason: str = setting("", 'where in a refusal its reason is; "" quotes all of it')
    idempotency_header: str = setting("", "where the API answers one sent twice under one key here with the same job")
    idempotency_hours: float = setting(24.0, "that the API remembers such a key for", above=0)
    not_charged: tuple[int, ...] = setting((), "codes from 500 on of which the API states that they cost nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """How a job is asked how far it is; an API that answers at once has none."""

    url: str = setting("", "with {id}")
    headers: Mapping[str, str] = field(default_factory=dict)
    state: str = setting("", 'where in the answer the state is; "" where its code alone says it')
    done: tuple[str, ...] = setting((), "states of a job that has its video")
    failed: tuple[str, ...] = setting((), "states of a job that will have none")
    running: tuple[str, ...] = setting((), "the other states; empty takes any other for one")
    running_codes: tuple[int, ...] = setting((), "codes that say that it is still running, as 202")
    reason: str = setting("", "where in the answer the reason of a failure is")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Where the video is, once it is there."""

    url: str = setting("", 'with {id}: asked for it; "" where the last answer has it')
    headers: Mapping[str, str] = field(default_factory=dict)
    holds: str = setting("address", "what is there", choices=("address", "base64", "body"))
    video: str = setting("", "where in the answer the address or the base64 is")
    send_key: bool = setting(False, "send the key to the video's address even if that is another host")
    max_megabytes: float = setting(500.0, "of a video", above=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times and tries; none of them decides a video."""

    submit_seconds: float = setting(60.0, "for the answer to a request; minutes where that is the video", above=0)
    request_seconds: float = setting(30.0, "for an upload, or the answer to a poll", above=0)
    download_seconds: float = setting(600.0, "for a video", above=0)
    job_seconds: float = setting(3600.0, "that a job is waited for; the next run asks again", above=0)
    busy_seconds: float = setting(900.0, "that an API which says it is busy (429, 503) is waited for", low=0)
    first_poll_seconds: float = setting(5.0, "before the first poll; half as long again before each next", above=0)
    longest_poll_seconds: float = setting(20.0, "between two polls at most", above=0)
    first_wait_seconds: float = setting(2.0, "before what failed and costs nothing is tried again; doubled", above=0)
    longest_wait_seconds: float = setting(60.0, "between two tries at most", above=0)
    tries: int = setting(5, "of what costs nothing", low=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A whole description."""

    path: Path
    name: str = setting("", 'the column in the tables; "" takes the file\'s name')
    title: str = setting("", "one line that says what it is")
    paper: str = setting("", "citation or address")
    licence: str = setting("", "of what it returns, as its owners state it")
    height: int = setting(0, "pixels of its videos", low=1)
    width: int = setting(0, "pixels of its videos", low=1)
    num_frames: int = setting(0, "frames of its videos", low=1)
    fps: float = setting(0.0, "frames per second of its videos", above=0)
    seed: bool = setting(True, "whether it takes a seed")
    budget_clips: int = setting(-1, "requests that may be paid for", low=0)
    concurrency: int = setting(4, "requests on their way at once", low=1, high=32)
    allow_http: bool = setting(False, "plain http beyond this machine: anyone on the way can read the key")
    pay_again: tuple[str, ...] = setting((), "unknown, failed, lost: what is sent, and paid for, once more")
    key: Key = field(default_factory=Key)
    upload: Upload = field(default_factory=Upload)
    submit: Submit = field(default_factory=Submit)
    poll: Poll = field(default_factory=Poll)
    result: Result = field(default_factory=Result)
    limits: Limits = field(default_factory=Limits)

    @property
    def is_polled(self) -> bool:
        """Whether an answer is a job, not the video."""
        return bool(self.submit.id)

    def decides(self) -> dict[str, Any]:
        """What decides its videos beside their size and length, as JSON holds it; no secret is among it."""
        steps = [("submit", self.submit)] + ([("upload", self.upload)] if self.upload.url else [])
        parts = ("method", "url", "form", "headers", "body")
        return {"seed": self.seed} | {name: {part: getattr(step, part) for part in parts} for name, step in steps}


_REQUIRED = ("height", "width", "num_frames", "fps", "budget_clips", "submit")


def load_description(path: Path) -> Description:
    """The description that a TOML file holds.

    Raises:
        UserError: For a missing or malformed file, an unknown setting (with the nearest name), an impossible value, or
            settings that do not go together.
    """
    data = read_toml(path, "description", "`i2vbench adapter new NAME --from http` writes one to begin from")
    try:
        for name in _REQUIRED:
            if name not in data:
                text = "a table, [submit]" if name == "submit" else _text_of(name)
                raise ValueError(f"'{name}' is missing: {text}")
        description: Description = fill(Description, {**data, "name": data.get("name") or path.stem}, path=path)
        check(description)
    except ValueError as error:
        raise UserError(f"description {path}: {error}") from error
    return description


def _text_of(name: str) -> str:
    return str(next(f.metadata["text"] for f in fields(Description) if f.name == name))
