"""Why a video cannot be had: what failed in the worker, judged by its type, its HTTP status, and then by its words.

The words are those of yt-dlp 2026.10's YouTube extractor and of YouTube's own answers that it passes on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal, get_args

from i2vbench.errors import UserError
from i2vbench.extras import installing
from i2vbench.files import is_disk_error
from i2vbench.texts import one_line

Kind = Literal["gone", "private", "region", "age", "blocked", "network", "too_small", "unsupported", "damaged", "short"]
KINDS: tuple[str, ...] = get_args(Kind)

PERMANENT = frozenset({"gone", "private", "region", "age", "too_small", "unsupported", "short"})
"""Kinds that another try tomorrow does not mend."""

_STATUS: dict[int, Kind] = {
    **{401: "private", 402: "private", 403: "blocked", 404: "gone", 407: "network", 408: "network", 410: "gone"},
    **{425: "network", 429: "blocked", 451: "region"},
}
_NETWORK_TYPES = frozenset(
    "TransportError ContentTooShortError ThrottledDownload ConnectionError TimeoutError HTTPException".split()
)
# Looked for in this order: "sign in" stands in three of them, and "video unavailable" begins half of the others.
_WORDS: tuple[tuple[Kind, str], ...] = (
    (
        "blocked",
        "not a bot|try again later|rate-limit|captcha|unusual traffic|too many requests|being blocked by youtube"
        "|content isn't available|anti-bot challenge",
    ),
    ("age", "confirm your age|age-restrict|age restrict|age_verification|age_check|inappropriate for some users"),
    (
        "region",
        "in your country|in your region|your location|geo.?restrict|blocked it in your country|from your country",
    ),
    (
        "private",
        "private video|video is private|is private|members-only|members only|channel's members|join this channel"
        "|registered users|log ?in required|sign in|requires payment|rental|music premium|premium members",
    ),
    (
        "gone",
        "removed by|has been removed|no longer available|has been terminated|does not exist|doesn't exist|deleted"
        "|copyright|video unavailable|is unavailable|is not available|isn't available|no longer exists|violat",
    ),
    ("too_small", "requested format is not available"),
    (
        "unsupported",
        "drm|unsupported url|no suitable extractor|is not a valid url|no video formats|only images|premieres",
    ),
    (
        "network",
        "timed out|timeout|giving up after|connection|name resolution|bytes read|did not get any data"
        "|unable to download|content too short|eof occurred|ssl|temporary failure|unreachable",
    ),
)
_PATTERNS = tuple((kind, re.compile(words)) for kind, words in _WORDS)
_AT_THE_DOOR = re.compile(r"^(ERROR: )?(\[[\w:+ -]+\] )?")
_HTTP_OF_FFMPEG = re.compile(r"HTTP error (\d{3})|Server returned (\d{3})")
_LONGEST_REASON = 240


class SiteFault(Exception):
    """A video that cannot be had; str() is "KIND: reason".

    Attributes:
        kind: One of `KINDS`.
        reason: One line, from the site or from here; never markup, but to be escaped where it is shown.
        retry_after: Seconds after which the site wants to be asked again, where it says so.
        of_all: Of "blocked": whether it is this machine that is blocked, not perhaps this one video.
    """

    def __init__(self, kind: Kind, reason: str, retry_after: float | None = None, *, of_all: bool = False) -> None:
        self.kind: Kind = kind
        self.reason = one_line(reason)[:_LONGEST_REASON]
        self.retry_after = retry_after
        self.of_all = of_all
        super().__init__(f"{kind}: {self.reason}")


def fault_of(error: Mapping[str, Any]) -> SiteFault:
    """What a worker's error means.

    Raises:
        UserError: It is the user's to mend: a package, the cookies, the disk.
    """
    types, text = set(error["types"]), _plain(error["text"])
    _check_own(types, error["errno"], text)
    if error["kind"]:
        return SiteFault(error["kind"], text)
    by_type = _by_type(types)
    status = error["status"] if error["status"] is not None else ffmpeg_status(error["ffmpeg"])
    if by_type:
        return SiteFault(by_type, text)
    if status is not None:
        return _of_status(status, text, _seconds(error["retry_after"]))
    kind = _by_words(text)
    if kind is None and types & _NETWORK_TYPES:
        kind = "network"
    # Whatever else an extractor raises: a site that this yt-dlp cannot read.
    return SiteFault(kind or "unsupported", text, of_all=kind == "blocked")


def is_section_failure(error: Mapping[str, Any]) -> bool:
    """Whether ffmpeg, not the site, was at fault, so that the whole file may still be had."""
    text = error["text"]
    cut = "exited with code" in text or "cannot be partially downloaded" in text
    return cut and ffmpeg_status(error["ffmpeg"]) is None


def ffmpeg_status(said: str) -> int | None:
    """The HTTP status that ffmpeg complained of."""
    found = _HTTP_OF_FFMPEG.search(said)
    return int(found[1] or found[2]) if found else None


def _check_own(types: set[str], errno: int | None, text: str) -> None:
    if "ModuleNotFoundError" in types:
        raise UserError(f"a download needs a package that is not installed ({text}): {installing('data')}")
    if "CookieLoadError" in types:
        raise UserError(f"the cookies cannot be read: {text}")
    on_disk = errno is not None and not types & {"RequestError", "TransportError"} and is_disk_error(OSError(errno, ""))
    if on_disk or "unable to write data" in text or "unable to open for writing" in text:
        raise UserError(f"a download cannot be written: {text}")


def _by_type(types: Collection[str]) -> Kind | None:
    if "GeoRestrictedError" in types:
        return "region"
    if "UnsupportedError" in types or "UserNotLive" in types:
        return "unsupported"
    return None


def _of_status(status: int, text: str, retry_after: float | None) -> SiteFault:
    kind = _STATUS.get(status, "network" if status >= 500 else "unsupported")
    of_all = status == 429 or retry_after is not None
    return SiteFault(kind, f"answered {status}: {text}", retry_after, of_all=kind == "blocked" and of_all)


def _by_words(text: str) -> Kind | None:
    low = text.lower().replace("’", "'")
    return next((kind for kind, pattern in _PATTERNS if pattern.search(low)), None)


def _plain(text: str) -> str:
    """Without yt-dlp's own prefixes and advice on reporting bugs."""
    text = _AT_THE_DOOR.sub("", one_line(text))
    return text.partition("; please report this issue")[0].partition(" See https://github.com/yt-dlp")[0]


def _seconds(text: str | None) -> float | None:
    """A Retry-After header: seconds, or a date."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
