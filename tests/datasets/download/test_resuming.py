"""Sites that block, and runs that were stopped: what is still owed comes, and nothing else is asked for."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from i2vbench.datasets.download import bring
from i2vbench.datasets.download.download import download_manifest
from i2vbench.datasets.download.manifest import read_manifest
from i2vbench.datasets.download.site import Stopped
from i2vbench.datasets.metadata import read_folder
from tests.datasets.download.asking import QUICK
from tests.datasets.download.manifests import Manifest
from tests.datasets.download.videos import numbers, short_video
from tests.site import Request, cut, good, status
from tests.site import Site as Web

# -- blocks -------------------------------------------------------------------------------------------------------


def test_a_block_pauses_everybody_and_then_all_come(web: Web, clip: bytes, manifest: Manifest) -> None:
    until = [0.0]
    early: list[str] = []

    def answer(request: Request) -> None:
        now = time.monotonic()
        if not until[0]:
            until[0] = now + 1.0
            request.head(429, Retry_After=1, Content_Length=0)
            return
        if now < until[0] - 0.1:
            early.append(request.handler.path)
        good(clip)(request)

    for i in range(3):
        web.answers[f"/{i}.mp4"] = answer
        manifest.add(f"c{i}", f"{web.url}/{i}.mp4")
    assert manifest.get(blocked_pause_seconds=999.0).is_complete
    assert early == []
    assert len([line for line in manifest.lines if "nothing is asked of it for 1 s" in line]) == 1


def test_a_site_that_blocks_for_ever_is_given_up(web: Web, manifest: Manifest) -> None:
    for i in range(9):
        web.answers[f"/{i}.mp4"] = status(429)
        manifest.add(f"c{i}", f"{web.url}/{i}.mp4")
    outcome = manifest.get(jobs=2)
    assert outcome.missing.keys() == {"blocked", "pending"}
    assert outcome.missing.total() == 9
    assert len([line for line in manifest.lines if "nothing is asked" in line]) == 3
    assert any("given up" in line or "nothing more is tried" in line for line in manifest.lines)


def test_a_403_of_one_video_pauses_nobody(web: Web, clip: bytes, manifest: Manifest) -> None:
    web.answers |= {"/no.mp4": status(403), "/a.mp4": good(clip), "/b.mp4": good(clip)}
    for name in ("a", "no", "b"):
        manifest.add(name, f"{web.url}/{name}.mp4")
    outcome = manifest.get(blocked_pause_seconds=999.0)
    assert outcome.missing == {"blocked": 1}
    assert not [line for line in manifest.lines if "nothing is asked" in line]
    assert web.ranges("/no.mp4").count("") == 2  # once more at the end


# -- resuming -----------------------------------------------------------------------------------------------------


def test_a_video_that_came_is_not_fetched_again_for_its_clips(
    web: Web, film: bytes, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.answers["/film.mp4"] = good(film)
    manifest.add("a", f"{web.url}/film.mp4", 5, 7)
    manifest.add("b", f"{web.url}/film.mp4", 8, 9)
    make, made = bring.make_clip, []

    def stopped(*args: Any) -> Any:
        if made:
            raise Stopped
        made.append(make(*args))
        return made[0]

    with monkeypatch.context() as patch:
        patch.setattr(bring, "make_clip", stopped)
        assert manifest.get().missing == {"pending": 1}
    web.asked.clear()
    assert manifest.get().is_complete
    assert web.asked == []
    assert numbers(manifest.out / "clips/b.mp4") == list(range(80, 90))
    assert not (manifest.out / ".download").exists()


def test_a_part_of_a_file_that_has_changed_is_thrown_away(
    web: Web, clip: bytes, manifest: Manifest, tmp_path: Path
) -> None:
    other = short_video(tmp_path / "other.mp4", num_frames=30, first=500)
    web.answers["/clip.mp4"] = cut(clip, len(clip) // 8)
    manifest.add("a", f"{web.url}/clip.mp4")
    assert manifest.get().missing == {"network": 1}
    assert list((manifest.out / ".download/videos").glob("*.part"))
    web.answers["/clip.mp4"] = good(other)
    assert manifest.get().is_complete
    assert (manifest.out / "clips/a.mp4").read_bytes() == other


def test_ctrl_c_writes_the_table_and_goes_on_up(web: Web, clip: bytes, film: bytes, manifest: Manifest) -> None:
    web.answers |= {"/clip.mp4": good(clip), "/film.mp4": cut(film, 5000, stall=True)}
    manifest.add("a", f"{web.url}/clip.mp4")
    manifest.add("b", f"{web.url}/film.mp4")
    entries = read_manifest(manifest.write())

    def tell(line: str) -> None:
        if "clips/a.mp4" in line:
            signal.raise_signal(signal.SIGINT)  # is heard by the main thread

    with pytest.raises(KeyboardInterrupt):
        download_manifest(entries, manifest.out, QUICK, 1, False, tell)
    assert manifest.missing() == {"b": "pending"}
    assert read_folder(manifest.out).rows[0].sample.id == "a"


def test_stopped_while_a_lost_clip_is_brought_again_the_table_says_that_it_is_not_here(
    web: Web, clip: bytes, manifest: Manifest
) -> None:
    web.answers["/clip.mp4"] = good(clip)
    manifest.add("a", f"{web.url}/clip.mp4")
    manifest.get()
    (manifest.out / "clips/a.mp4").unlink()

    def answer(request: Request) -> None:
        signal.raise_signal(signal.SIGINT)
        request.stall()

    web.answers["/clip.mp4"] = answer
    with pytest.raises(KeyboardInterrupt):
        manifest.get()
    assert manifest.missing() == {"a": "pending"}
