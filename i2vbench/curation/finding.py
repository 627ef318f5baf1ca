"""The stages that find videos and bring them here: search, list, metadata, download."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from i2vbench.curation.candidates import SAID, read_candidates
from i2vbench.curation.stage import FAULT, Item, MeasuringStage, Stage, damaged, fault, in_threads
from i2vbench.curation.store import Measured
from i2vbench.datasets.download.faults import PERMANENT, SiteFault
from i2vbench.datasets.download.options import SiteOptions
from i2vbench.datasets.download.pace import Pace
from i2vbench.datasets.download.site import Fetched, Site
from i2vbench.files import file_sha256
from i2vbench.video import VideoError, probe

R = TypeVar("R")

_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


class SiteStage(MeasuringStage):
    """A stage that talks to sites."""

    packages = ("yt_dlp",)

    def stale(self, item: Item) -> bool:
        """What may go better at another time is tried again by every run, all else on demand."""
        reason = str(item.facts[self.name].get(FAULT, ""))
        return bool(reason) and (self.place.retry_failed or reason.partition(":")[0] not in PERMANENT)

    @contextmanager
    def asking(self) -> Iterator[Callable[[Callable[[Site], R]], R]]:
        """What puts a question to sites, at one pace for all threads; a block is waited for, and asked again.

        It raises SiteFault, as `Site` does.
        """
        plan, stop = self.plan.download, Event()
        options = SiteOptions(
            min_height=self.plan.metadata.min_height,
            max_height=plan.max_height,
            pause_seconds=(plan.pause_seconds, 1.5 * plan.pause_seconds),
            download_seconds=plan.most_seconds,
            cookies=self.plan.path.parent / plan.cookies if plan.cookies else None,
        )
        pace = Pace(options, stop, self.place.tell)
        with Site(options) as site:

            def ask(question: Callable[[Site], R]) -> R:
                for last in (False, True):
                    if not pace.wait():
                        break
                    try:
                        answer = question(site)
                    except SiteFault as error:
                        if error.kind != "blocked" or last:
                            raise
                        pace.blocked(error)
                    else:
                        pace.worked()
                        return answer
                raise SiteFault("blocked", "not tried: its site has blocked others in this run")

            try:
                yield ask
            finally:
                stop.set()


class Search(SiteStage):
    """What queries, channels and playlists lead to; what a site answers is kept, as it changes from day to day."""

    name = "search"
    noun = "queries"

    def settings(self) -> Mapping[str, Any]:
        return {"per_query": self.plan.sources.per_query}

    def items(self, before: Sequence[Item]) -> list[Item]:
        number = self.plan.sources.per_query
        addresses = [
            *((c, f"ytsearch{number}:{words}") for c, some in self.plan.sources.queries.items() for words in some),
            *((c, address) for c, some in self.plan.sources.pages.items() for address in some),
        ]
        return [Item(id=safe_id(f"{category} {address}"), source=address, category=category)
                for category, address in dict.fromkeys(addresses)]  # fmt: skip

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        with self.asking() as ask:

            def search(item: Item) -> Measured:
                try:
                    found = ask(lambda site: site.search(item.source, self.plan.sources.per_query))
                except SiteFault as error:
                    return fault(str(error))
                return Measured({"found": [{"source": f.url, "title": f.title, "author": f.author} for f in found]})

            yield from in_threads(search, todo, self.plan.download.jobs)

    def reason(self, item: Item) -> str:
        return "" if item.facts[self.name]["found"] else "nothing: it leads to no video"


class Listing(Stage):
    """Every video once: those of the plan's list, then those that searches found."""

    name = "list"

    def items(self, before: Sequence[Item]) -> list[Item]:
        sources = self.plan.sources
        listed = read_candidates(self.plan.path.parent / sources.list, self.plan.categories) if sources.list else []
        found = [
            Item(id="", source=video["source"], category=query.category,
                 said={name: video[name] for name in ("title", "author") if video[name]})
            for query in before for video in query.facts["search"]["found"]
        ]  # fmt: skip
        items = [*listed, *found]
        for number, item in enumerate(items):
            item.id = item.video = video_id(item.source, item.start, item.end)
            item.facts[self.name] = {"number": number}
        # One that is there again is an item of its own here, so that its row says so.
        seen: dict[str, int] = {}
        for item in items:
            seen[item.id] = seen.get(item.id, 0) + 1
            if seen[item.id] > 1:
                item.facts[self.name] = {"again": item.id}
                item.id = f"{item.id}-again-{seen[item.id]}"
        return items

    def reason(self, item: Item) -> str:
        again = item.facts[self.name].get("again")
        return f"again: {again} is the same video" if again else ""


class Metadata(SiteStage):
    """What is said of a video before it is downloaded."""

    name = "metadata"
    noun = "videos"

    def looks_at(self, item: Item) -> str:
        return f"{item.source} {_stamp(item)}"

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        with self.asking() as ask:

            def describe(item: Item) -> Measured:
                if item.path:
                    return _describe_file(item.path)
                try:
                    found = ask(lambda site: site.describe(item.source))
                except SiteFault as error:
                    return fault(str(error))
                return Measured({
                    "height": found.height, "seconds": found.seconds, "licence": found.licence, "title": found.title,
                    "author": found.author, "age_limit": found.age_limit, "live": found.is_live, "hdr": found.hdr,
                })  # fmt: skip

            yield from in_threads(describe, todo, self.plan.download.jobs)

    def judge(self, items: Sequence[Item]) -> list[str]:
        """As `MeasuringStage.judge`; what the site says of an item goes with it, but where its list has said it."""
        for item in items:
            facts = item.facts[self.name]
            item.said = {name: str(facts[name]) for name in SAID if facts.get(name)} | item.said
        return super().judge(items)

    def reason(self, item: Item) -> str:
        wanted, facts = self.plan.metadata, item.facts[self.name]
        height, seconds, age = facts.get("height"), facts.get("seconds"), facts.get("age_limit") or 0
        licence = item.said.get("licence", "")
        if facts.get("live"):
            return "live: it is being broadcast"
        if facts.get("hdr"):
            return "hdr: its best format has a high dynamic range"
        if height is not None and height < wanted.min_height:
            return f"too small: {height} pixels high, {wanted.min_height} are wanted"
        if seconds is not None and seconds < wanted.min_seconds:
            return f"too short: {seconds:g} s, {wanted.min_seconds:g} are wanted"
        if seconds is not None and seconds > wanted.max_seconds:
            return f"too long: {seconds:g} s, at most {wanted.max_seconds:g} are wanted"
        if age > wanted.max_age:
            return f"age: its limit is {age}"
        if wanted.licences and not any(words.casefold() in licence.casefold() for words in wanted.licences):
            return f"licence: {licence or 'none is stated'}"
        return ""


class Download(SiteStage):
    """The video, or the section that its list names, as a file here; files of the user stay where they are."""

    name = "download"
    noun = "videos"

    def settings(self) -> Mapping[str, Any]:
        return {"min_height": self.plan.metadata.min_height, "max_height": self.plan.download.max_height}

    def looks_at(self, item: Item) -> str:
        return f"{item.source} {item.start} {item.end} {_stamp(item)}"

    def stale(self, item: Item) -> bool:
        facts = item.facts[self.name]
        gone = FAULT not in facts and not self.path(item).is_file()
        return gone or super().stale(item)

    def path(self, item: Item) -> Path:
        """Where the file of an item that was measured lies."""
        return video_path(self.place.videos, item)

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        with self.asking() as ask:

            def fetch(item: Item) -> Measured:
                try:
                    return self._look(item, None if item.path else ask(lambda site: self._fetch(site, item)))
                except SiteFault as error:
                    return fault(str(error))
                except VideoError as error:
                    return damaged(error)

            yield from in_threads(fetch, todo, self.plan.download.jobs)

    def _fetch(self, site: Site, item: Item) -> Fetched:
        section = (item.start, item.end) if item.end is not None else None
        self.place.videos.mkdir(parents=True, exist_ok=True)
        return site.fetch(item.source, self.place.videos / item.id, section)

    def _look(self, item: Item, fetched: Fetched | None) -> Measured:
        path, begins = (fetched.path, fetched.begins) if fetched else (item.path, 0.0)
        assert path is not None
        return Measured({"file": path.name, "begins": begins, **file_facts(path)})

    def reason(self, item: Item) -> str:
        facts, wanted = item.facts[self.name], self.plan.metadata
        if facts["height"] < wanted.min_height:
            return f"too small: {facts['height']} pixels high, {wanted.min_height} are wanted"
        if item.start >= facts["begins"] + facts["seconds"]:
            return f"too short: it ends at {facts['begins'] + facts['seconds']:.3f} s, before its section begins"
        return ""


def file_facts(path: Path) -> dict[str, Any]:
    """What a video file is and shows.

    Raises:
        VideoError: It cannot be read.
    """
    info = probe(path)
    return {
        "sha256": file_sha256(path), "bytes": path.stat().st_size, "height": info.height, "width": info.width,
        "fps": info.fps, "frames": info.num_frames, "seconds": info.seconds,
    }  # fmt: skip


def video_path(videos: Path, item: Item) -> Path:
    """Where the video of an item (or of a clip of it) lies."""
    return item.path or videos / str(item.facts["download"]["file"])


def safe_id(text: str) -> str:
    """Letters and digits of a text and a hash of all of it: another text, in any case, has another id."""
    stem = _UNSAFE.sub("-", text).strip("-")[-40:].strip("-")
    return f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:8]}".lstrip("-")


def video_id(source: str, start: float, end: float | None) -> str:
    """The id of a video (or a section of one): the end of its address, and a hash of all of it."""
    name = source.split("?v=")[-1].rsplit("/", 1)[-1].rsplit("\\", 1)[-1]
    stem = _UNSAFE.sub("-", name.rpartition(".")[0] or name).strip("-")[:40].strip("-")
    digest = hashlib.sha256(f"{source} {start} {end}".encode()).hexdigest()[:8]
    return f"{stem}-{digest}".lstrip("-")


def _stamp(item: Item) -> str:
    """Of a file of the user's: another one under the same name is looked at anew."""
    if item.path is None or not item.path.is_file():
        return ""
    facts = item.path.stat()
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _describe_file(path: Path) -> Measured:
    try:
        info = probe(path)
    except VideoError as error:
        return damaged(error)
    return Measured({"height": info.height, "seconds": info.seconds})
