"""Curation of videos that a site has, or has not, or says wrong things of."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from i2vbench.curation import command as curation
from i2vbench.datasets.download.manifest import read_manifest
from i2vbench.progress import Quiet
from tests.curation.footage import PLAN, drawn, write_clip
from tests.site import Site, good, serving, status

HOSTILE = "=HYPERLINK(1) <script>alert(1)</script> ../../x $(touch x) `id`"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving() as web:
        clip = write_clip(tmp_path_factory.mktemp("site") / "clip.mp4", drawn(0)).read_bytes()
        other = write_clip(tmp_path_factory.mktemp("site") / "other.mp4", drawn(1)).read_bytes()
        web.answers["/clip.mp4"] = good(clip)
        web.answers["/other.mp4"] = good(other)
        said = {"@context": "https://schema.org", "@type": "VideoObject", "name": HOSTILE, "author": HOSTILE}
        linked = json.dumps(said | {"contentUrl": f"{web.url}/other.mp4"}).replace("</", r"<\/")
        web.answers["/page"] = good(
            f'<html><script type="application/ld+json">{linked}</script></html>'.encode(), kind="text/html"
        )
        web.answers["/words"] = good(b"<html><title>Moved</title>Nothing here.</html>", kind="text/html")
        web.answers["/private.mp4"] = status(401)
        web.answers["/short.mp4"] = good(
            write_clip(tmp_path_factory.mktemp("site") / "s.mp4", drawn(2, 8)).read_bytes()
        )
        yield web


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, web: Site) -> Path:
    """The set of a list with a row for each kind of answer."""
    folder = tmp_path_factory.mktemp("sites")
    names = ("clip.mp4", "page", "gone.mp4", "words", "private.mp4", "short.mp4")
    rows = [f"{web.url}/{name},Scenery-Nature,CC BY" for name in names]
    rows.append(f"{web.url}/clip.mp4,Scenery-Nature,CC BY")
    (folder / "list.csv").write_text("\n".join(["source,category,licence", *rows]) + "\n", encoding="utf-8")
    (folder / "PLAN.toml").write_text(PLAN, encoding="utf-8")
    outcome = curation.run(folder / "PLAN.toml", folder / "out", Quiet(), device="cpu")
    assert not outcome.is_complete, "some could not be had"
    return folder


def rows(folder: Path, stage: str) -> list[dict[str, str]]:
    (path,) = (folder / "out" / "stages").glob(f"*-{stage}.csv")
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def reasons(folder: Path) -> dict[str, str]:
    """Why each address was left out, by its last part; "" where it was not."""
    found: dict[str, str] = {}
    for stage in ("metadata", "download", "shots"):
        for row in rows(folder, stage):
            found[row["source"].rsplit("/", 1)[-1]] = row["reason"].partition(":")[0]
    return found


def test_every_answer_has_its_kind(made: Path) -> None:
    assert reasons(made) == {
        "clip.mp4": "", "page": "", "gone.mp4": "gone", "words": "unsupported", "private.mp4": "private",
        "short.mp4": "too short",
    }  # fmt: skip
    assert [row["reason"] for row in rows(made, "list")][-1].startswith("again: ")
    sheet = (made / "out" / "DATASHEET.md").read_text(encoding="utf-8")
    assert "Videos that could not be had: 3." in sheet


def test_what_a_site_says_of_itself_stays_text(made: Path) -> None:
    """A title never becomes a name, a formula or markup."""
    with open(made / "out" / "metadata.csv", encoding="utf-8", newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if row["source"].endswith("/page")]
    assert row["title"] == f"'{HOSTILE}"
    assert row["licence"] == "CC BY"
    for page in (made / "out" / "contact").glob("*.html"):
        assert "<script>alert" not in page.read_text(encoding="utf-8")
    sheet = (made / "out" / "DATASHEET.md").read_text(encoding="utf-8")
    assert "<script>" not in sheet
    names = [path.name for path in (made / "out").rglob("*")]
    assert not [name for name in names if "HYPERLINK" in name or "script" in name]
    assert not (made / "x").exists()


def test_others_can_fetch_the_same_by_the_manifest(made: Path, web: Site) -> None:
    entries = read_manifest(made / "out" / "MANIFEST.csv")
    assert {entry.source for entry in entries} == {f"{web.url}/clip.mp4", f"{web.url}/page"}
    assert all(entry.start == 0 and entry.end == pytest.approx(3) for entry in entries)
    assert all(entry.prompt and entry.category == "Scenery-Nature" for entry in entries)


def test_what_is_gone_is_asked_for_again_only_on_demand(made: Path, web: Site) -> None:
    def asked(name: str) -> int:
        return sum(path == f"/{name}" for path, _ in web.asked)

    before = asked("gone.mp4"), asked("clip.mp4")
    curation.run(made / "PLAN.toml", made / "out", Quiet(), device="cpu")
    assert (asked("gone.mp4"), asked("clip.mp4")) == before
    curation.run(made / "PLAN.toml", made / "out", Quiet(), device="cpu", retry_failed=True)
    assert asked("gone.mp4") > before[0]
    assert asked("clip.mp4") == before[1], "what is here is not fetched again"
