"""Object consistency: the share of frames in which a detector names what was asked for (Appendix C; Table 10).

Matches VBench 0.1.5, `object_class` (commit 45e79ec): sixteen frames, each shown to GRiT at its own size, and a frame
succeeds if one of its names is the annotated word to the letter. So "dogs" or "food", which the detector never writes,
is never found; `object_consistency:synonyms` is the other rule (object_words.py), in a column of its own. VBench takes
any exception in a frame for one that shows nothing; here the clip gets the reason.

A high number hides how the object looks: it need only be named once a frame, anywhere in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from i2vbench.metrics.frame_success import FrameSuccessMetric, frame_indices, names_object
from i2vbench.metrics.object_words import is_known, lemma
from i2vbench.metrics.sampling import first_alike
from i2vbench.types import MetricInfo, Sample, Video

if TYPE_CHECKING:
    from i2vbench.metrics.networks.grit import Detections

EXACT, SYNONYMS = "exact", "synonyms"


class ObjectConsistency(FrameSuccessMetric):
    """`object_consistency`, or `object_consistency:synonyms`."""

    info = MetricInfo(
        id="object_consistency",
        title="Object Consistency",
        direction="higher",
        unit="%",
        scale=100,
        range=(0.0, 1.0),
        reads=frozenset({"video", "objects"}),
        checkpoints=("grit_b_densecap_objectdet",),
        source="Appendix C, Table 10; VBench 0.1.5 object_class, GRiT (ViT-B) naming objects",
        hides="An object need only be named once a frame; words that the detector never writes always score 0.",
    )
    kept_over_runs = True
    network = "grit"
    rules = (EXACT, SYNONYMS)
    variant_title = "synonyms"
    words = "object words"

    def look(self, video: Video) -> list[Detections]:
        """What is named in each of the sixteen frames; boxes are in pixels of the video."""
        import torch

        from i2vbench.metrics.networks.grit import shrink
        from i2vbench.transfer import take

        alike = first_alike(video.frames)
        indices = [alike[i] for i in frame_indices(video)]
        different = sorted(set(indices))
        frames = take([(video.frames, i) for i in different], self._device).permute(0, 3, 1, 2)
        shrunk = shrink(frames)
        back = torch.tensor([video.width / shrunk.shape[3], video.height / shrunk.shape[2]] * 2)
        seen = [replace(frame, boxes=frame.boxes.cpu() * back) for frame in self._network.detect(shrunk)]
        found = dict(zip(different, seen, strict=True))
        return [found[i] for i in indices]

    def judge(self, sample: Sample, seen: Sequence[Detections]) -> tuple[dict[str, list[bool]], dict[str, Any]]:
        words = sample.objects
        lemmas = {lemma(word) for word in words}
        succeeded = {
            EXACT: [names_object(words, frame.names) for frame in seen],
            SYNONYMS: [names_object(lemmas, [lemma(name) for name in frame.names]) for frame in seen],
        }
        names = sorted({name for frame in seen for name in frame.names})
        counted = [name for name in names if (name in words if self.rule == EXACT else lemma(name) in lemmas)]
        objects = [
            [
                {"name": name, "score": round(score, 4), "box": [round(side, 1) for side in box]}
                for name, score, box in zip(frame.names, frame.scores.tolist(), frame.boxes.tolist(), strict=True)
            ]
            for frame in seen
        ]
        return succeeded, {"words": list(words), "counted_names": counted, "objects": objects}

    def untaught(self, sample: Sample, names: Collection[str]) -> list[str]:
        if self.rule == EXACT:
            return [word for word in sample.objects if word not in names]
        lemmas = {lemma(name) for name in names}
        return [word for word in sample.objects if lemma(word) not in lemmas]

    def doubts(self, sample: Sample) -> list[str]:
        found = super().doubts(sample) if self._names() else self._published_doubts(sample)
        if len(set(sample.objects)) > 1:
            found.append("several object words, all of which a frame must name (the paper's clips have one)")
        return found

    def _published_doubts(self, sample: Sample) -> list[str]:
        """Of words that the published detector never writes, or writes otherwise."""
        found = []
        if unknown := [word for word in sample.objects if not is_known(lemma(word))]:
            listing = ", ".join(f"'{word}'" for word in unknown)
            found.append(f"object words outside of the detector's 80 names, which no frame can match: {listing}")
        otherwise = [word for word in sample.objects if is_known(lemma(word)) and not is_known(word)]
        if otherwise and self.rule == EXACT:
            listing = ", ".join(f"'{word}' for '{lemma(word)}'" for word in otherwise)
            what = "object words that the detector writes otherwise, so that no frame matches to the letter"
            found.append(f"{what}: {listing}")
        return found
