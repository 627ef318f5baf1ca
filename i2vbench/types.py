"""The nouns: what flows from a data set through a model and the metrics into a table.

    data set -> Sample -> Request -> model -> Video -> store -> Clip -> metric -> Measurement -> Cell

Everything here is frozen and checked when it is made, so that a wrong shape is named where it arises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]
"""RGB frames, uint8 [T, H, W, 3]."""

Image = npt.NDArray[np.uint8]
"""One RGB picture, uint8 [H, W, 3]."""

SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What a sample's id must match: ids become file names."""

Need = Literal["video", "reference", "prompt", "objects", "scene"]
"""What a metric (or a stand-in for a model) reads of a clip and its sample."""


@dataclass(frozen=True, slots=True)
class FrameSource:
    """Where a first frame comes from.

    Attributes:
        path: An image file, or a video file.
        seconds: None for an image; else the video's first frame at or after this time (0 is the first frame).
    """

    path: Path
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ClipSource:
    """A stretch of a video file: the frames whose time, rounded to the millisecond, lies in [start, end).

    Attributes:
        path: The video file.
        start: Seconds after the file's first frame.
        end: Seconds after the file's first frame; None is the end of the file.
        stride: Of these frames one in so many is taken, from the first on, and models are told so. None takes all, and
            tells nothing.
    """

    path: Path
    start: float = 0.0
    end: float | None = None
    stride: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a data set: what a model is shown, and what its video is compared with.

    Attributes:
        id: Unique in its data set and safe as a file name.
        category: The row of the tables it counts in.
        prompt: The text shown to the model.
        first_frame: Where the picture shown to the model comes from.
        reference: The real clip; None for samples made from an image alone.
        fps: Frames per second of the reference clip, where the data set states it.
        size: (height, width) of the reference clip in pixels, where the data set states it.
        objects: Words for what is seen (object consistency); may be empty.
        scene: Words for where it is (scene consistency); may be empty.
    """

    id: str
    category: str
    prompt: str
    first_frame: FrameSource
    reference: ClipSource | None = None
    fps: float | None = None
    size: tuple[int, int] | None = None
    objects: tuple[str, ...] = ()
    scene: str = ""

    def __post_init__(self) -> None:
        if not SAFE_ID.fullmatch(self.id):
            raise ValueError(f"id of a sample: expected a safe file name ({SAFE_ID.pattern}), got {self.id!r}")

    def lacks(self, needs: frozenset[Need]) -> str | None:
        """Why something that reads `needs` does not apply to this sample; None if it does."""
        if "reference" in needs and self.reference is None:
            return "the sample has no reference clip"
        if "prompt" in needs and not self.prompt:
            return "the sample has no prompt"
        if "objects" in needs and not self.objects:
            return "the sample has no object words"
        if "scene" in needs and not self.scene:
            return "the sample has no scene words"
        return None


@dataclass(frozen=True, slots=True)
class PlannedClip:
    """One clip that a run owes: a sample, generated under a seed.

    Attributes:
        sample: What is to be generated.
        seed: The run's seed (`--seed`).
        request_seed: The seed the model is given; depends on `seed` and the sample's id alone.
    """

    sample: Sample
    seed: int
    request_seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What a model is asked for. A request's seed alone decides its randomness.

    Attributes:
        sample_id: Names the request in messages; a model must not make its video depend on it.
        first_frame: uint8 [height, width, 3] RGB, already at the size asked for; read-only.
        prompt: The text prompt.
        num_frames: Frames wanted, the first one included.
        height: Pixels.
        width: Pixels.
        fps: Frames per second of the video wanted.
        seed: 0 <= seed < 2**31.
        frame_stride: Source frames per frame, for models conditioned on it; None leaves it to the model.
        source_image: uint8 [H, W, 3] RGB, the picture before it was brought to size, for models that resize it in a
            way of their own or move a camera over it; read-only. None in runs, where every model is shown the same.
    """

    sample_id: str
    first_frame: Image
    prompt: str
    num_frames: int
    height: int
    width: int
    fps: float
    seed: int
    frame_stride: int | None = None
    source_image: Image | None = None

    def __post_init__(self) -> None:
        expected = (self.height, self.width, 3)
        if self.first_frame.dtype != np.uint8 or self.first_frame.shape != expected:
            raise ValueError(
                f"first_frame of request '{self.sample_id}': expected uint8 {list(expected)}, "
                f"got {self.first_frame.dtype} {list(self.first_frame.shape)}"
            )
        self.first_frame.setflags(write=False)  # it may be asked for again, in a smaller batch
        source = self.source_image
        if source is not None:
            if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3 or 0 in source.shape:
                raise ValueError(
                    f"source_image of request '{self.sample_id}': expected uint8 [H, W, 3], "
                    f"got {source.dtype} {list(source.shape)}"
                )
            source.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """Frames in RGB with their rate.

    Attributes:
        frames: uint8 [T, H, W, 3], T >= 1.
        fps: Frames per second.

    Raises:
        ValueError: For any other dtype or shape, or an fps that is not a positive number.
    """

    frames: Frames
    fps: float

    def __post_init__(self) -> None:
        frames: Any = self.frames  # models hand in what they like, whatever the annotation says
        if not isinstance(frames, np.ndarray):
            raise ValueError(f"frames: expected a numpy array uint8 [T, H, W, 3], got {type(frames).__name__}")
        if frames.dtype != np.uint8:
            holes = " with NaN or infinite values" if frames.dtype.kind == "f" and not np.isfinite(frames).all() else ""
            raise ValueError(f"frames: expected uint8 0..255, got {frames.dtype}{holes}")
        if frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
            raise ValueError(f"frames: expected [T, H, W, 3] with T, H, W >= 1, got {list(frames.shape)}")
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"fps: expected a positive number, got {self.fps}")

    @property
    def num_frames(self) -> int:
        return int(self.frames.shape[0])

    @property
    def height(self) -> int:
        return int(self.frames.shape[1])

    @property
    def width(self) -> int:
        return int(self.frames.shape[2])


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Clip:
    """What a metric looks at: a video, brought to the profile's protocol, and the sample it was made for.

    The frames are read-only: every metric of a run looks at the same ones.

    Attributes:
        sample: What the video was made for.
        video: At the protocol's size, length and rate.
        repeated_frames: How many of its frames repeat the one before because the clip is slower than the protocol.
        brought: What was done to bring it there, as "resized (lanczos), frames nearest in time"; "" if nothing was.
        made_as: How the model made it, as "48 frames at 24 fps, 320 x 512 pixels".
    """

    sample: Sample
    video: Video
    repeated_frames: int = 0
    brought: str = ""
    made_as: str = ""

    def __post_init__(self) -> None:
        self.video.frames.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What one metric says of one clip: a number, or features, or one of two reasons why there is neither.

    Attributes:
        sample_id: The clip's sample.
        metric: The metric's id.
        value: The number of a per-clip metric.
        features: float array of a distribution metric, any shape.
        details: What the number was made of; small, JSON-serialisable.
        error: Why there is no number, though there should be one.
        not_applicable: Why the metric does not judge this clip (say, it moves, and only still ones count).
    """

    sample_id: str
    metric: str
    value: float | None = None
    features: npt.NDArray[np.floating[Any]] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    not_applicable: str | None = None

    def __post_init__(self) -> None:
        one_of = ("value", "features", "error", "not_applicable")
        given = [name for name in one_of if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"measurement of '{self.sample_id}' by {self.metric}: expected one of {', '.join(one_of)}; "
                f"got {' and '.join(given) or 'none'}"
            )
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"measurement of '{self.sample_id}' by {self.metric}: the value is {self.value}")
        if self.features is not None and not np.isfinite(self.features).all():
            raise ValueError(f"measurement of '{self.sample_id}' by {self.metric}: a feature is not finite")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes:
        value: None is an empty cell; `note` then says why.
        n: How many clips it stands on.
        spread: Standard deviation over the clips, or over splits, where the metric has one.
        note: What a reader must know beside the number.
    """

    value: float | None
    n: int
    spread: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """The declared facts of a model.

    Attributes:
        name: The column in the tables; short, unique in a run.
        title: One line that says what it is.
        paper: Citation or address.
        licence: Licence of code and weights, as their authors state it.
        height: Native height in pixels; None takes the profile's.
        width: Native width in pixels; None takes the profile's.
        num_frames: Native number of frames; None takes the profile's.
        fps: Native frames per second; None takes the profile's.
        size_multiple: Height and width must be multiples of this; None takes any.
        sizes: (height, width) of all that it makes, where these are a few; None leaves it to `size_multiple`.
        frames_step: Its clips have one frame more than a multiple of this; None takes any number.
        needs_gpu: Whether a run on a CPU is hopeless.
        max_batch: Requests that one call of `generate` takes at most.
        reads: What it needs of a sample beyond the first frame and the prompt (stand-ins only).
        any_output: Its videos have the size, length and rate they have (videos made elsewhere); they are not
            held to the request, only brought to the protocol when they are measured.
    """

    name: str
    title: str
    paper: str = ""
    licence: str = ""
    height: int | None = None
    width: int | None = None
    num_frames: int | None = None
    fps: float | None = None
    size_multiple: int | None = None
    sizes: tuple[tuple[int, int], ...] | None = None
    frames_step: int | None = None
    needs_gpu: bool = False
    max_batch: int = 1
    reads: frozenset[Need] = frozenset()
    any_output: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("ModelInfo.name is empty")
        if self.max_batch < 1:
            raise ValueError(f"ModelInfo.max_batch of {self.name}: expected at least 1, got {self.max_batch}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInfo:
    """The declared facts of a metric.

    Attributes:
        id: The fixed identifier in every CSV.
        title: As the tables print it.
        direction: Whether a higher or a lower number is better.
        unit: Of the printed number ("" if none).
        scale: The printed number is the value times this.
        decimals: Digits after the point in print.
        range: The values it can take (before scaling); a value outside is an error. None if unbounded.
        reads: What it needs of a clip and its sample.
        checkpoints: Names in the catalogue of checkpoints.
        features_of: Id of the metric whose features it aggregates, instead of measuring clips itself.
        least_per_category: With fewer clips, a category's cell stays empty unless small ones are asked for: the number
            would be mostly bias.
        source: What it must match: paper section and published implementation.
        hides: What a good number hides; one sentence for the page.
    """

    id: str
    title: str
    direction: Literal["higher", "lower"]
    unit: str = ""
    scale: float = 1.0
    decimals: int = 2
    range: tuple[float, float] | None = None
    reads: frozenset[Need] = frozenset({"video"})
    checkpoints: tuple[str, ...] = ()
    features_of: str = ""
    least_per_category: int = 0
    source: str = ""
    hides: str = ""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.reads) - set(get_args(Need)))
        if unknown:
            raise ValueError(
                f"MetricInfo.reads of {self.id}: {', '.join(unknown)}; known are {', '.join(get_args(Need))}"
            )

    def print(self, value: float) -> str:
        """The value as every table prints it: scaled, rounded, with all its decimals."""
        text = f"{value * self.scale:.{self.decimals}f}"
        return text.lstrip("-") if float(text) == 0 else text
