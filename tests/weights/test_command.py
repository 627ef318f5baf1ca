"""`i2vbench weights ...`: what it prints and with which exit code it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.cli.inside import Inside, call_inside
from tests.site import good
from tests.weights.conftest import Shelf, contents_of, place, sha256

FILE = contents_of()

METRIC = """
from i2vbench.metrics.base import Metric
from i2vbench.types import MetricInfo

class Mine(Metric):
    info = MetricInfo(id="mine", title="Mine", direction="higher", checkpoints=("b",))
    def measure(self, clips):
        return []
"""


@pytest.fixture
def call(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inside:
    call = call_inside(tmp_path, monkeypatch, capsys)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    return call


def test_the_list_says_what_is_here_and_what_its_hash_is_held_to(shelf: Shelf, call: Inside) -> None:
    shelf.add("pinned", "/a", sha256=sha256(FILE))
    place(shelf.add("seen", "/a", size=len(FILE)), FILE)
    shelf.add("unseen", "/a", about=50_000_000)
    shelf.add("script", "/a", kind="torchscript", optional=True, used_by=[])
    assert call("weights", "fetch", "seen").code == 0
    done = call("weights")
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line and not line.startswith(" ")}
    assert lines["pinned"].split()[1:] == ["no", "size", "unknown", "pinned", "metric", "pinned_metric"]
    assert lines["seen"].split()[1:] == ["yes", "400.2", "kB", "recorded", "metric", "seen_metric"]
    assert "no    about 50.0 MB  unknown" in lines["unseen"]
    assert "unknown, not trusted  by name only" in lines["script"]
    rows = {row["name"]: row for row in json.loads(call("weights", "--json").stdout)}
    assert (rows["seen"]["here"], rows["seen"]["hash"], rows["seen"]["sha256"]) == (True, "recorded", sha256(FILE))
    assert (rows["pinned"]["here"], rows["pinned"]["path"], rows["pinned"]["hash"]) == (False, None, "pinned")


PROFILE = """
name = "mine"
title = "another I3D"
protocol = "i2v-bench"

[checkpoints]
fvd = ["i3d_torchscript"]
"""


def test_fetch_for_a_metric_gets_what_it_needs(shelf: Shelf, call: Inside, tmp_path: Path) -> None:
    shelf.site.answers["/a"] = good(FILE)
    for name in ("i3d_tats", "inception_2015_12_05", "b", "i3d_torchscript"):
        shelf.add(name, "/a")
    (tmp_path / "mine.py").write_text(METRIC)
    (tmp_path / "mine.toml").write_text(PROFILE)

    def here() -> set[str]:
        return {row["name"] for row in json.loads(call("weights", "--json").stdout) if row["here"]}

    done = call("weights", "fetch", "--for", "metric", "fvd")
    assert done.code == 0
    assert "fetching i3d_tats (1 of unknown size)" in done.stderr
    assert here() == {"i3d_tats"}
    assert call("weights", "fetch", "--quiet", "--for", "metric", "mine.py:Mine").code == 0
    assert here() == {"i3d_tats", "b"}
    assert call("weights", "fetch", "--quiet", "--for", "metric", "kid").code == 0
    assert "inception_2015_12_05" in here(), "what it aggregates the features of"
    assert call("weights", "fetch", "--quiet", "--for", "profile", "mine.toml").code == 0
    assert here() == {"i3d_tats", "b", "inception_2015_12_05", "i3d_torchscript"}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--for", "metric", "flicker"), "flicker"),
        (("--for", "model", "statik"), "did you mean static"),
        (("--for", "profile", "papr"), "unknown profile 'papr'"),
        (("--for", "curation", "papr"), "did you mean paper"),
        (("--for", "dataset", "demo"), "--for 'dataset': expected metric, model, profile or curation"),
        (("nothing",), "unknown checkpoint 'nothing'"),
    ],
)
def test_what_there_is_not_is_refused(call: Inside, args: tuple[str, ...], words: str) -> None:
    done = call("weights", "fetch", *args)
    assert done.code == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_thing_that_needs_nothing_is_done_at_once(shelf: Shelf, call: Inside) -> None:
    done = call("weights", "fetch", "--for", "model", "static")
    assert (done.code, done.stderr) == (0, "model static needs no checkpoint\n")
    assert shelf.site.asked == []


def test_a_fetch_that_fails_ends_with_1_and_a_sentence(shelf: Shelf, call: Inside) -> None:
    shelf.add("a", "/nowhere")
    done = call("weights", "fetch", "a", "--quiet")
    assert done.code == 1
    assert done.stderr == (f"i2vbench: checkpoint a could not be fetched: {shelf.site.url}/nowhere: answered 404\n")


def test_verify_ends_with_1_if_a_file_is_bad(shelf: Shelf, call: Inside) -> None:
    place(shelf.add("fine", "/a", sha256=sha256(FILE)), FILE)
    place(shelf.add("new", "/a"), FILE)
    shelf.add("absent", "/a")
    done = call("weights", "verify")
    assert done.code == 0
    assert done.stdout.splitlines() == [
        f"good  fine: SHA-256 {sha256(FILE)}, pinned",
        f"good  new: SHA-256 {sha256(FILE)}, recorded now",
    ]
    place(shelf.add("spoilt", "/a", sha256=sha256(FILE)), contents_of(seed=1))
    done = call("weights", "verify")
    assert done.code == 1
    assert "BAD   spoilt: checkpoint spoilt: spoilt.safetensors has SHA-256" in done.stdout
    assert "good  new: " in done.stdout


def test_import_and_trust(shelf: Shelf, call: Inside, tmp_path: Path) -> None:
    shelf.add("a", "/a")
    shelf.add("s", "/s", kind="torchscript", file="s.pt")
    (tmp_path / "a.bin").write_bytes(FILE)
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), tmp_path / "s.bin")
    trusted = sha256((tmp_path / "s.bin").read_bytes())
    assert call("weights", "import", "a.bin", "a").code == 0
    assert call("weights", "import", "s.bin", "a").code == 2
    assert call("weights", "import", "s.bin", "s").code == 0
    assert call("weights", "trust", "s", "0" * 64).code == 2
    assert call("weights", "trust", "s", trusted).code == 0
    rows = {row["name"]: row for row in json.loads(call("weights", "--json").stdout)}
    assert rows["s"]["trusted"]
    refused = call("weights", "import", "a.bin", "consisti2v")
    assert refused.code == 2
    assert "is a folder, which is not copied" in refused.stderr
