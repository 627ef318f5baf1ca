"""Readers of foreign data end by themselves or with a sentence, whatever they are given.

A few inputs each, always the same; `python -m tests.fuzz` tries many, others with each --seed.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i2vbench.errors import UserError
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS
from tests.fuzz.videos import examples, outcomes

EXAMPLES = 30

NEEDS = {"posts": "uvicorn", "decisions": "fastapi"}
"""Extras of readers, by what is imported of them."""


@pytest.mark.filterwarnings("ignore")  # what Pillow and numpy say of damaged files
@pytest.mark.parametrize("name", TARGETS)
def test_whatever_is_read_is_read_or_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    pytest.importorskip(NEEDS.get(name, "i2vbench"))
    target = TARGETS[name]
    valid = target.examples(tmp_path)

    @settings(
        max_examples=max(5, round(EXAMPLES * target.share)),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 1 << 32))
    def read(seed: int) -> None:
        random = Random(seed)
        assert refusal(target, tmp_path, target.change(random.choice(valid), random)) != ""

    assert refusal(target, tmp_path, valid[0]) is None, "of what is refused at once, nothing behind is tried"
    for example in valid[1:]:
        assert refusal(target, tmp_path, example) != ""
    read()


def refusal(target: Target, room: Path, data: bytes) -> str | None:
    """The sentence with which data are refused; None if they are read."""
    try:
        target.read(room, data)
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize("reader", ["pyav", "decord"])
def test_damaged_videos_end_no_process_that_reads_them(reader: str, tmp_path: Path) -> None:
    pytest.importorskip("decord" if reader == "decord" else "av")
    given = examples(tmp_path)
    found = [said for said, _ in outcomes(reader, 0, given, tmp_path, time.monotonic() + 600, 25)]
    assert set(found) <= {"read", "refused"}, found
    assert "refused" in found
