"""The stages that look at each clip's picture: picture, text, motion, duplicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from i2vbench.curation.borders import inside, letterbox
from i2vbench.curation.detail import true_height
from i2vbench.curation.duplicates import alike, phashes
from i2vbench.curation.exposure import exposure
from i2vbench.curation.frames import SPREAD, Pairs, read_pairs, spread_frames
from i2vbench.curation.lettering import Lettering
from i2vbench.curation.motion import MotionMeter
from i2vbench.curation.stage import Item, MeasuringStage, Stage, ahead, damaged, fault, in_threads
from i2vbench.curation.store import Measured
from i2vbench.profiles import load_profile
from i2vbench.types import Frames
from i2vbench.video import VideoError


class ClipStage(MeasuringStage):
    """A stage that looks at frames of clips."""

    def frames(self, item: Item, count: int = SPREAD) -> Frames | Measured:
        """Frames spread over a clip, uint8 [count, H, W, 3], or that they cannot be read."""
        try:
            return spread_frames(self.place.clip(item.id), count)
        except VideoError as error:
            return damaged(error)


class Picture(ClipStage):
    """True size, bars, exposure; and hashes, by which duplicates are found."""

    name = "picture"
    packages = ("imagehash",)

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        def look(item: Item) -> Measured:
            frames = self.frames(item)
            if isinstance(frames, Measured):
                return frames
            bars = letterbox(frames)
            picture = inside(frames, bars)  # bars would fool all the rest
            return Measured({
                "true_height": true_height(picture), "bars": 1 - bars.picture, **asdict(exposure(picture)),
                "hashes": [f"{number:016x}" for number in phashes(picture[[0, len(picture) // 2, -1]])],
            })  # fmt: skip

        yield from in_threads(look, todo)

    def reason(self, item: Item) -> str:
        facts, wanted = item.facts[self.name], self.plan.picture
        if facts["true_height"] < wanted.min_true_height:
            return f"upscaled: detail of {facts['true_height']} pixels in {item.facts['cut']['height']}"
        if facts["bars"] > wanted.max_bars:
            return f"bars: {facts['bars']:.1%} of the frame"
        if not wanted.min_brightness <= facts["mean"] <= wanted.max_brightness:
            return f"exposure: mean brightness {facts['mean']:.3f}"
        if facts["dark_share"] > wanted.max_dark:
            return f"exposure: {facts['dark_share']:.0%} black"
        if facts["bright_share"] > wanted.max_bright:
            return f"exposure: {facts['bright_share']:.0%} white"
        if facts["contrast"] < wanted.min_contrast:
            return f"exposure: contrast {facts['contrast']:.3f}"
        return ""


class Text(ClipStage):
    """Letters in the picture, and what stays in its place: watermarks, captions."""

    name = "text"
    packages = ("rapidocr", "onnxruntime", "cv2")

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        lettering = Lettering()
        for item, frames in ahead(self.frames, todo):
            if isinstance(frames, Measured):
                yield item, frames
            else:
                yield item, Measured(asdict(lettering.measure(frames)))

    def reason(self, item: Item) -> str:
        facts, wanted = item.facts[self.name], self.plan.text
        if facts["held"] > wanted.max_held:
            return f"watermark: text that stays in its place covers {facts['held']:.1%}"
        if facts["text"] > wanted.max_text:
            return f"text: it covers {facts['text']:.1%}"
        return ""


class Motion(ClipStage):
    """How far things move, by RAFT."""

    name = "motion"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        return load_profile(self.plan.profile).checkpoints["dynamic_degree"]

    @property
    def _side_px(self) -> int:
        """Of the frames that RAFT is shown: the profile's, for which its small network was made."""
        protocol = load_profile(self.plan.profile).protocol
        return min(protocol.height, protocol.width)

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "side_px": self._side_px}

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        meter = MotionMeter(self.place.device, *self.checkpoints)

        def load(item: Item) -> Pairs | Measured:
            try:
                pairs = read_pairs(self.place.clip(item.id), side_px=self._side_px)
            except VideoError as error:
                return damaged(error)
            return pairs or fault("too short: it has one frame")

        for item, pairs in ahead(load, todo):
            if isinstance(pairs, Measured):
                yield item, pairs
            else:
                (motion,) = meter.measure([pairs])
                yield item, Measured(asdict(motion))

    def reason(self, item: Item) -> str:
        moved, wanted = item.facts[self.name]["median_px"], self.plan.motion
        if moved < wanted.min_px:
            return f"static: {moved:.2f} px"
        return f"violent: {moved:.1f} px" if moved > wanted.max_px else ""


class Duplicates(Stage):
    """Clips that show the same as another one: of each group the one with the most detail stays."""

    name = "duplicates"

    def judge(self, items: Sequence[Item]) -> list[str]:
        hashes = {item.id: [int(text, 16) for text in item.facts["picture"]["hashes"]] for item in items}
        detail = {item.id: (item.facts["picture"]["true_height"], item.facts["cut"]["bytes"]) for item in items}
        reasons = dict.fromkeys(hashes, "")
        for group in alike(hashes, self.plan.duplicates.max_distance):
            best = min(group, key=lambda id_: (*(-number for number in detail[id_]), id_))
            reasons |= {id_: f"duplicate: it shows the same as {best}" for id_ in group if id_ != best}
        return list(reasons.values())
