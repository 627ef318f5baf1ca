"""A study: what is asked, of which models' videos of which samples. `study.json` in the study's folder.

    study/
      study.json              what is here described; written once
      votes.sqlite            raters, what they were shown, what they answered (`votes.py`)
      media/7/first.png       item 7's first frame
      media/7/2.mp4           its video by model 2
      media/7/broken.mp4      the video of model `Item.broken`, damaged for everybody to see; only if there are checks

Numbers stand for models and items in every file but this one, and a page is told neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from i2vbench.errors import UserError
from i2vbench.files import write_json
from i2vbench.parsing import parse_json
from i2vbench.typed import typed

FILE = "study.json"
FORMAT = 1
"""Version of a study's layout; a study of another one is refused."""

Mode = Literal["choice", "pairs"]
"""All models at once, one or more chosen (Appendix D of the paper); or two at a time, one chosen or a tie."""

MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class Question:
    """What a rater is asked of every task.

    Attributes:
        id: As `--questions` names it.
        title: A column's heading.
        text: The question, as the page asks it.
    """

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """What some of a study's samples are of.

    Attributes:
        dataset: The data set's name.
        fingerprint: Its hash, as `run.json` has it.
        first_frames: What decides first frames that are not the data set's own (`first_frames.record.identity`).
        title: What the first frames are, in words.
    """

    dataset: str
    fingerprint: str
    first_frames: Mapping[str, Any] | None
    title: str


@dataclass(frozen=True, slots=True)
class Item:
    """A first frame and a prompt, of which every model has a video.

    Attributes:
        source: A position in `Study.sources`.
        sample: The sample's id.
        seed: Of the videos.
        category: The sample's.
        prompt: What is shown with the videos.
        videos: SHA-256 of the run's video of each model, in their order.
        broken: The model whose video is shown damaged in a check; None if the study has no checks.
    """

    source: int
    sample: str
    seed: int
    category: str
    prompt: str
    videos: tuple[str, ...]
    broken: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All of a study but its votes.

    Attributes:
        mode: What a task is.
        questions: What is asked, at least one.
        models: Names, at least two. Everything else calls a model by its position here.
        sources: What the items are of.
        items: Everything else calls an item by its position here.
        per_rater: How many tasks a rater is given, checks included; fewer if there are not so many items.
        checks: The share of them that are checks.
        seed: Of everything that is drawn.
        profile: What the runs were made under, in words (`Profile.label`).
        height: Of the videos, pixels.
        width: The same.
        num_frames: Frames of each video.
        fps: Frames a second.
        consent: What a rater reads before anything else, in paragraphs.
        limit: How many items were asked for; None for all there are.
        categories: Of which categories items were asked for; None for all.
    """

    mode: Mode
    questions: tuple[Question, ...]
    models: tuple[str, ...]
    sources: tuple[Source, ...]
    items: tuple[Item, ...]
    per_rater: int
    checks: float
    seed: int
    profile: str
    height: int
    width: int
    num_frames: int
    fps: float
    consent: tuple[str, ...]
    limit: int | None = None
    categories: tuple[str, ...] | None = None


def first_frame_path(item: int) -> str:
    """Where an item's first frame is, below the study's folder."""
    return f"media/{item}/first.png"


def video_path(item: int, model: int) -> str:
    """Where a model's video is."""
    return f"media/{item}/{model}.mp4"


def broken_path(item: int) -> str:
    """Where the damaged video is."""
    return f"media/{item}/broken.mp4"


def write_study(folder: Path, study: Study) -> None:
    """Write `study.json`; it is whole or not there."""
    write_json(folder / FILE, {"format": FORMAT, **asdict(study)})


def read_study(folder: Path) -> Study:
    """What `study.json` says.

    Raises:
        UserError: There is none, it is damaged, or of another version's layout.
    """
    path = folder / FILE
    try:
        said = parse_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{folder} is not a study: it has no {FILE}") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); it is damaged, or not a study's") from error
    if not isinstance(said, dict) or "format" not in said:
        raise UserError(f"{path} is not a study's: it states no layout")
    if (layout := said.pop("format")) != FORMAT or isinstance(layout, bool):
        raise UserError(f"{path}: another version's layout; this version reads layout {FORMAT}")
    try:
        study: Study = typed(Study, said, "")
        _check(study)
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}") from error
    return study


def _check(study: Study) -> None:
    """What is of the right type and yet cannot be: positions that are none would show, or count, something else.

    Raises:
        ValueError: With what is wrong.
    """
    if len(study.models) < 2 or not study.questions or not study.items:
        raise ValueError("it has no questions, no items or fewer than two models")
    if len({*study.models}) < len(study.models) or len({q.id for q in study.questions}) < len(study.questions):
        raise ValueError("two models or two questions have one name")
    if min(study.per_rater, study.height, study.width, study.num_frames) < 1 or study.fps <= 0:
        raise ValueError("its tasks for each rater, or the size, frames or rate of its videos are none")
    if not 0 <= study.checks < 1:
        raise ValueError(f"checks: expected a share, got {study.checks}")
    for item in study.items:
        if not 0 <= item.source < len(study.sources) or len(item.videos) != len(study.models):
            raise ValueError(f"item {item.sample}: its source or its videos are none of the study's")
        if item.broken is not None and not 0 <= item.broken < len(study.models):
            raise ValueError(f"item {item.sample}: its broken video is of no model")
