"""The command line in this process: for commands whose libraries take longer to import than the command to run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from i2vbench import log
from i2vbench.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


Inside = Callable[..., Done]


def call_inside(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    """`i2vbench ARGS` in `folder`, as a function of ARGS."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def call(*args: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["i2vbench", *map(str, args)])
        monkeypatch.setattr(log, "_told", set())
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return Done(int(end.value.code or 0), said.out, said.err)

    return call
