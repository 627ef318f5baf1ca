"""The folder of a model of the small run: made once by the command, copied for whoever changes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from i2vbench.leaderboards.folders.add import Place, add
from i2vbench.leaderboards.folders.check import verify_folder
from i2vbench.leaderboards.submission.report import Report
from i2vbench.leaderboards.submission.verify import Wish
from tests.leaderboards.conftest import Submitted

ADDRESS = "https://example.org/whole.zip"
FILLED = {
    "authors = []": 'authors = ["A. Author", "B. Author"]',
    'licence = ""': 'licence = "MIT"',
    'paper = ""': 'paper = "https://arxiv.org/abs/2402.04324"',
    'url = ""': f'url = "{ADDRESS}"',
}


@pytest.fixture(scope="session")
def made(submitted: Submitted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder msrvtt/rolling of a run under the tiny profile, filled in. Not to be changed."""
    room, root = tmp_path_factory.mktemp("room"), tmp_path_factory.mktemp("made")
    wish = Wish(archive=submitted.archive, recompute_only=True, device="cpu", anyway=True, model="rolling")
    added = add(wish, Place(root=root, board="msrvtt"), room)
    assert added.folder == root / "msrvtt" / "rolling", added.report.faults
    fill_in(added.folder)
    return added.folder


def fill_in(folder: Path, changes: dict[str, str] = FILLED) -> None:
    """Change lines of entry.toml."""
    card = folder / "entry.toml"
    text = card.read_text(encoding="utf-8")
    for before, after in changes.items():
        assert before in text, (before, text)
        text = text.replace(before, after, 1)
    card.write_text(text, encoding="utf-8")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "accepted" / "msrvtt" / "rolling"))


Hold = Callable[..., Report]


@pytest.fixture
def hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hold:
    """Verifies a folder in this process; nothing is fetched, and nothing measured unless asked."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def call(path: Path, archive: Path | str = "", **wish: object) -> Report:
        room = tmp_path / "room"
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir()
        given: dict[str, object] = {"recompute_only": True, "anyway": True, "device": "cpu", "seed": 5} | wish
        return verify_folder(path, Wish(archive=Path("unused"), **given), room, str(archive))  # type: ignore[arg-type]

    return call
