"""How sites are talked to: the defaults are what yt-dlp's users set for YouTube today (docs/download.md)."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

JS_RUNTIMES = ("deno", "node")
"""What may run YouTube's JavaScript, the better first: Deno from 2, Node from 20; yt-dlp looks at the version."""


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """What a `Site` is asked to keep to.

    Attributes:
        min_height: Pixels; a video with less is not downloaded. A height that its site does not state passes here and
            is measured after the download.
        max_height: Pixels; the best format that is not higher is taken, and only if there is none, the next one above.
        retries: Of a download that is cut off.
        fragment_retries: Of one piece of a download that comes in pieces.
        first_wait_seconds: Before the first retry; doubled before each further one, up to a minute.
        socket_timeout_seconds: A server that sends nothing for so long is tried again.
        rate_limit: Bytes per second of each download, None for no limit. Sections are cut out of a video by ffmpeg,
            which keeps to none.
        request_pause_seconds: Between the requests that learn about a video.
        pause_seconds: Least and most time between the beginnings of two downloads, whatever the number of workers.
        blocked_pause_seconds: How long nobody asks a site that blocks, unless it says itself how long.
        cookies: A file in Netscape's format, as browsers' extensions write it; it is only read.
        cookies_from_browser: A browser's name, as "firefox".
        player_clients: YouTube's clients to pose as; empty leaves it to yt-dlp, which knows what works today.
        js_runtimes: Programs for YouTube's JavaScript, by name; None takes those of `JS_RUNTIMES` that are here.
        proxy: The address of a proxy.
        query_seconds: Wall-clock time that a search or a description may take.
        download_seconds: Wall-clock time that one download may take, retries and all.
    """

    min_height: int = 0
    max_height: int = 1080
    retries: int = 10
    fragment_retries: int = 10
    first_wait_seconds: float = 1.0
    socket_timeout_seconds: float = 30.0
    rate_limit: int | None = None
    request_pause_seconds: float = 0.75
    pause_seconds: tuple[float, float] = (10.0, 20.0)
    blocked_pause_seconds: float = 3600.0
    cookies: Path | None = None
    cookies_from_browser: str = ""
    player_clients: tuple[str, ...] = ()
    js_runtimes: tuple[str, ...] | None = None
    proxy: str = ""
    query_seconds: float = 300.0
    download_seconds: float = 3600.0

    @property
    def format_rule(self) -> str:
        """yt-dlp's words for: H.264 if there is, pictures alone if there are, no higher than `max_height`.

        "<=?" and "=?" let values pass that the site does not state.
        """
        low = f"[height>=?{self.min_height}]" if self.min_height else ""
        fits = f"[height<=?{self.max_height}]{low}"
        rules = [f"bv*{fits}[vcodec^=avc1]", f"bv*{fits}[dynamic_range=?SDR]", f"bv*{fits}", f"wv*{low}"]
        return "/".join(rules)

    @property
    def runtimes(self) -> tuple[str, ...]:
        """Those to use, by name."""
        if self.js_runtimes is not None:
            return self.js_runtimes
        return tuple(name for name in JS_RUNTIMES if shutil.which(name))
