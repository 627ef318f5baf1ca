"""The archive of a small run, verified and changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from i2vbench.leaderboards.submission.report import Report
from i2vbench.leaderboards.submission.verify import Wish, verify
from tests.leaderboards.conftest import Submitted
from tests.leaderboards.submission.archives import Edit, put_together, seal, take_apart

Look = Callable[..., Report]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Verifies the bytes of an archive, in this process, without measuring unless asked."""

    def call(contents: bytes, **wish: object) -> Report:
        path, room = tmp_path / "a.zip", tmp_path / "room"
        path.write_bytes(contents)
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir()
        given: dict[str, object] = {"recompute_only": True, "anyway": True, "device": "cpu", "seed": 5} | wish
        return verify(Wish(archive=path, **given), room)  # type: ignore[arg-type]

    return call


Change = Callable[..., bytes]


@pytest.fixture
def changed(submitted: Submitted) -> Change:
    """The archive with something changed, every hash made to fit unless it is careless."""

    def call(*edits: Edit, careless: bool = False, whole: bool = False) -> bytes:
        parts = take_apart(submitted.archive if whole else submitted.bare)
        for edit in edits:
            edit(parts)
        return put_together(parts) if careless else seal(parts)

    return call
