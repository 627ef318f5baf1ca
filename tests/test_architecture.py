"""The one drawing of the house is the one that imports are held to."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import i2vbench
from tests.conftest import ROOT

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
ROOMS = next(
    contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    if contract["name"] == "rooms"
)


def test_the_drawing_is_what_imports_are_held_to() -> None:
    drawing = PAGE.split("```")[1].strip().splitlines()
    # What a line says of its rooms stands behind several spaces.
    assert [re.split(r" {3,}", line)[0].strip() for line in drawing] == ROOMS["layers"]


def test_every_room_stands_in_the_table() -> None:
    table = PAGE[PAGE.index("## The rooms") : PAGE.index("## One run")]
    named = {name.rstrip("/").removesuffix(".py").split("/")[0] for name in re.findall(r"`([\w/]+(?:\.py)?)`", table)}
    rooms = {room for line in ROOMS["layers"] for room in line.split(" | ")} - {"__main__"}
    assert rooms <= named


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("files.py", "from i2vbench.cli import options"),
        ("nowhere.py", "import json"),  # a room that the drawing lacks
    ],
)
def test_what_the_drawing_does_not_have_is_refused(tmp_path: Path, room: str, line: str) -> None:
    package = tmp_path / "i2vbench"
    package.mkdir()
    own = Path(i2vbench.__file__).parent
    for path in (*own.iterdir(), *(ROOT / name for name in ("models", "metrics", "datasets", "leaderboards"))):
        if path.name != room:
            (package / path.name).symlink_to(path)
    (package / room).write_text(f"{(own / room).read_text() if (own / room).exists() else ''}\n{line}\n")
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache", "--no-logo", ROOT / "pyproject.toml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "rooms BROKEN" in done.stdout or "Missing layers" in done.stdout + done.stderr
