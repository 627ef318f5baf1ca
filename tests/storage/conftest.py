"""A cache of the test's own, an address in this process's memory, and nothing that waits for long."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from i2vbench.storage import files, lock


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "WAITS_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lock, "STALE_SECONDS", 0.4)
    monkeypatch.setattr(lock, "_SETTLE_SECONDS", 0.01)
    return tmp_path / "cache"


@pytest.fixture
def memory() -> str:
    return f"memory://{uuid.uuid4().hex}/run"


@pytest.fixture(params=["memory", "file"])
def address(request: pytest.FixtureRequest, memory: str, tmp_path: Path) -> str:
    return memory if request.param == "memory" else f"file://{tmp_path / 'far' / 'run'}"


class Flaky(MemoryFileSystem):
    """A memory behind a bad line: every so many calls something is not done."""

    protocol = "flaky"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    every = 0  # never
    calls = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(str(path).removeprefix("flaky://")))

    def _line(self) -> None:
        type(self).calls += 1
        if self.every and self.calls % self.every == 0:
            raise ConnectionError("the line is down")

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        self._line()
        super().pipe_file(path, value, mode, **options)

    def cat_file(self, *args: Any, **options: Any) -> bytes:
        self._line()
        return bytes(super().cat_file(*args, **options))

    def get_file(self, *args: Any, **options: Any) -> None:
        self._line()
        super().get_file(*args, **options)

    def find(self, *args: Any, **options: Any) -> Any:
        self._line()
        return super().find(*args, **options)


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> type[Flaky]:
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    monkeypatch.setattr(Flaky, "store", {})
    monkeypatch.setattr(Flaky, "pseudo_dirs", [""])
    monkeypatch.setattr(Flaky, "calls", 0)
    monkeypatch.setattr(Flaky, "every", 0)
    return Flaky
