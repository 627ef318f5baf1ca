"""yt-dlp, in a process that can be ended: throttled downloads start over without end, and an ffmpeg may hang.

`site.py` is the calling side, by `i2vbench.child`, which says how requests and answers go. `python -P worker.py` is
the worker: it imports nothing of i2vbench. It takes the ffmpeg that it started with it when it ends.
"""

from __future__ import annotations

import io
import json
import os
import queue
import re
import signal
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

_LENGTH = struct.Struct("<Q")
_LONGEST_WAIT_SECONDS = 60.0
_PROTOCOLS = {"http", "https", "m3u8", "m3u8_native", "http_dash_segments", "http_dash_segments_generator"}
_CUT = {"mp4", "m4v", "mov", "webm", "mkv"}
"""Containers out of which ffmpeg copies sections under right times; out of AVI it does not (measured)."""

_DEPTH = 3
"""A channel holds tabs, and those hold videos."""

# The clock of a section stays that of the video it is cut from: without the first two, a WebM or Matroska file begins
# at 0 with a key frame that lies anywhere before the section (measured: .67 s off), and nothing tells where.
_CLOCK = ("-copyts", "-start_at_zero")
_ONLY_WEB = ("-protocol_whitelist", "http,https,httpproxy,tcp,tls,crypto,data")


class Refused(Exception):
    """What this module itself finds wrong with a video."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class Silent:
    """A logger: what yt-dlp says goes nowhere, for what fails is raised."""

    def debug(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        pass

    def error(self, text: str) -> None:
        pass


def search(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Videos that a search, list, channel or page names, without a look at each."""
    limit: int = request["limit"]
    found: list[dict[str, Any]] = []
    with _ydl(request, noplaylist=False, extract_flat="in_playlist", playlist_items=f"1:{limit}") as ydl:

        def collect(address: str, depth: int) -> None:
            info = ydl.extract_info(address, download=False)
            entries = info.get("entries") if info.get("_type") in ("playlist", "multi_video") else [info]
            for entry in _flat(entries):
                if len(found) >= limit:
                    return
                if str(entry.get("ie_key") or "").endswith(("Tab", "Playlist")) and depth < _DEPTH:
                    collect(entry["url"], depth + 1)
                else:
                    found.append(_found(entry, info))

        collect(request["address"], 0)
    return found[:limit]


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """What a site says of a video."""
    with _ydl(request) as ydl:
        return _description(_look(ydl, request, strict=False))


def fetch(request: dict[str, Any]) -> dict[str, Any]:
    """Download a video, or the section [a, b] of it in seconds, into a file whose name begins with `target`."""
    target, section = Path(request["target"]), request["section"]
    with _ydl(request, restrictfilenames=True) as ydl:
        info = _look(ydl, request, strict=True)
        description = _description(info)
        _check_length(description, request["needed"])
        section = section if info.get("ext") in _CUT else None
        name = f"{target}.{'part-of' if section else 'whole'}"
        # The format is part of the name: a part of one format is no beginning of another.
        ydl.params["outtmpl"]["default"] = name.replace("%", "%%") + ".%(format_id).24s"
        if section:
            span = {"start_time": section[0], "end_time": section[1]}
            ydl.params["download_ranges"] = lambda info, ydl: [span]
            ydl.params["external_downloader_args"] = _ffmpeg_arguments(request["options"])
            for old in target.parent.glob(f"{Path(name).name}.*"):  # ffmpeg begins anew
                old.unlink()
        done = ydl.process_ie_result(ydl.sanitize_info(info, remove_private_keys=True), download=True)
    paths = [Path(part["filepath"]) for part in (done or {}).get("requested_downloads") or [] if part.get("filepath")]
    if len(paths) != 1 or not paths[0].is_file() or paths[0].parent != target.parent:
        raise Refused("network", "yt-dlp ended without an error and without a file")
    return {"path": str(paths[0]), "description": description, "whole": section is None}


def _ffmpeg_arguments(options: dict[str, Any]) -> dict[str, list[str]]:
    timeout = str(round(options["socket_timeout_seconds"] * 1e6))
    return {
        "ffmpeg_i": [
            *("-loglevel", "error", *_CLOCK, *_ONLY_WEB),
            *("-rw_timeout", timeout, "-reconnect", "1", "-reconnect_delay_max", "8"),
        ],
        "ffmpeg_o": ["-an", "-sn", "-dn", "-f", "mp4"],
    }


def _look(ydl: Any, request: dict[str, Any], strict: bool) -> dict[str, Any]:
    """What a site says of a video, formats and all, with the format chosen."""
    ydl.format_selector = _selector(ydl, request["options"], strict)
    info: dict[str, Any] = ydl.extract_info(request["address"], download=False)
    if info.get("_type", "video") != "video":
        raise Refused("unsupported", "names several videos; expected the address of one")
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
        raise Refused("unsupported", "is live or has not begun")
    return info


def _selector(ydl: Any, options: dict[str, Any], strict: bool) -> Callable[[dict[str, Any]], Iterator[dict[str, Any]]]:
    by_rule = ydl.build_format_selector(options["format_rule"])

    def choose(ctx: dict[str, Any]) -> Iterator[dict[str, Any]]:
        given = [f for f in ctx["formats"] if f.get("vcodec") != "none"]
        formats = [f for f in given if f.get("protocol") in _PROTOCOLS and re.match("https?://", f["url"], re.I)]
        if not formats:
            why = "comes by a protocol that is not taken" if given else "has no picture"
            raise Refused("unsupported", why)
        chosen = list(by_rule({**ctx, "formats": formats}))
        if not chosen and strict:
            best = max(f.get("height") or 0 for f in formats)
            raise Refused("too_small", f"its best picture is {best} pixels high; expected {options['min_height']}")
        yield from chosen or formats[-1:]

    return choose


def _check_length(description: dict[str, Any], needed: list[float | None] | None) -> None:
    seconds = description["seconds"]
    if seconds is None or needed is None:
        return
    last = needed[0] if needed[1] is None else needed[1]
    if last is not None and last > seconds + 1.5:  # sites state whole seconds
        raise Refused("short", f"is {seconds:g} s long; expected {last:g} s")


def _description(info: dict[str, Any]) -> dict[str, Any]:
    formats = [f for f in info.get("formats") or [info] if f.get("vcodec") != "none"]
    return {
        "url": info.get("webpage_url") or info.get("original_url") or "",
        "id": str(info.get("id") or ""),
        "title": str(info.get("title") or ""),
        "author": str(info.get("uploader") or info.get("channel") or info.get("creator") or ""),
        "licence": str(info.get("license") or ""),
        "seconds": info.get("duration"),
        "height": max((f["height"] for f in formats if f.get("height")), default=None),
        "is_live": bool(info.get("is_live")),
        "age_limit": int(info.get("age_limit") or 0),
        "availability": str(info.get("availability") or ""),
        "hdr": info.get("dynamic_range") not in (None, "SDR"),
    }


def _flat(entries: Any) -> Iterator[dict[str, Any]]:
    for entry in entries or ():
        if entry and entry.get("_type") in ("playlist", "multi_video"):
            yield from _flat(entry.get("entries"))
        elif entry:
            yield entry


def _found(entry: dict[str, Any], page: dict[str, Any]) -> dict[str, Any]:
    formats = entry.get("formats") or []
    # A page with several videos gives each of them the address of the page.
    own = formats[-1]["url"] if formats and page is not entry else ""
    author = entry.get("uploader") or entry.get("channel") or page.get("uploader") or page.get("channel") or ""
    return {
        "url": own or entry.get("webpage_url") or entry.get("url") or "",
        "id": str(entry.get("id") or ""),
        "title": str(entry.get("title") or ""),
        "author": str(author),
        "seconds": entry.get("duration"),
    }


def _ydl(request: dict[str, Any], **more: Any) -> Any:
    from yt_dlp import YoutubeDL
    from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor

    options = request["options"]
    ffmpeg = options["ffmpeg"]
    if ffmpeg:
        # As yt-dlp's own command does: whether sections can be cut is asked of this one, not of "ffmpeg_location".
        FFmpegPostProcessor._ffmpeg_location.set(ffmpeg)
    first: float = options["first_wait_seconds"]

    def wait(n: int) -> float:
        return float(min(first * 2 ** min(n, 10), _LONGEST_WAIT_SECONDS))

    params: dict[str, Any] = {
        **{"quiet": True, "no_warnings": True, "noprogress": True, "logger": Silent()},
        **{"color": {"stdout": "no_color", "stderr": "no_color"}, "noplaylist": True, "ignoreerrors": False},
        **{"continuedl": True, "updatetime": False, "fixup": "never", "skip_unavailable_fragments": False},
        "retries": options["retries"],
        "fragment_retries": options["fragment_retries"],
        "extractor_retries": min(3, options["retries"]),
        "retry_sleep_functions": dict.fromkeys(("http", "fragment", "file_access", "extractor"), wait),
        "socket_timeout": options["socket_timeout_seconds"],
        "ratelimit": options["rate_limit"],
        "sleep_interval_requests": options["request_pause_seconds"],
        "js_runtimes": {name: {} for name in options["runtimes"]},
        "ffmpeg_location": ffmpeg,
        "proxy": options["proxy"] or None,
    }
    if options["cookies"]:  # as text: yt-dlp would write a file back, and there are several workers
        params["cookiefile"] = io.StringIO(options["cookies"])
    if options["cookies_from_browser"]:
        params["cookiesfrombrowser"] = (options["cookies_from_browser"],)
    if options["player_clients"]:
        params["extractor_args"] = {"youtube": {"player_client": options["player_clients"]}}
    return YoutubeDL(params | more)


def _error(error: Exception, stderr: IO[bytes]) -> dict[str, Any]:
    """What is known of a failure, for the caller to judge."""
    chain = list(_chain(error))
    http = next((e for e in chain if isinstance(getattr(e, "status", None), int)), None)
    headers = getattr(getattr(http, "response", None), "headers", None)
    stderr.seek(0)
    return {
        "types": [base.__name__ for e in chain for base in type(e).__mro__],
        "kind": next((e.kind for e in chain if isinstance(e, Refused)), None),
        "status": getattr(http, "status", None),
        "retry_after": headers.get("Retry-After") if headers else None,
        "errno": next((e.errno for e in chain if isinstance(e, OSError) and e.errno), None),
        "text": str(error),
        "ffmpeg": stderr.read()[-2000:].decode(errors="replace"),
    }


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those behind it; what merely happened before is left out."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        behind = (getattr(error, "exc_info", None) or (None, None))[1]
        raised_for = error.__context__ if type(error).__name__ == "DownloadError" else None
        causes = (raised_for, behind, getattr(error, "cause", None), error.__cause__)
        error = next((e for e in causes if isinstance(e, BaseException) and id(e) not in seen), None)


def _receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next request; None after the last."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    message = stream.read(length)
    return json.loads(message) if len(message) == length else None


def _end() -> None:
    """End this process and those that it started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():  # a group of its own
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def _listen(stream: IO[bytes], requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    while (request := _receive(stream)) is not None:
        requests.put(request)
    _end()


def main() -> None:
    """Answer requests until the caller is gone."""
    given, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)  # what a library prints must not come between the answers
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - to the end of the process
    os.dup2(stderr.fileno(), 2)  # what ffmpeg says of a failure
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(given, requests), daemon=True).start()
    does = {"search": search, "describe": describe, "fetch": fetch}
    while True:
        request = requests.get()
        stderr.seek(0)
        stderr.truncate()
        try:
            answer: dict[str, Any] = {"result": does[request["do"]](request)}
        except Exception as error:  # noqa: BLE001 - extractors raise anything; the caller says what it means
            answer = {"error": _error(error, stderr)}
        message = json.dumps(answer).encode()
        answers.write(_LENGTH.pack(len(message)) + message)
        answers.flush()


if __name__ == "__main__":
    main()
