"""What a failure means: by type, by status, by YouTube's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from i2vbench.datasets.download.faults import PERMANENT, fault_of
from i2vbench.errors import UserError


def error(text: str = "ERROR: it failed", *types: str, **facts: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"types": list(types), "kind": None, "status": None, "retry_after": None, "errno": None}
    return base | {"text": text, "ffmpeg": ""} | facts


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Video unavailable. This video has been removed by the uploader", "gone"),
        ("Video unavailable", "gone"),
        ("This video is no longer available because the account associated with it has been terminated.", "gone"),
        ("Video unavailable. This video is no longer available due to a copyright claim by X", "gone"),
        ("This video has been removed for violating YouTube's Terms of Service", "gone"),
        ("This live stream recording is not available.", "gone"),
        ("Private video. Sign in if you've been granted access to this video", "private"),
        ("This video is available to this channel's members on level: Gold. Join this channel", "private"),
        ("This video requires payment to watch", "private"),
        ("Video unavailable. The uploader has not made this video available in your country", "region"),
        ("This video contains content from X, who has blocked it in your country on copyright grounds", "region"),
        ("Sign in to confirm your age. This video may be inappropriate for some users.", "age"),
        ("Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies", "blocked"),
        ("Video unavailable. This content isn't available, try again later. The current session has been", "blocked"),
        ("Please sign in. YouTube is requiring a captcha challenge before playback", "blocked"),
        ("All player responses are invalid. Your IP is likely being blocked by Youtube", "blocked"),
        ("This video is DRM protected", "unsupported"),
        ("Premieres in 3 hours", "unsupported"),
        ("Unable to download API page: The read operation timed out", "network"),
        ("[download] Got error: 12 bytes read, 30 more expected. Giving up after 10 retries", "network"),
        ("KeyError('streamingData')", "unsupported"),
    ],
)  # fmt: skip
def test_words(text: str, kind: str) -> None:
    fault = fault_of(error(f"ERROR: [youtube] dQw4w9WgXcQ: {text}", "DownloadError", "ExtractorError"))
    assert fault.kind == kind
    assert not fault.reason.startswith("ERROR")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((404, "gone"), (410, "gone"), (401, "private"), (451, "region"), (403, "blocked"), (429, "blocked")),
        *((500, "network"), (502, "network"), (503, "network"), (408, "network"), (400, "unsupported")),
    ],
)  # fmt: skip
def test_an_http_status_goes_before_words(status: int, kind: str) -> None:
    fault = fault_of(error("ERROR: Private video", "DownloadError", "HTTPError", status=status))
    assert fault.kind == kind
    assert f"answered {status}" in fault.reason


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("GeoRestrictedError", "region"),
        ("UnsupportedError", "unsupported"),
        ("TransportError", "network"),
        ("ContentTooShortError", "network"),
    ],
)
def test_types(name: str, kind: str) -> None:
    assert fault_of(error("ERROR: something nobody has heard of", "DownloadError", name)).kind == kind


def test_retry_after_is_seconds_or_a_date() -> None:
    assert fault_of(error(status=429, retry_after="17")).retry_after == 17
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert fault_of(error(status=429, retry_after=later)).retry_after == pytest.approx(100, abs=5)
    assert fault_of(error(status=429, retry_after="soon")).retry_after is None


def test_a_bare_403_may_be_of_one_video_and_other_blocks_are_of_all() -> None:
    assert not fault_of(error(status=403)).of_all
    assert fault_of(error(status=403, retry_after="5")).of_all
    assert fault_of(error(status=429)).of_all
    assert fault_of(error("Sign in to confirm you're not a bot")).of_all


def test_what_ffmpeg_was_answered_counts() -> None:
    said = "[https @ 0x5] HTTP error 403 Forbidden\nError opening input: Server returned 403 Forbidden"
    assert fault_of(error("ERROR: ffmpeg exited with code 8", ffmpeg=said)).kind == "blocked"


@pytest.mark.parametrize(
    "given",
    [
        error("No module named 'yt_dlp'", "ModuleNotFoundError", "ImportError"),
        error("failed to load cookies", "CookieLoadError"),
        error("ERROR: unable to write data: [Errno 28] No space left on device", "DownloadError"),
        error("[Errno 13] Permission denied", "PermissionError", "OSError", errno=13),
    ],
)
def test_what_the_user_can_mend_is_told_and_ends_the_run(given: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        fault_of(given)


def test_a_reason_is_one_line_of_bounded_length() -> None:
    fault = fault_of(error("ERROR: a\r\nb\x1b[31m\u2028c " + "x" * 9999, "HTTPError", status=404))
    assert len(fault.reason) <= 240
    assert fault.reason.splitlines() == [fault.reason]
    assert "\x1b" not in fault.reason


def test_permanent_kinds() -> None:
    assert {"network", "blocked", "damaged"}.isdisjoint(PERMANENT)
