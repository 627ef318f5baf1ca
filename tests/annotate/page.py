"""The command as a process, and a client that asks it as its page does."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from i2vbench.datasets.annotations import Annotation
from i2vbench.datasets.metadata import METADATA, read_folder
from tests.asking import Answer, Asking
from tests.conftest import ROOT, SMALL_PROFILE, environment, make_dataset

PROMPTS = ("clip number 0.", "clip number 1.", "clip number 2.", "picture number 0.")


class Words(NamedTuple):
    """What an annotation says beside the prompt."""

    objects: tuple[str, ...] = ()
    scene: str = ""


def shown(index: int, objects: Sequence[str] = (), scene: str = "", **more: str) -> dict[str, Any]:
    """A clip's annotation as the page shows it."""
    return {"prompt": PROMPTS[index], "objects": list(objects), "scene": scene, "prompt_state": "", **more}


class Annotating:
    """A running command.

    Args:
        folder: What it is to annotate.
        options: Its last ones.
        command: The module that is run, and its first arguments.
    """

    def __init__(self, folder: Path, *options: str, command: Sequence[str] = ("tests.annotate.start",)) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command, str(folder), *options],
            cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert " at http://127.0.0.1:" in first, (first, self.process.stderr and self.process.stderr.read())
        self.address = first.split(" at ")[1].strip()
        parts = urlsplit(self.address)
        assert parts.port
        self.port, self.path = parts.port, parts.path
        self.origin = f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        whole_path: str | None = None,
        method: str | None = None,
    ) -> Answer:
        """GET, or POST of a body, as the page does it; `headers` of "" are left out."""
        return Asking(self.port).ask(whole_path or self.path + path, body, headers=headers, method=method)

    def clip(self, index: int) -> Any:
        answer = self.ask(f"clips/{index}")
        assert answer.status == 200, answer
        return answer.json

    def proposed(self, index: int) -> Any:
        """The clip, once its proposal is there."""
        end = time.monotonic() + 60
        while (clip := self.clip(index))["proposal"]["state"] == "waiting":
            assert time.monotonic() < end
            time.sleep(0.02)
        return clip

    def decide(
        self,
        index: int,
        decision: str,
        objects: str = "",
        scene: str = "",
        before: dict[str, Any] | None = None,
        prompt: str | None = None,
    ) -> Answer:
        """What the page sends; the prompt is the one that was shown unless another is given."""
        before = before or shown(index)
        typed = {"prompt": before["prompt"] if prompt is None else prompt, "objects": objects, "scene": scene}
        return self.ask(f"clips/{index}", {"decision": decision, **typed, "before": before})

    def end(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """(exit code, what it printed, what it told)."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=120)
        return self.process.returncode, output, errors


Start = Callable[..., Annotating]


def annotations(folder: Path) -> dict[str, Annotation]:
    rows, faults, _ = read_folder(folder)
    assert not faults
    return {row.sample.id: Annotation.of(row) for row in rows}


def words(folder: Path) -> dict[str, Words]:
    return {id_: Words(found.objects, found.scene) for id_, found in annotations(folder).items()}


def make_unannotated(folder: Path, **more: Any) -> Path:
    make_dataset(folder, **more)
    table = folder / METADATA
    table.write_text(table.read_text().replace(",dog,park", ",,"))
    (folder.parent / "small.toml").write_text(SMALL_PROFILE)
    return folder


def make_proposed(folder: Path, **more: Any) -> Path:
    """As curation leaves a folder: prompts proposed by a machine, but for the last one, and no words."""
    make_unannotated(folder, **more)
    table = folder / METADATA
    head, *lines = table.read_text().splitlines()
    states = ["proposed"] * (len(lines) - 1) + [""]
    rows = [f"{line},{state}" for line, state in zip(lines, states, strict=True)]
    table.write_text("\n".join([f"{head},prompt_state", *rows, ""]))
    return folder
