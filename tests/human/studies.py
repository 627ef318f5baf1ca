"""Small studies on disk, without any run: media are bytes that say what they are, or tiny pictures and videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from i2vbench.human.study import (
    Item,
    Question,
    Source,
    Study,
    broken_path,
    first_frame_path,
    video_path,
    write_study,
)

MODELS = ("Zebra-Large", "alpha/animator", "ÜBER <b>net</b>", "consisti2v-like", "=SUM(quux)")
"""Names that no answer may hold."""

QUESTIONS = (
    Question("appearance", "Appearance", "Which videos have the best appearance consistency?"),
    Question("motion", "Motion", "Which videos have the best motion consistency?"),
)


def study_of(items: int = 12, models: int = 5, **changes: Any) -> Study:
    """A study of one source; `changes` are fields of it."""
    study = Study(
        mode="choice",
        questions=QUESTIONS,
        models=MODELS[:models] if models <= len(MODELS) else tuple(f"{MODELS[0]}-{i}" for i in range(models)),
        sources=(Source("demo", "f" * 64, None, "the data set's own"),),
        items=tuple(
            Item(0, f"sample-{index}", 0, ("Pet", "Food")[index % 2], f"A dog, number {index}.", ("a" * 64,) * models,
                 index % models)
            for index in range(items)
        ),
        per_rater=10,
        checks=0.2,
        seed=7,
        profile="small",
        height=32,
        width=48,
        num_frames=4,
        fps=8.0,
        consent=("You are shown videos.", "Your answers are kept."),
    )  # fmt: skip
    return replace(study, **changes)


def make_study(folder: Path, *, real: bool = False, **changes: Any) -> Study:
    """A study in a folder.

    Args:
        folder: Made if it is not there.
        real: Whether first frames and videos can be shown; else they are bytes such as b"video 3 of item 7".
        changes: Arguments of `study_of`.
    """
    study = study_of(**changes)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(len(study.items)):
        (folder / first_frame_path(index)).parent.mkdir(parents=True, exist_ok=True)
        (folder / first_frame_path(index)).write_bytes(b"first frame of item %d" % index)
        for model in range(len(study.models)):
            (folder / video_path(index, model)).write_bytes(b"video %d of item %d" % (model, index))
        (folder / broken_path(index)).write_bytes(b"broken video of item %d" % index)
    if real:
        _make_real(folder, study)
    write_study(folder, study)
    return study


def _make_real(folder: Path, study: Study) -> None:
    import numpy as np

    from i2vbench.types import Video
    from i2vbench.video import encode_png, write_preview

    rng = np.random.default_rng(0)
    shape = (study.num_frames, study.height, study.width, 3)
    for index in range(len(study.items)):
        (folder / first_frame_path(index)).write_bytes(encode_png(np.full(shape[1:], 40 * index % 256, np.uint8)))
        for model in range(len(study.models)):
            frames = np.broadcast_to(rng.integers(0, 256, (study.num_frames, 1, 1, 3), dtype=np.uint8), shape)
            write_preview(folder / video_path(index, model), Video(np.ascontiguousarray(frames), study.fps))
        write_preview(folder / broken_path(index), Video(rng.integers(0, 256, shape, dtype=np.uint8), study.fps))
