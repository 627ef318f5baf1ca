"""The stages that choose among clips, and look at the chosen ones: aesthetic, category, quota, annotate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from i2vbench.annotate.networks import NetworkProposer
from i2vbench.clips import read_to_protocol
from i2vbench.curation.choose import Candidate, choose, scaled_quotas
from i2vbench.curation.looking import ClipStage
from i2vbench.curation.scores import CATEGORY_PROMPTS, Scorer, networks
from i2vbench.curation.stage import Item, MeasuringStage, Stage, ahead, damaged
from i2vbench.curation.store import Measured
from i2vbench.datasets.i2v_bench.categories import CATEGORIES
from i2vbench.profiles import load_profile
from i2vbench.types import ClipSource, Video
from i2vbench.video import VideoError

_LIKELIEST = 5
"""Categories of a clip that its row keeps."""


class Aesthetic(ClipStage):
    """LAION's score of the first, middle and last frame; and CLIP's features, which the next stages need."""

    name = "aesthetic"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        return networks(self.plan.profile).checkpoints

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        scorer = Scorer(networks(self.plan.profile))
        scorer.load(self.place.device)
        for item, frames in ahead(lambda item: self.frames(item, 3), todo):
            if isinstance(frames, Measured):
                yield item, frames
                continue
            (look,) = scorer.look([frames])
            yield item, Measured({"score": look.score, "of_frames": list(look.aesthetic)}, look.feature)

    def reason(self, item: Item) -> str:
        score, wanted = item.facts[self.name]["score"], self.plan.aesthetic.min_score
        return f"score: {score:.2f}, {wanted:g} are wanted" if score < wanted else ""


class Category(MeasuringStage):
    """What CLIP takes a clip for, beside the category that was asked for."""

    name = "category"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        return networks(self.plan.profile).checkpoints[:1]

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "prompts": self._prompts}

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        scorer = Scorer(networks(self.plan.profile))
        scorer.load(self.place.device)
        features = self.place.store.features("aesthetic", [item.id for item in todo])
        for item in todo:
            scores = scorer.category_scores(features[item.id][np.newaxis], self._prompts)
            likeliest = sorted(scores, key=lambda category: (-scores[category], category))
            yield item, Measured({
                "likeliest": {category: round(scores[category], 4) for category in likeliest[:_LIKELIEST]},
                "rank": likeliest.index(item.category) + 1 if item.category in scores else None,
            })  # fmt: skip

    def looks_at(self, item: Item) -> str:
        return f"{super().looks_at(item)} {item.category}"

    def judge(self, items: Sequence[Item]) -> list[str]:
        return [self._give(item) for item in items]

    def _give(self, item: Item) -> str:
        """Give a clip its category, or say why it is left out."""
        facts, wanted = item.facts[self.name], self.plan.category
        likeliest = next(iter(facts["likeliest"]))
        if not item.category:
            item.category = likeliest
        elif facts["rank"] > wanted.top and wanted.on_mismatch == "drop":
            return f"mismatch: {item.category} is CLIP's guess {facts['rank']}, the first is {likeliest}"
        elif facts["rank"] > wanted.top and wanted.on_mismatch == "move":
            item.category = likeliest
        return ""

    @cached_property
    def _prompts(self) -> dict[str, list[str]]:
        own = self.plan.category.prompts
        return {
            category: list(own.get(category) or CATEGORY_PROMPTS.get(category) or [category.replace("-", " ").lower()])
            for category in self.plan.categories
        }


class Quota(Stage):
    """As many of each category as the plan asks for: best first, and unlike each other."""

    name = "quota"

    @property
    def quotas(self) -> Mapping[str, int]:
        """Clips wanted of each category."""
        return self.plan.quota.clips or scaled_quotas(CATEGORIES, self.plan.quota.total)

    def judge(self, items: Sequence[Item]) -> list[str]:
        features = self.place.store.features("aesthetic", [item.id for item in items])
        candidates = [
            Candidate(
                id=item.id, category=item.category, score=item.facts["aesthetic"]["score"],
                features=features[item.id], group=item.source,
            )
            for item in items
        ]  # fmt: skip
        quota = self.plan.quota
        choice = choose(candidates, self.quotas, quota.max_per_video, quota.max_cosine)
        return [choice.reasons.get(item.id, "") for item in items]


class Annotate(MeasuringStage):
    """What Tag2Text and GRiT see in the chosen clips: captions, objects and scenes, for a person to correct."""

    name = "annotate"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        if not self.plan.annotate.propose:
            return ()
        checkpoints = load_profile(self.plan.profile).checkpoints
        return (*checkpoints["object_consistency"], *checkpoints["scene_consistency"])

    def settings(self) -> Mapping[str, Any]:
        return {**super().settings(), "propose": self.plan.annotate.propose}

    def measure(self, todo: Sequence[Item]) -> Iterator[tuple[Item, Measured]]:
        if not self.plan.annotate.propose:
            yield from ((item, Measured({})) for item in todo)
            return
        profile = load_profile(self.plan.profile)
        proposer = NetworkProposer(profile, self.place.device)
        proposer.load()

        def load(item: Item) -> Video | Measured:
            try:
                return read_to_protocol(ClipSource(self.place.clip(item.id)), profile.protocol)
            except VideoError as error:
                return damaged(error)

        for item, video in ahead(load, todo):
            if isinstance(video, Measured):
                yield item, video
            else:
                yield item, Measured({"by": proposer.identity, "proposal": proposer.propose(video).as_json()})
