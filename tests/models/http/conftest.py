"""An API of the test's own, a description of it, and the model that the description makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from i2vbench.models.base import Preparation
from i2vbench.models.http.adapter import Http
from i2vbench.profiles import load_profile
from i2vbench.types import Frames, Request
from tests.conftest import moving_frames
from tests.models.http.api import FPS, FRAMES, HEIGHT, KEY, WIDTH, Api, serving

FAST = {
    "submit_seconds": 1.0, "request_seconds": 1.0, "download_seconds": 2.0, "job_seconds": 5.0, "busy_seconds": 2.0,
    "first_poll_seconds": 0.01, "longest_poll_seconds": 0.02, "first_wait_seconds": 0.01, "longest_wait_seconds": 0.05,
    "tries": 3,
}  # fmt: skip


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as api:
        yield api


def toml(data: dict[str, Any]) -> str:
    """A description as TOML; None leaves a setting or a table out."""
    plain = {name: value for name, value in data.items() if value is not None and not isinstance(value, dict)}
    text = "".join(f"{name} = {_inline(value)}\n" for name, value in plain.items())
    for name, value in data.items():
        if isinstance(value, dict):
            text += f"[{name}]\n" + "".join(f"{k} = {_inline(v)}\n" for k, v in value.items() if v is not None)
    return text


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


def settings(api: Api) -> dict[str, Any]:
    """A description of the API that behaves."""
    return {
        "height": HEIGHT, "width": WIDTH, "num_frames": FRAMES, "fps": FPS, "budget_clips": 20,
        "key": {"env": "TEST_API_KEY"},
        "submit": {
            "url": f"{api.url}/submit", "id": "id",
            "body": {"prompt": "{prompt}", "seed": "{seed}", "image": "{first_frame_data_uri}"},
        },
        "poll": {"url": f"{api.url}/poll/{{id}}", "state": "status", "done": ["succeeded"], "failed": ["failed"],
                 "reason": "error"},
        "result": {"video": "output.0"},
        "limits": dict(FAST),
    }  # fmt: skip


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Settings with others, "table.name" written table__name."""
    out = {name: dict(value) if isinstance(value, dict) else value for name, value in base.items()}
    for name, value in changes.items():
        table, _, inner = name.partition("__")
        if inner:
            out.setdefault(table, {})[inner] = value
        else:
            out[table] = value
    return out


Make = Callable[..., Http]


@pytest.fixture
def file(api: Api, tmp_path: Path) -> Callable[..., Path]:
    """Writes the description, with changes."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "my_api.toml"
        path.write_text(toml(merged(settings(api), changes)))
        return path

    return write


@pytest.fixture
def make(file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A loaded model, in a new process as far as the model can tell; its ledger stays between two of them."""
    monkeypatch.setenv("TEST_API_KEY", KEY)
    made: list[Http] = []

    def load(**changes: Any) -> Http:
        for before in made:
            before.unload()
        model = Http(str(file(**changes)))
        protocol = load_profile("paper").protocol
        model.prepare(Preparation([], frozenset(), protocol, "pyav", tmp_path / "own"))
        model.load("cpu", "float32")
        made.append(model)
        return model

    yield load
    for model in made:
        model.unload()


def ask(seed: int = 0, prompt: str = "a dog") -> Request:
    return Request(f"clip-{seed}", moving_frames(1, HEIGHT, WIDTH, seed)[0], prompt, FRAMES, HEIGHT, WIDTH, FPS, seed)


def videos(model: Http, *seeds: int) -> list[Frames]:
    return [video.frames for video in model.generate([ask(seed) for seed in seeds])]


def everything(folder: Path, skip: Sequence[str] = ()) -> bytes:
    """All that was written below a folder, names included."""
    found = b""
    for path in sorted(folder.rglob("*")):
        found += str(path.relative_to(folder)).encode()
        if path.is_file() and path.name not in skip:
            found += path.read_bytes()
    return found
