"""`i2vbench data download`: bringing clips here, of a manifest or the released I2V-Bench."""

from __future__ import annotations

import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_folder, split
from i2vbench.cli.options import Quiet
from i2vbench.cli.output import plain, say
from i2vbench.errors import UserError
from i2vbench.texts import amount

if TYPE_CHECKING:
    from i2vbench.datasets.download.download import Outcome

RELEASED = "i2v-bench"
"""Stands for the set that the paper's authors released."""

_what = partial(options.own, options.WHAT)
_fetched = partial(options.own, "How it is fetched")
_sites = partial(options.own, "What sites want")


def download(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help=f"A MANIFEST.csv of clips on video sites, or {RELEASED}.")
    ],
    out: Annotated[
        Path | None, options.out("the folder of the data set. Default: beside the manifest, of its name.")
    ] = None,
    jobs: Annotated[int, _fetched("Downloads at a time; they share one pace.", "--jobs", min=1, max=64)] = 2,
    retry_failed: Annotated[bool, options.retry_failed(": what was gone, private, too small, ...")] = False,
    cookies: Annotated[
        Path | None, _sites("Cookies in Netscape's format, for what needs an account; it may be banned.", "--cookies")
    ] = None,
    cookies_from_browser: Annotated[
        str, _sites("Take them from firefox, chrome, ...", "--cookies-from-browser", metavar="NAME")
    ] = "",
    player_client: Annotated[
        list[str] | None, _sites("Of YouTube, where yt-dlp's own choice fails: mweb.", "--player-client")
    ] = None,
    min_height: Annotated[int, _what("Pixels; lower videos are not taken.", "--min-height", min=0)] = 0,
    max_height: Annotated[int, _what("Pixels; no better format than needed is taken.", "--max-height", min=1)] = 1080,
    pace: Annotated[
        float, _fetched("Least time between two downloads; up to twice it.", "--pace", min=0.0, metavar="SECONDS")
    ] = 10.0,
    rate_limit: Annotated[
        int | None,
        _fetched("Bytes per second of a download; not of sections, which ffmpeg brings.", "--rate-limit", min=1),
    ] = None,
    source: Annotated[
        Path | None,
        _what(f"Where it comes from: of {RELEASED}, a folder or archive that is here.", "--from", metavar="PATH"),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Bring the clips here that a manifest names, or the released set.

    Exit code 1 if some are not to be had. Every failure is recorded with its kind, and the work goes on. Stopped at any
    moment, the same command goes on where it was, and nothing is fetched twice.

    Example: i2vbench data download clips.csv --out clips --min-height 720
    """
    tell = _ignore if quiet else _tell
    if what == RELEASED:
        from i2vbench.datasets.i2v_bench.released import bring

        released = bring(source, out, tell)
        if released.unmatched or released.missing:
            raise typer.Exit(1)
        return
    if source is not None:
        raise UserError(f"--from goes with {RELEASED}; a manifest names its sources itself")
    if max_height < min_height:
        raise UserError(f"--max-height {max_height}: expected at least --min-height {min_height}")
    manifest = Path(what)
    if not manifest.is_file():
        raise UserError(f"{what}: no such file; expected a MANIFEST.csv or {RELEASED}")
    folder = out or manifest.with_suffix("")
    check_folder("--out", folder)

    from i2vbench.datasets.download.download import download_manifest
    from i2vbench.datasets.download.manifest import read_manifest
    from i2vbench.datasets.download.options import SiteOptions

    options = SiteOptions(
        min_height=min_height,
        max_height=max_height,
        rate_limit=rate_limit,
        pause_seconds=(pace, 2 * pace),
        cookies=cookies,
        cookies_from_browser=cookies_from_browser,
        player_clients=tuple(split(player_client)),
    )
    outcome = download_manifest(read_manifest(manifest), folder, options, jobs, retry_failed, tell)
    if not quiet:
        _print(outcome, folder)
    if not outcome.is_complete:
        raise typer.Exit(1)


def _print(outcome: Outcome, folder: Path) -> None:
    say(f"{amount(outcome.here, 'clip')} in {folder}, {outcome.fetched:,} of them new")
    for kind, count in outcome.missing.most_common():
        say(f"{count:>9,} not here: {kind}")


_printing = threading.Lock()


def _tell(line: str) -> None:
    """A line of plain characters, whatever a site calls its videos."""
    with _printing:
        print(plain(line), file=sys.stderr, flush=True)


def _ignore(line: str) -> None:
    pass
