"""An entry is whole or as good as none, whoever writes it and whatever has become of it."""

from __future__ import annotations

import errno
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from i2vbench.files import link_or_copy
from i2vbench.kept.entries import Share, clear, read_entry, shares, write_entry
from i2vbench.kept.measurements import find_measurements, keep_measurements
from i2vbench.types import Measurement
from tests.conftest import Cli

KEY = "ab" * 32
MEASURED = [
    Measurement("a", "m", value=1 / 3, details={"list": [1, 0.1, "ü"], "none": None}),
    Measurement("b", "m", not_applicable="it moves", details={"pixels": 1.5}),
    Measurement("c", "m", features=np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)),
]


def entry(cache_of_tests: Path) -> Path:
    (path,) = (path for path in (cache_of_tests / "kept").rglob("*") if path.is_file())
    return path


def test_measurements_come_back_exactly_for_whoever_asks() -> None:
    keep_measurements("m", KEY, MEASURED)
    found = find_measurements("m", KEY, ["x", "y", "z"])
    assert found is not None
    assert [m.sample_id for m in found] == ["x", "y", "z"]
    for ours, theirs in zip(found, MEASURED, strict=True):
        assert (ours.value, ours.details, ours.not_applicable) == (theirs.value, theirs.details, theirs.not_applicable)
        assert (ours.features is None) == (theirs.features is None)
    features = found[2].features, MEASURED[2].features
    assert features[0] is not None
    assert features[1] is not None
    assert (features[0].dtype, features[0].tobytes()) == (features[1].dtype, features[1].tobytes())
    assert find_measurements("m", KEY, ["x", "y"]) is None
    assert find_measurements("other", KEY, ["x", "y", "z"]) is None
    assert find_measurements("m", "cd" * 32, ["x", "y", "z"]) is None


def test_errors_are_not_kept(cache_of_tests: Path) -> None:
    keep_measurements("m", KEY, [MEASURED[0], Measurement("b", "m", error="out of memory")])
    assert not (cache_of_tests / "kept").exists()


def test_whatever_is_damaged_is_none(cache_of_tests: Path) -> None:
    keep_measurements("m", KEY, MEASURED)
    path = entry(cache_of_tests)
    whole, clock = path.read_bytes(), random.Random(0)
    for at in [0, 63, 64, 65, len(whole) - 1, *(clock.randrange(len(whole)) for _ in range(100))]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << clock.randrange(8))]) + whole[at + 1 :])
        assert find_measurements("m", KEY, ["a", "b", "c"]) is None, at
    for damaged in (b"", whole[:64], whole[:-1], whole + b"x", b"\n", b"no entry"):
        path.write_bytes(damaged)
        assert find_measurements("m", KEY, ["a", "b", "c"]) is None


@pytest.mark.parametrize("contents", [b"", b"{}", b"PK\x03\x04"])
def test_whole_contents_of_another_kind_are_none(contents: bytes) -> None:
    write_entry("measurements/m", KEY, contents)
    assert find_measurements("m", KEY, ["a"]) is None


def test_many_writers_of_one_entry_leave_a_whole_one(cache_of_tests: Path) -> None:
    contents = [bytes([i]) * 100_000 for i in range(8)]

    def work(number: int) -> set[bytes | None]:
        seen = set()
        for _ in range(20):
            write_entry("kind", KEY, contents[number])
            seen.add(read_entry("kind", KEY))
        return seen

    with ThreadPoolExecutor(8) as pool:
        seen = set().union(*pool.map(work, range(8)))
    assert seen <= set(contents)
    assert read_entry("kind", KEY) in contents
    assert entry(cache_of_tests).name == KEY, "and nothing unfinished"


def test_what_is_kept_is_counted_and_cleared_by_age(cache_of_tests: Path, cli: Cli) -> None:
    write_entry("measurements/fvd", KEY, b"x" * 935)
    write_entry("measurements/fvd", "cd" * 32, b"x" * 935)
    write_entry("videos", KEY, b"x" * 435)
    assert shares() == {"measurements/fvd": Share(2, 2000), "videos": Share(1, 500)}
    listed = cli("cache")
    assert "measurements/fvd  2        2.0 kB" in listed.stdout
    assert "all               3        2.5 kB" in listed.stdout
    for path in (cache_of_tests / "kept").rglob(KEY):
        os.utime(path, (time.time() - 10 * 86_400,) * 2)
    assert read_entry("videos", KEY) is not None, "which is of use again"
    assert ": 1 (1.0 kB)" in cli("cache", "--clear", "--older-than", "9").stdout
    assert shares() == {"measurements/fvd": Share(1, 1000), "videos": Share(1, 500)}
    (cache_of_tests / "kept" / "videos" / ".left.partial").write_bytes(b"x")
    assert clear() == Share(2, 1501)
    assert not list((cache_of_tests / "kept").rglob("*"))
    assert cli("cache", "--older-than", "9").returncode == 2


def test_a_link_where_that_can_be_and_a_copy_where_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, path = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"video")
    path.write_bytes(b"another")
    (tmp_path / ".b.partial").write_bytes(b"left by a kill")
    link_or_copy(source, path)
    assert path.samefile(source)
    link_or_copy(source, path)  # one of two names onto the other
    (tmp_path / "link").symlink_to("a")
    link_or_copy(tmp_path / "link", tmp_path / "c")
    assert not (tmp_path / "c").is_symlink()

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(source, tmp_path / "d")
    assert (tmp_path / "d").read_bytes() == b"video"
    assert not (tmp_path / "d").samefile(source)
    assert not list(tmp_path.glob(".*"))
