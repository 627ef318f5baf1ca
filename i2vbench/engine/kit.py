"""What a worker elsewhere is sent, and makes its own models and metrics of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from i2vbench.create import assemble, configure_models, create_metrics, create_models
from i2vbench.job import Tools
from i2vbench.models.base import Preparation
from i2vbench.place import Place
from i2vbench.profiles import Profile
from i2vbench.registry import FIRST_FRAMES
from i2vbench.settings import RunConfig
from i2vbench.store import folder_name
from i2vbench.types import PlannedClip


@dataclass(frozen=True, slots=True, eq=False)
class Kit:
    """A run's configuration as names and plain data, which can be sent to another process.

    Attributes:
        config: With names from the root.
        profile: What the name of one comes to.
        plan: Every clip, with the first frames that models are shown.
        sample_ids: Of the whole data set.
        skipped: Ids of metrics that are left out.
        recorded: What run.json says.
        place: Where videos, pictures and features are kept.
        threads: Of torch on a CPU, where another number would round differently; None where nobody has set one.
    """

    config: RunConfig
    profile: Profile
    plan: Sequence[PlannedClip]
    sample_ids: frozenset[str]
    skipped: frozenset[str]
    recorded: Mapping[str, Any]
    place: Place
    threads: int | None

    def unpack(self) -> Tools:
        """Models and metrics of these names, prepared and not loaded."""
        config, profile = self.config, self.profile
        models = create_models(config.models)
        configure_models(models, profile)
        first_frames = FIRST_FRAMES.create(config.first_frame) if config.first_frame else None
        if first_frames is not None:
            samples = list({planned.sample.id: planned.sample for planned in self.plan}.values())
            first_frames.prepare(samples, self.sample_ids, self.place.folder)
        for name, (model, _) in models.items():
            own = self.place.folder / "models" / folder_name(name)
            model.prepare(Preparation(self.plan, self.sample_ids, profile.protocol, config.reader, own))
        metrics = create_metrics(config, profile)
        return assemble(config, profile, models, metrics, self.skipped, self.recorded, self.place, first_frames)
