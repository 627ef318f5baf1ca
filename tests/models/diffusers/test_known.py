"""The pipelines that are known by name: every entry fits its class, and the page that lists them says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2vbench.models.diffusers.adapter import Diffusers
from i2vbench.models.diffusers.classes import choose_class
from i2vbench.models.diffusers.known import Known, known
from i2vbench.models.diffusers.options import parameter_of
from i2vbench.models.diffusers.page import table
from i2vbench.names import DTYPES
from tests.models.diffusers.parts import image_to_video_classes

DOCS = Path(__file__).resolve().parents[3] / "docs" / "diffusers.md"
FIELDS = {"name", "height", "width", "num_frames", "fps", "licence", "paper", "call"}


@pytest.mark.parametrize("entry", known().values(), ids=lambda entry: entry.name)
def test_an_entry_fits_its_class(entry: Known) -> None:
    cls = choose_class(entry.cls, {}, entry.name)
    assert cls.name == entry.cls, "a class that another one stands for"
    assert all(parameter_of(name, cls) == name for name in entry.call), "a parameter that its call does not take"
    assert entry.height % entry.size_multiple == entry.width % entry.size_multiple == 0
    assert (entry.num_frames - 1) % (entry.frames_step or 1) == 0
    assert entry.size_multiple % cls.kind.multiple == 0
    assert entry.dtype in DTYPES
    assert not entry.prompt or "{prompt}" in entry.prompt
    assert entry.source
    assert set(entry.unverified) <= FIELDS | set(entry.call)
    assert all(not getattr(entry, name) or name in FIELDS for name in ("licence", "paper"))


def test_every_class_of_the_library_is_in_the_list_or_said_not_to_be() -> None:
    listed = {entry.cls for entry in known().values()}
    without = {"LTXI2VLongMultiPromptPipeline", "LTX2ConditionPipeline"}  # other ways to run checkpoints of the list
    assert listed | without == set(image_to_video_classes())


@pytest.mark.parametrize("name", known())
def test_it_is_told_of_without_its_weights(name: str) -> None:
    entry, info = known()[name], Diffusers(name).info
    assert (info.height, info.width, info.num_frames, info.fps) == (
        entry.height,
        entry.width,
        entry.num_frames,
        entry.fps,
    )
    assert info.name == name.rpartition("/")[2]


def test_the_page_has_the_table_of_the_list() -> None:
    assert "\n".join(table()) in DOCS.read_text(encoding="utf-8")
