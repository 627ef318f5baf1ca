"""Manifests to folders: what is here, what is not and why, and nothing fetched twice."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from i2vbench.datasets.check import check_folder
from i2vbench.datasets.download import bring
from i2vbench.datasets.download.download import Outcome
from i2vbench.datasets.download.manifest import read_manifest
from i2vbench.datasets.download.plan import plan
from i2vbench.datasets.folder import FolderDataset
from i2vbench.errors import UserError
from i2vbench.files import file_sha256
from i2vbench.video import probe
from tests.datasets.download.asking import PAGE, page
from tests.datasets.download.manifests import Manifest
from tests.datasets.download.videos import numbers, short_video
from tests.site import Request, cut, good, status
from tests.site import Site as Web


def test_clips_are_exactly_the_frames_that_were_asked_for(
    web: Web, film: bytes, clip: bytes, manifest: Manifest
) -> None:
    web.answers["/film.mp4"], web.answers["/clip.mp4"] = good(film), good(clip)
    manifest.add("late", f"{web.url}/film.mp4", "0:12.3", 14)
    manifest.add("all", f"{web.url}/clip.mp4", category="Food")
    manifest.add("early", f"{web.url}/film.mp4", 1.0, 2.5)
    manifest.add("between", f"{web.url}/film.mp4", 3.04, 3.36)  # no frame stands at either
    manifest.add("rest", f"{web.url}/clip.mp4", 1.5)
    outcome = manifest.get()
    assert (outcome.here, outcome.fetched, outcome.is_complete) == (5, 5, True)
    shown = {id_: numbers(manifest.out / row["file_name"]) for id_, row in manifest.table().items()}
    assert list(shown) == ["late", "all", "early", "between", "rest"]
    assert shown["late"] == list(range(123, 140))
    assert shown["early"] == list(range(10, 25))
    assert shown["between"] == [31, 32, 33]
    assert shown["rest"] == [15, 16, 17, 18, 19]
    assert (manifest.out / "clips/all.mp4").read_bytes() == clip
    assert check_folder(manifest.out) == []
    assert [sample.id for sample in FolderDataset(str(manifest.out)).samples()] == list(shown)
    # Its three sections lie near each other and came as one.
    assert len([range_ for range_ in web.ranges("/film.mp4") if range_ == ""]) == 1


def test_metadata_states_what_is_known(web: Web, film: bytes, manifest: Manifest) -> None:
    web.answers["/v"] = page(PAGE.format(title="=HYPERLINK(1)&lt;b&gt;\n\x1b[31m", src="/film.mp4", more=""))
    web.answers["/film.mp4"] = good(film)
    manifest.add("a", f"{web.url}/v", 5, 7)
    manifest.get()
    row = manifest.table()["a"]
    info = probe(manifest.out / "clips/a.mp4")
    assert (row["file_name"], row["source"], row["source_start"], row["source_end"]) == (
        *("clips/a.mp4", f"{web.url}/v", "5", "7"),
    )
    assert (row["width"], row["height"], row["frames"], row["fps"]) == ("128", "64", "20", f"{info.fps:.12g}")
    assert (info.width, info.height, info.num_frames) == (128, 64, 20)
    assert row["sha256"] == file_sha256(manifest.out / "clips/a.mp4")
    assert row["bytes"] == str((manifest.out / "clips/a.mp4").stat().st_size)
    assert row["title"].startswith("'=HYPERLINK")  # no formula
    assert row["title"].splitlines() == [row["title"]]
    assert "\x1b" not in row["title"]


def test_nothing_is_fetched_twice(web: Web, film: bytes, clip: bytes, manifest: Manifest) -> None:
    web.answers["/film.mp4"], web.answers["/clip.mp4"] = good(film), good(clip)
    manifest.add("a", f"{web.url}/film.mp4", 5, 7)
    manifest.add("b", f"{web.url}/clip.mp4")
    manifest.get()
    web.asked.clear()
    before = (manifest.out / "metadata.csv").read_bytes()
    assert manifest.get() == Outcome(2, 0, manifest.get().missing)
    assert web.asked == []
    assert (manifest.out / "metadata.csv").read_bytes() == before
    os.utime(manifest.out / "clips/a.mp4")  # touched, and the same
    assert manifest.get().fetched == 0
    (manifest.out / "clips/b.mp4").unlink()
    manifest.get()
    assert {path for path, _ in web.asked} == {"/clip.mp4"}
    web.asked.clear()
    (manifest.out / "clips/a.mp4").write_bytes(b"damaged")
    assert manifest.get().here == 2
    assert {path for path, _ in web.asked} == {"/film.mp4"}
    assert numbers(manifest.out / "clips/a.mp4") == list(range(50, 70))


def test_another_section_under_the_same_id_is_fetched(web: Web, film: bytes, manifest: Manifest) -> None:
    web.answers["/film.mp4"] = good(film)
    manifest.add("a", f"{web.url}/film.mp4", 5, 7)
    manifest.get()
    manifest.rows.clear()
    manifest.add("a", f"{web.url}/film.mp4", 8, 9)
    assert manifest.get().fetched == 1
    assert numbers(manifest.out / "clips/a.mp4") == list(range(80, 90))


def test_a_whole_clip_is_kept_as_it_came_under_its_true_suffix(
    web: Web, manifest: Manifest, tmp_path: Path, clip: bytes
) -> None:
    from tests.datasets.download.videos import long_video

    webm = long_video(tmp_path / "w.webm", "-c:v", "libvpx", num_frames=10)
    web.answers["/w.mp4"] = good(webm, kind="video/mp4")
    manifest.add("w", f"{web.url}/w.mp4")
    manifest.add("copy", f"{web.url}/w.mp4")
    assert manifest.get().is_complete
    assert [(manifest.out / f"clips/{name}.webm").read_bytes() == webm for name in ("w", "copy")] == [True, True]


def test_each_failure_has_its_kind_and_the_others_come(
    web: Web, film: bytes, clip: bytes, manifest: Manifest, tmp_path: Path
) -> None:
    web.answers |= {"/film.mp4": good(film), "/clip.mp4": good(clip)}
    web.answers["/down.mp4"], web.answers["/secret.mp4"] = status(503), status(401)
    web.answers["/page.mp4"] = good(b"<html>no</html>", kind="video/mp4")
    web.answers["/low.mp4"] = good(short_video(tmp_path / "low.mp4", height=48))
    broken = bytearray(clip)
    broken[3000:6000] = bytes(3000)
    web.answers["/broken.mp4"] = good(bytes(broken))
    web.answers["/cut.mp4"] = cut(clip, 1000)
    for name in ("gone", "down", "secret", "page", "low", "broken", "cut"):
        manifest.add(name, f"{web.url}/{name}.mp4")
    manifest.add("beyond", f"{web.url}/film.mp4", 29, 40)
    manifest.add("behind", f"{web.url}/clip.mp4", 50, 51)
    manifest.add("good", f"{web.url}/film.mp4", 29, 30)
    outcome = manifest.get(min_height=50, jobs=2)
    expected = {
        **{"gone": "gone", "down": "network", "secret": "private", "page": "unsupported", "low": "too_small"},
        **{"broken": "damaged", "cut": "network", "beyond": "short", "behind": "short"},
    }
    assert manifest.missing() == expected
    assert outcome.missing == {kind: list(expected.values()).count(kind) for kind in expected.values()}
    assert numbers(manifest.out / "clips/good.mp4") == list(range(290, 300))
    table = manifest.table()
    assert table["low"]["missing"] == "too_small: is 48 pixels high; expected 50"
    assert table["gone"]["source"] == f"{web.url}/gone.mp4"
    assert os.listdir(manifest.out / "clips") == ["good.mp4"]
    assert check_folder(manifest.out) == []


def test_what_failed_for_good_is_tried_only_when_asked(web: Web, clip: bytes, manifest: Manifest) -> None:
    web.answers["/down.mp4"] = status(503)
    manifest.add("gone", f"{web.url}/gone.mp4")
    manifest.add("down", f"{web.url}/down.mp4")
    manifest.get()
    web.asked.clear()
    web.answers["/gone.mp4"] = web.answers["/down.mp4"] = good(clip)
    assert manifest.get().here == 1
    assert {path for path, _ in web.asked} == {"/down.mp4"}
    assert manifest.missing() == {"gone": "gone"}
    assert manifest.get(retry_failed=True).is_complete


def test_several_come_at_a_time(web: Web, clip: bytes, manifest: Manifest) -> None:
    together = threading.Barrier(3, timeout=30)

    def answer(request: Request) -> None:
        if request.count == 1:
            together.wait()  # goes on only if three are under way
        good(clip)(request)

    for i in range(6):
        web.answers[f"/{i}.mp4"] = answer if i < 3 else good(clip)
        manifest.add(f"c{i}", f"{web.url}/{i}.mp4")
    assert manifest.get(jobs=3).here == 6
    assert not together.broken


def test_all_workers_keep_one_pace(web: Web, clip: bytes, manifest: Manifest) -> None:
    begun: list[float] = []

    def answer(request: Request) -> None:
        if request.count == 1:
            begun.append(time.monotonic())
        good(clip)(request)

    for i in range(4):
        web.answers[f"/{i}.mp4"] = answer
        manifest.add(f"c{i}", f"{web.url}/{i}.mp4")
    manifest.get(jobs=4, pause_seconds=(0.4, 0.5))
    assert max(begun) - min(begun) > 0.4  # four workers that start as one would ask within moments


def told(web: Web, name: str, seconds: int) -> str:
    """The address of a page that says how long its video is."""
    facts = {"@context": "https://schema.org", "@type": "VideoObject", "name": "a film", "duration": f"PT{seconds}S"}
    script = json.dumps(facts | {"contentUrl": f"{web.url}/{name}"})
    web.answers[f"/{name}.html"] = page(f'<html><script type="application/ld+json">{script}</script></html>')
    return f"{web.url}/{name}.html"


def test_a_clip_beyond_the_stated_end_is_not_fetched_and_its_neighbours_are(
    web: Web, film: bytes, manifest: Manifest
) -> None:
    web.answers["/film.mp4"] = good(film)
    address = told(web, "film.mp4", 30)
    manifest.add("beyond", address, 39, 40)
    assert manifest.get().missing == {"short": 1}
    assert web.ranges("/film.mp4") == [""]  # it was looked at
    assert manifest.table()["beyond"]["missing"] == "short: is 30 s long; expected 40 s"
    manifest.add("inside", address, 20, 21)
    assert manifest.get().here == 1
    assert numbers(manifest.out / "clips/inside.mp4") == list(range(200, 210))


# -- the folder ---------------------------------------------------------------------------------------------------


def test_folders_of_others_are_left_alone(web: Web, clip: bytes, manifest: Manifest) -> None:
    manifest.add("a", f"{web.url}/clip.mp4")
    manifest.out.mkdir()
    (manifest.out / "metadata.csv").write_text("mine")
    with pytest.raises(UserError, match="not of a download"):
        manifest.get()
    assert (manifest.out / "metadata.csv").read_text() == "mine"
    manifest.out = manifest.out / "metadata.csv"
    with pytest.raises(UserError, match="cannot be written"):
        manifest.get()


def test_one_process_at_a_time(web: Web, clip: bytes, manifest: Manifest) -> None:
    import filelock

    manifest.add("a", f"{web.url}/clip.mp4")
    manifest.out.mkdir()
    with filelock.FileLock(manifest.out / ".download.lock"), pytest.raises(UserError, match="another process"):
        manifest.get()


def test_a_full_disk_ends_the_run_in_a_sentence(
    web: Web, clip: bytes, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    web.answers["/clip.mp4"] = good(clip)
    manifest.add("a", f"{web.url}/clip.mp4")
    monkeypatch.setattr(bring, "make_clip", full)
    with pytest.raises(UserError, match="No space left"):
        manifest.get()
    assert manifest.missing() == {"a": "pending"}


# -- the plan -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ([(5, 7)], [(5, 7)]),
        ([(50, 52), (5, 7), (6, 20)], [(5, 52)]),
        ([(500, 520), (5, 7)], [(5, 7), (500, 520)]),
        ([(0, 9), (3, 4), (45, 46)], [(0, 9), (45, 46)]),
        ([(5, 7), (500, 520), (900, 901)], [None]),
        ([(5, 7), (500, None)], [None]),
        ([(5, 7), (None, None)], [None]),
        ([(None, 3)], [(0, 3)]),
    ],
)
def test_sections_of_a_video_share_downloads(
    tmp_path: Path, sections: list[tuple[object, object]], expected: list[object]
) -> None:
    manifest = Manifest(tmp_path)
    for i, (start, end) in enumerate(sections):
        manifest.add(f"c{i}", "https://x.org/v", "" if start is None else start, "" if end is None else end)
    entries = read_manifest(manifest.write())
    jobs = plan(entries, {entry.id for entry in entries})
    assert [job.section for job in jobs] == expected
    assert sorted(entry.id for job in jobs for entry in job.entries) == [f"c{i}" for i in range(len(sections))]
    assert len({job.name for job in jobs}) == len(jobs)
    (rest,) = plan(entries, {entries[0].id})
    assert [entry.id for entry in rest.entries] == ["c0"]
    assert rest.name in {job.name for job in jobs}
