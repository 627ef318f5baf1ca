"""Asking a site, and holding what came to the truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2vbench.datasets.download.faults import SiteFault
from i2vbench.datasets.download.options import SiteOptions
from i2vbench.datasets.download.site import Fetched, Site
from i2vbench.video import probe
from tests.datasets.download.videos import FPS, numbers
from tests.site import Answer, good

QUICK = SiteOptions(
    retries=3,
    fragment_retries=1,
    first_wait_seconds=0.0,
    socket_timeout_seconds=1.0,
    request_pause_seconds=0.0,
    pause_seconds=(0.0, 0.0),
    blocked_pause_seconds=0.0,
    download_seconds=60.0,
)
"""No pauses: the server of a test needs none."""

PAGE = '<html><head><title>{title}</title></head><body><video src="{src}"></video>{more}</body></html>'


def page(text: str) -> Answer:
    return good(text.encode(), kind="text/html")


def refused(site: Site, url: str, target: Path, section: tuple[float, float] | None = None) -> SiteFault:
    with pytest.raises(SiteFault) as caught:
        site.fetch(url, target, section)
    assert not [path for path in target.parent.glob(f"{target.name}*") if not path.name.endswith(".part")]
    return caught.value


def truth(fetched: Fetched, late: float = 0.0) -> None:
    """Every frame is where the file says that it is in the video, whose first picture is so many seconds late."""
    places = [(fetched.begins - late + t) * FPS for t in probe(fetched.path).times]
    assert [round(place) for place in places] == numbers(fetched.path)
    assert all(abs(place - round(place)) < 0.02 for place in places)
