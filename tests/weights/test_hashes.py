"""Hashes of large files: read once, and again once the file is another."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from i2vbench.weights import hashes
from i2vbench.weights.hashes import content_sha256

LARGE = os.urandom(hashes._SMALL + 1)


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read."""
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "cache"))
    seen: list[Path] = []
    real = hashes.file_sha256

    def spy(path: Path) -> str:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(hashes, "file_sha256", spy)
    return seen


def test_a_large_file_is_read_once_for_as_long_as_it_stays(tmp_path: Path, read: list[Path]) -> None:
    file = tmp_path / "weights"
    file.write_bytes(LARGE)
    first = content_sha256(file)
    assert first == hashlib.sha256(LARGE).hexdigest()
    assert content_sha256(file) == first
    assert len(read) == 1
    file.write_bytes(LARGE[::-1])  # as many bytes
    os.utime(file, ns=(0, 1))
    assert content_sha256(file) == hashlib.sha256(LARGE[::-1]).hexdigest()
    assert len(read) == 2
    file.write_bytes(LARGE)
    os.utime(file, ns=(0, 1))  # as an archive that keeps times unpacks it
    assert content_sha256(file) == first


def test_the_hubs_cache_tells_the_hash_by_its_name(tmp_path: Path, read: list[Path]) -> None:
    blob = tmp_path / ("ab" * 32)
    blob.write_bytes(LARGE)
    link = tmp_path / "weights"
    link.symlink_to(blob)
    assert content_sha256(link) == "ab" * 32
    assert read == []
    assert content_sha256(blob) == hashlib.sha256(LARGE).hexdigest(), "a name is believed of the cache's links alone"


def test_a_spoilt_memory_and_one_that_cannot_be_written_cost_only_time(tmp_path: Path, read: list[Path]) -> None:
    file = tmp_path / "weights"
    file.write_bytes(LARGE)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "hashes.json").write_text("[1, 2")
    assert content_sha256(file) == content_sha256(file)
    assert len(read) == 1
    (tmp_path / "cache" / "hashes.json").unlink()
    (tmp_path / "cache" / "hashes.json").mkdir()
    assert content_sha256(file) == hashlib.sha256(LARGE).hexdigest()
