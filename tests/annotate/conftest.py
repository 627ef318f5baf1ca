"""A folder without words, and the command on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.annotate.page import Annotating, Start, make_unannotated


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips and a picture, without words."""
    return make_unannotated(tmp_path / "data")


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts the command on the folder; what is not ended by the test is killed."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    running: list[Annotating] = []

    def call(*options: str) -> Annotating:
        running.append(Annotating(folder, *options))
        return running[-1]

    yield call
    for one in running:
        one.process.kill()
        one.process.communicate()


@pytest.fixture(scope="module")
def annotating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Annotating]:
    """One running command for all tests that change nothing."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    page = Annotating(make_unannotated(tmp_path_factory.mktemp("annotate") / "data"))
    yield page
    page.process.kill()
    page.process.communicate()
