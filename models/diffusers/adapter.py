"""Any image-to-video pipeline of the diffusers library, as the harness sees it.

Sizes, the rule: a pipeline is asked for its native height, width, number of frames and rate: those its authors state
(`known.toml`), or else the defaults of its call and of its configurations, or what options say instead. The harness
brings the first frame there by fitting the shorter side and cropping the centre, stores the video as it was made, and
brings it to the protocol only when it is measured. A size or length that the pipeline does not make is refused before
anything is loaded, and one that it returns without being asked for it is a failure.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.base import Model, Preparation
from i2vbench.models.diffusers.classes import choose_class
from i2vbench.models.diffusers.known import Known, told_by_configs
from i2vbench.models.diffusers.options import NATIVE, Options
from i2vbench.models.diffusers.place import Place, find_place
from i2vbench.models.diffusers.shapes import Shapes, frames_to_ask, network_of, shapes_of
from i2vbench.names import split_label
from i2vbench.types import ModelInfo, Request, Video


class Diffusers(Model):
    """`diffusers:OWNER/REPO[@REVISION]`, `diffusers:PATH`, or either behind NAME=: a pipeline of the diffusers library.

    Args:
        argument: Where the pipeline is, and what its column is called.

    Attributes:
        place: Its files.
        cls: The class that makes its videos.
        options: What it is asked for beside the requests.
        pipeline: The networks, between `load` and `unload`.
    """

    kept_over_runs = True

    def __init__(self, argument: str) -> None:
        label, where = split_label(argument)
        self.place: Place = find_place(where)
        self.what = f"diffusers:{where}"
        self.cls = choose_class(self.place.class_name, self.place.config, self.what)
        self.shapes: Shapes | None = shapes_of(self.cls, self.place.configs) if self.place.here else None
        self.authors = self._authors()
        self.options = Options(
            call={**self.cls.kind.usual, **(self.authors.call if self.authors else {})},
            flow_shift=self.authors.flow_shift if self.authors else None,
            float32=self.authors.float32 if self.authors else (),
            prompt=self.authors.prompt if self.authors else "",
        )
        self.pipeline: Any = None
        self._running = ("cpu", "float32")
        self.info = self._info(label or Path(where.partition("@")[0].rstrip("/")).name or where)

    def configure(self, options: Mapping[str, object]) -> None:
        """Parameters of the pipeline's call by name, `steps`, `guidance` and `image_guidance` for short; its native
        height, width, num_frames and fps; and how it is loaded (docs/diffusers.md)."""
        self.options = self.options.with_given(options, self.cls, self.info.name)
        self._check_parts()
        self.info = self._info(self.info.name)

    def settings(self) -> dict[str, object]:
        return {"class": self.cls.name, **self.cls.kind.always, **self.options.as_dict()}

    def prepare(self, preparation: Preparation) -> None:
        for setting, reason in self.cls.kind.refused_with.items():
            if self._setting(setting):
                raise UserError(f"{self.what} ({self.cls.name}) {reason}")
        self.place.check_here()
        if self.info.fps is None:
            raise UserError(
                f"{self.what}: how many frames a second {self.cls.name} makes with it is not known: state it as "
                f'fps = N, in a profile\'s [models."{self.what}"] or with `--set fps=N` of `i2vbench generate`'
            )
        if self.place.config.get("enable_safety_checker", True) and self.cls.lacks_guardrail():
            raise UserError(
                f"{self.what}: {self.cls.name} checks prompts and videos, as its licence asks, with a package that is "
                "not installed: `pip install cosmos_guardrail` (which fetches nvidia/Cosmos-Guardrail1 when it loads)"
            )

    def _setting(self, name: str) -> object:
        """A setting "PART.NAME" of its configurations; where these are not here, as its authors' has it."""
        part, _, key = name.partition(".")
        if not self.place.here and self.authors:
            return self.authors.match.get(name)
        return self.place.configs.get(part, {}).get(key)

    def fingerprint(self) -> str | None:
        return self.place.fingerprint()

    def load(self, device: str, dtype: str) -> None:
        from i2vbench.models.diffusers.loading import load_pipeline

        advised = (self.authors.dtype if self.authors else "") or dtype
        if dtype != advised and device != "cpu":
            warnings.warn(f"{self.info.name} was made for {advised}, and is loaded in {dtype}", stacklevel=2)
        self.pipeline = load_pipeline(
            self.cls, self.options,
            place=self.place, device=device, dtype=dtype, what=self.what,
        )  # fmt: skip
        self.pipeline.set_progress_bar_config(disable=not self.show_progress)
        self._running = (device, dtype)

    def unload(self) -> None:
        if self.pipeline is not None:
            self.pipeline.remove_all_hooks()
        self.pipeline = None

    def generate(self, requests: Sequence[Request]) -> list[Video]:
        return [self._generate(request) for request in requests]

    def _generate(self, request: Request) -> Video:
        from i2vbench.models.diffusers import asking
        from i2vbench.models.diffusers.quiet import quiet_libraries

        assert self.pipeline is not None, "generate before load"
        device, dtype = self._running
        if not self.cls.rate and self.info.fps and abs(request.fps - self.info.fps) > 1e-6:
            warnings.warn(
                f"{self.info.name} makes {self.info.fps:g} frames a second whatever it is asked for; at "
                f"{request.fps:g} its motion is {request.fps / self.info.fps:.2g} times as fast",
                stacklevel=2,
            )
        assert self.shapes is not None  # nothing is loaded that is not here
        ask = frames_to_ask(self.cls, request.num_frames, network_of(self.place.configs), self.shapes.temporal)
        call = asking.call_of(request, self.cls, self.options, ask_frames=ask, device=device)
        with quiet_libraries(), asking.only_this_seed(request.seed, device):
            try:
                output = self.pipeline(**call)
            except ValueError as error:
                asking.refuse_unsafe(error, self.info.name)
                raise
        return Video(asking.frames_of(output, request, self.cls, dtype), request.fps)

    def _authors(self) -> Known | None:
        """What its authors state: of the repository of that name, or of those whose configurations it has."""
        if self.place.known is not None:
            return self.place.known
        return told_by_configs(self.cls.name, self.place.config, self.place.configs)

    def _info(self, name: str) -> ModelInfo:
        native, authors, shapes = self.options.native, self.authors, self.shapes
        rate = self.cls.defaults.get(self.cls.rate)
        stated: dict[str, Any] = {
            "height": shapes.height if shapes else None,
            "width": shapes.width if shapes else None,
            "num_frames": shapes.num_frames if shapes else None,
            "fps": float(rate) if isinstance(rate, int | float) else None,
        }
        if authors:
            stated |= {key: value for key in NATIVE if (value := getattr(authors, key))}
        stated |= native
        return ModelInfo(
            name=name,
            title=authors.title if authors else f"{self.cls.name} of diffusers",
            paper=authors.paper if authors else "",
            licence=authors.licence if authors else "",
            **stated,
            size_multiple=shapes.size_multiple if shapes else authors.size_multiple if authors else None,
            sizes=shapes.sizes if shapes else (authors.sizes or None) if authors else None,
            frames_step=shapes.frames_step if shapes else authors.frames_step if authors else None,
            needs_gpu=authors.needs_gpu if authors else False,
        )

    def _check_parts(self) -> None:
        parts = self.place.parts
        unknown = [part for part in self.options.float32 if part not in parts]
        if unknown and parts:
            raise UserError(
                f"model '{self.info.name}': option float32: it has no part {unknown[0]}; it has {', '.join(parts)}"
            )
