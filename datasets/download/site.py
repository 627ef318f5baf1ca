"""Video sites, by yt-dlp's Python API in worker processes that can be ended.

A section comes as ffmpeg copies it from the key frame before it, under the clock of the whole video. So the file says
itself where it begins, exactly; where it does not hold the section (some containers are sought inexactly, some formats
cannot be cut) the whole file is brought instead.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from i2vbench.child import Child, Lost
from i2vbench.datasets.download.faults import SiteFault, fault_of, is_section_failure
from i2vbench.datasets.download.options import SiteOptions
from i2vbench.errors import UserError
from i2vbench.extras import need
from i2vbench.video import VideoError, probe
from i2vbench.video.clock import file_clock

MARGIN_SECONDS = 4.0
"""That a section is longer on both sides than what is needed of it."""

_WORKER = Path(__file__).with_name("worker.py")
_SEARCH = re.compile(r"https?://.+|ytsearch(date)?(\d+|all)?:.+", re.IGNORECASE)


class Stopped(Exception):
    """The site was closed amid a request; parts that came stay."""


@dataclass(frozen=True, slots=True)
class Found:
    """A video that a search or list names; text is as the site has it.

    Attributes:
        url: Of the video.
        id: What its site calls it.
        title: "" if not stated.
        author: "" if not stated.
        seconds: Its length, where stated.
    """

    url: str
    id: str
    title: str
    author: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Description:
    """What a site says of a video; text is as the site has it, "" if not stated.

    Attributes:
        url: Of its page.
        id: What its site calls it.
        title: Of the video.
        author: Who uploaded it, or the channel.
        licence: As "Creative Commons Attribution license (reuse allowed)".
        seconds: Its length; YouTube states whole seconds.
        height: Pixels of its best format, None if not stated.
        is_live: Whether it is being broadcast.
        age_limit: Years.
        availability: As "public", "unlisted", "needs_auth".
        hdr: Whether the format that would be taken is of high dynamic range.
    """

    url: str
    id: str
    title: str
    author: str
    licence: str
    seconds: float | None
    height: int | None
    is_live: bool
    age_limit: int
    availability: str
    hdr: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that came.

    Attributes:
        path: Where it is.
        begins: The second of the video at which the file's first shown frame is shown. Counted as players do, from the
            start of the earliest stream; so it may be more than 0 for a whole file whose sound begins first.
        whole: Whether it is the whole video.
        description: What the site says of it.
    """

    path: Path
    begins: float
    whole: bool
    description: Description


class Site:
    """Talks to video sites for several threads: each has a worker process of its own, which ends with it.

    Args:
        options: What to keep to.

    Raises:
        UserError: yt-dlp is not installed; the cookies file cannot be read.
    """

    def __init__(self, options: SiteOptions | None = None) -> None:
        self.options = options or SiteOptions()
        need("a download", "data", "yt_dlp")
        self._given = _given(self.options)
        self._thread = threading.local()
        self._workers: weakref.WeakSet[Child] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers, whatever they do; from any thread."""
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.end()

    def search(self, address: str, limit: int) -> list[Found]:
        """The videos that a search, list, channel or page names, in its order; none of them is looked at.

        Args:
            address: "ytsearch20:query", or the address of a playlist, a channel or a page with videos.
            limit: At most so many.

        Raises:
            SiteFault: The site does not answer, or there is nothing of the kind.
            ValueError: Another kind of address.
            Stopped: The site was closed.
        """
        if not _SEARCH.fullmatch(address):
            raise ValueError(f"{address!r}: expected ytsearchN:WORDS or an http(s) address")
        answer = self._ask({"do": "search", "address": address, "limit": limit}, self.options.query_seconds)
        return [Found(**entry) for entry in answer if _is_web(entry["url"])]

    def describe(self, url: str) -> Description:
        """What its site says of a video, without downloading it.

        Raises:
            SiteFault: It cannot be had, and why.
            Stopped: The site was closed.
        """
        return Description(**self._ask({"do": "describe", "address": _web(url)}, self.options.query_seconds))

    def fetch(self, url: str, target: Path, section: tuple[float, float | None] | None = None) -> Fetched:
        """Download a video, or at least a section of it.

        A part that is there from before is continued. Sound is not wanted and comes only where it cannot be left out.

        Args:
            url: The video's address.
            target: Files' names will begin with this; its folder must be there.
            section: (start, end) in seconds of the video; None is all. An end of None is the video's.

        Raises:
            SiteFault: It cannot be had, and why.
            Stopped: The site was closed.
            UserError: The disk is full or broken, a package is missing, the cookies cannot be read.
        """
        request = {"do": "fetch", "address": _web(url), "target": str(target), "needed": section, "section": None}
        if section and section[1] is not None and self._given["ffmpeg"]:
            cut = self._cut(request, target, section[0], section[1])
            if cut:
                return cut
        return _fetched(self._ask(request, self.options.download_seconds))

    def _cut(self, request: dict[str, Any], target: Path, start: float, end: float) -> Fetched | None:
        """The section, or the whole of what is known not to be cut well; None if cutting failed."""
        wide = [max(0.0, start - MARGIN_SECONDS), end + MARGIN_SECONDS]
        try:
            fetched = _fetched(self._ask(request | {"section": wide}, self.options.download_seconds))
            if fetched.whole or _holds(fetched, wide[0], start, end):
                return fetched
        except _SectionFailed:
            pass
        for file in target.parent.glob(f"{target.name}.part-of.*"):
            file.unlink()
        return None

    def _ask(self, request: dict[str, Any], seconds: float) -> Any:
        worker: Child | None = getattr(self._thread, "worker", None)
        if worker is None or not worker.usable():
            with self._lock:
                if self._closed:
                    raise Stopped
                worker = self._thread.worker = Child(_WORKER)
                self._workers.add(worker)
        try:
            with worker.asking(request | {"options": self._given}, seconds) as receive:
                answer = json.loads(receive())
        except Lost as error:
            if self._closed:
                raise Stopped from None
            late = f"did not end within {seconds:g} s and was ended"
            raise SiteFault("network", late if error.is_late else "yt-dlp's process ended amid it") from error
        if "error" not in answer:
            return answer["result"]
        if request.get("section") and is_section_failure(answer["error"]):
            raise _SectionFailed
        raise fault_of(answer["error"])


class _SectionFailed(Exception):
    """ffmpeg could not cut a section out."""


def _given(options: SiteOptions) -> dict[str, Any]:
    """What a worker is told."""
    ffmpeg = ""
    if importlib.util.find_spec("imageio_ffmpeg") is not None:
        import imageio_ffmpeg

        ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    given = dataclasses.asdict(options) | {"format_rule": options.format_rule, "runtimes": options.runtimes}
    return given | {"ffmpeg": ffmpeg, "cookies": _cookies(options.cookies)}


def _cookies(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cookies {path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    lines = [line.removeprefix("#HttpOnly_") for line in text.splitlines()]
    if any(line.strip() and not line.startswith("#") and line.count("\t") != 6 for line in lines):
        raise UserError(f"cookies {path}: expected Netscape's format: seven columns with tabs between, a line a cookie")
    return text


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _web(url: str) -> str:
    if not _is_web(url):
        raise ValueError(f"{url!r}: expected an http(s) address")
    return url


def _fetched(answer: dict[str, Any]) -> Fetched:
    path, whole = Path(answer["path"]), answer["whole"]
    try:
        clock = file_clock(path)
    except VideoError as error:
        if not whole:
            raise _SectionFailed from error
        fault = no_video(path, error)
        path.unlink()
        raise fault from error
    begins = clock.first_frame - clock.start if whole else clock.first_frame
    return Fetched(path, begins, whole, Description(**answer["description"]))


def no_video(path: Path, error: VideoError) -> SiteFault:
    """Why a file that came cannot be read: it is damaged, or a page of HTML or the like."""
    with open(path, "rb") as file:
        is_page = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return SiteFault("unsupported", "is a page, not a video") if is_page else SiteFault("damaged", error.reason)


def _holds(fetched: Fetched, asked: float, start: float, end: float) -> bool:
    """Whether a section's file has every frame from `start` to `end`."""
    try:
        info = probe(fetched.path)
    except VideoError:
        return False
    frame = 1 / info.fps
    begins_in_time = fetched.begins <= start or asked == 0
    return begins_in_time and fetched.begins + info.times[-1] + 1.5 * frame >= end
