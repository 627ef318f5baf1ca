"""Scene consistency: the share of frames whose caption tells the scene that was asked for (Appendix C; Table 11).

Matches VBench 0.1.5, `scene` (commit 45e79ec): sixteen frames, each captioned by Tag2Text, and a frame succeeds if
every word of the annotation is a part of its caption. VBench captions the sixteen in one call, and there the caption of
frame i is made from frame i // 3: those of frames 0 to 4 count three times, that of frame 5 once, the others never. The
published numbers were made so; `scene_consistency:own-frames` has each frame's own caption, in a column of its own.

A high number hides what a caption leaves out, and that "bar" is found in "barn".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from i2vbench.metrics.frame_success import FrameSuccessMetric, frame_indices, tells_scene
from i2vbench.metrics.sampling import first_alike
from i2vbench.types import MetricInfo, Sample, Video

if TYPE_CHECKING:
    from i2vbench.metrics.networks.tag2text import Caption

STOPS = (",", ";", ".", "!", "?")

PUBLISHED, OWN_FRAMES = "published", "own-frames"


class SceneConsistency(FrameSuccessMetric):
    """`scene_consistency`, or `scene_consistency:own-frames`."""

    info = MetricInfo(
        id="scene_consistency",
        title="Scene Consistency",
        direction="higher",
        unit="%",
        scale=100,
        range=(0.0, 1.0),
        reads=frozenset({"video", "scene"}),
        checkpoints=("tag2text_swin_14m", "tag2text_tag_list"),
        source="Appendix C, Table 11; VBench 0.1.5 scene, Tag2Text (Swin-B, 384), frame i captioned from frame i // 3",
        hides="Only the first six of sixteen frames count; a caption may leave the scene out, and 'bar' is in 'barn'.",
    )
    kept_over_runs = True
    network = "tag2text"
    network_files = 2
    rules = (PUBLISHED, OWN_FRAMES)
    variant_title = "own frames"
    words = "scene words"

    def look(self, video: Video) -> list[Caption]:
        """Each of the sixteen frames' own caption."""
        alike = first_alike(video.frames)
        indices = [alike[i] for i in frame_indices(video)]
        different = sorted(set(indices))
        found = dict(zip(different, self._network.caption(video.frames[different]), strict=True))
        return [found[i] for i in indices]

    def judge(self, sample: Sample, seen: Sequence[Caption]) -> tuple[dict[str, list[bool]], dict[str, Any]]:
        from i2vbench.metrics.networks.tag2text import published_order

        own = [tells_scene(sample.scene, caption.text) for caption in seen]
        details = {
            "words": sample.scene.split(" "),
            "captions": [caption.text for caption in seen],
            "tags": [list(caption.tags) for caption in seen],
        }
        if self.rule == PUBLISHED:
            details["counted_from"] = published_order(range(len(seen)))
        return {PUBLISHED: published_order(own), OWN_FRAMES: own}, details

    def untaught(self, sample: Sample, names: Collection[str]) -> list[str]:
        return [word for word in sample.scene.split() if not any(word in name for name in names)]  # as `tells_scene`

    def doubts(self, sample: Sample) -> list[str]:
        from i2vbench.metrics.networks.wordpiece import as_written

        if found := super().doubts(sample):
            return found
        words = sample.scene.split()
        if stopped := [word for word in words if word.endswith(STOPS)]:
            listing = ", ".join(f"'{word}'" for word in stopped)
            found.append(f"scene words with a stop that a caption would need too (blanks divide words): {listing}")
        bare = [word.rstrip("".join(STOPS)) for word in words]
        # Amid others, since an apostrophe loses the spaces on both sides.
        if wrong := [word for word in bare if word not in as_written(f"a {word} a")]:
            listing = ", ".join(f"'{word}' (written {_quoted(as_written(word))})" for word in wrong)
            found.append(f"scene words that captions never hold as they are annotated: {listing}")
        return found


def _quoted(text: str) -> str:
    return f"'{text}'" if text else "not at all"
