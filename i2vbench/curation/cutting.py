"""The stages that make clips of videos: shots, cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from i2vbench.curation.finding import file_facts, video_path
from i2vbench.curation.shots import Shot, find_shots, pieces
from i2vbench.curation.stage import Item, MeasuringStage, damaged, fault, in_threads
from i2vbench.curation.store import Measured
from i2vbench.video import VideoError, cut_pieces


class Shots(MeasuringStage):
    """Where a video's shots begin and end, by PySceneDetect."""

    name = "shots"
    noun = "videos"
    packages = ("scenedetect", "cv2")

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        def look(item: Item) -> Measured:
            try:
                found = find_shots(video_path(self.place.videos, item))
            except VideoError as error:
                return damaged(error)
            return Measured({"shots": [[shot.start, shot.end, shot.transition] for shot in found]})

        yield from in_threads(look, todo)

    def reason(self, item: Item) -> str:
        if self.plan_pieces(item):
            return ""
        shots = [shot for shot in self._shots(item) if not shot.transition]
        longest = max((shot.end - shot.start for shot in shots), default=0.0)
        cut = self.plan.cut
        margin = f" and {cut.margin_seconds:g} s beside each cut" if cut.margin_seconds and len(shots) > 1 else ""
        wanted = f"{cut.min_seconds:g} s{margin}"
        return f"too short: of {len(shots)} shots the longest has {longest:.2f} s; {wanted} are wanted"

    def _shots(self, item: Item) -> list[Shot]:
        """The shots of a video, as far as they lie in the section that is wanted; seconds of its file."""
        begins = float(item.facts["download"]["begins"])
        first, last = item.start - begins, None if item.end is None else item.end - begins
        shots = [
            Shot(max(start, first), end if last is None else min(end, last), transition)
            for start, end, transition in item.facts[self.name]["shots"]
        ]
        return [shot for shot in shots if shot.end > shot.start]

    def plan_pieces(self, item: Item) -> list[tuple[float, float]]:
        """(start, end) of the clips to be cut of a video, in seconds of its file."""
        cut = self.plan.cut
        found = pieces(self._shots(item), cut.min_seconds, cut.max_seconds, cut.margin_seconds, cut.per_shot)
        return _spread(sorted((piece.start, piece.end) for piece in found), cut.per_video)


class CutClips(MeasuringStage):
    """Each piece of a shot, encoded anew: closed groups of pictures, no sound, nothing of the source's metadata."""

    name = "cut"

    def settings(self) -> Mapping[str, Any]:
        return {"crf": self.plan.cut.crf}

    def items(self, before: Sequence[Item]) -> list[Item]:
        shots = Shots(self.plan, self.place)
        return [_clip(video, start, end) for video in before for start, end in shots.plan_pieces(video)]

    def looks_at(self, item: Item) -> str:
        return f"{item.facts['download']['sha256']} {item.start} {item.end}"

    def stale(self, item: Item) -> bool:
        return item.id not in self.place.removed and not self._piece(item)[2].is_file()

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        self.place.clips.mkdir(parents=True, exist_ok=True)
        by_video: dict[str, list[Item]] = {}
        for item in todo:
            if item.id in self.place.removed:
                yield item, fault("removed: before it was cut")
            else:
                by_video.setdefault(item.video, []).append(item)
        for _, clips in in_threads(self._cut, list(by_video.values())):
            yield from clips

    def judge(self, items: Sequence[Item]) -> list[str]:
        removed = [self.place.removed.get(item.id, "") for item in items]
        reasons = super().judge(items)
        return [why or reason for why, reason in zip(removed, reasons, strict=True)]

    def _cut(self, clips: Sequence[Item]) -> list[tuple[Item, Measured]]:
        """Cut all clips of a video in one pass, or, where that fails, each by itself, to know which are at fault."""
        try:
            cut_pieces(
                video_path(self.place.videos, clips[0]), [self._piece(item) for item in clips], self.plan.cut.crf
            )
        except VideoError as error:
            if len(clips) == 1:
                return [(clips[0], damaged(error))]
            return [done for item in clips for done in self._cut([item])]
        return [(item, _look(self._piece(item)[2])) for item in clips]

    def _piece(self, item: Item) -> tuple[float, float, Path]:
        """(start, end, target) of a clip, in seconds of its video's file."""
        begins = float(item.facts["download"]["begins"])
        assert item.end is not None
        return item.start - begins, item.end - begins, self.place.clip(item.id)


def _look(path: Path) -> Measured:
    try:
        return Measured(file_facts(path))
    except VideoError as error:
        return damaged(error)


def _clip(video: Item, start: float, end: float) -> Item:
    """A clip of a video; its times count in the source."""
    begins = float(video.facts["download"]["begins"])
    facts = {name: video.facts[name] for name in ("metadata", "download")}
    return Item(
        id=f"{video.id}-{round(1000 * (start + begins)):07}",
        source=video.source,
        path=video.path,
        category=video.category,
        video=video.id,
        start=start + begins,
        end=end + begins,
        said=dict(video.said),
        facts=facts,
    )


def _spread(found: list[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most so many, evenly spread over all of them."""
    if len(found) <= most:
        return found
    return [found[(2 * i + 1) * len(found) // (2 * most)] for i in range(most)]
