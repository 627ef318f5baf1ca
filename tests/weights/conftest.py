"""A catalogue of tiny checkpoints, a server that has them, and empty caches."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from i2vbench.weights import catalogue, http
from i2vbench.weights.catalogue import Checkpoint, entry
from i2vbench.weights.places import hub_folder, own_folder
from i2vbench.weights.shapes import fingerprint
from tests.conftest import environment
from tests.site import Site, serving

RUN = """
import sys
from pathlib import Path
from i2vbench.weights import catalogue
catalogue.CATALOGUE_FILE = Path(sys.argv.pop(1))
from i2vbench.cli import main
main()
"""


def contents_of(seed: int = 0, width: int = 100_000) -> bytes:
    """A .safetensors file of two tensors, `width` numbers in all but eight."""
    generator = torch.Generator().manual_seed(seed)
    return save({"a.weight": torch.rand(width, generator=generator), "a.bias": torch.rand(2, 4, generator=generator)})


KEYS = fingerprint({"a.weight": [100_000], "a.bias": [2, 4]})


@dataclass
class Shelf:
    """The catalogue of a test."""

    file: Path
    site: Site

    def add(self, name: str, *sources: str, kind: str = "tensors", file: str = "", **fields: object) -> Checkpoint:
        """An entry; a source /PATH is of the test's own server."""
        facts: dict[str, object] = {
            "title": f"the network {name}", "file": file or f"{name}.safetensors", "kind": kind, "licence": "MIT",
            "citation": "nobody", "used_by": [f"metric {name}_metric"],
            "sources": [self.site.url + s if s.startswith("/") else s for s in sources],
        }  # fmt: skip
        if kind == "tensors":
            facts["keys"] = [KEYS]
        lines = [f"{key} = {json.dumps(value)}" for key, value in (facts | fields).items()]
        with open(self.file, "a", encoding="utf-8") as file_:
            file_.write(f"[{name}]\n" + "\n".join(lines) + "\n")
        catalogue._load.cache_clear()
        return entry(name)

    def start(self, *args: object, **env: str) -> subprocess.Popen[str]:
        """`i2vbench ARGS` as a process of its own, with this catalogue."""
        command = [sys.executable, "-c", RUN, str(self.file), *map(str, args)]
        variables = {k: v for k, v in environment().items() if k != "HF_HUB_OFFLINE"} | env
        return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def shelf(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    file = tmp_path / "catalogue.toml"
    # The real entry that a model's module reads when it is imported.
    file.write_text(catalogue.CATALOGUE_FILE.read_text(encoding="utf-8").partition("[i3d_tats]")[0], encoding="utf-8")
    monkeypatch.setattr(catalogue, "CATALOGUE_FILE", file)
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(http, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)
    return Shelf(file, site)


def sha256(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()


def place(facts: Checkpoint, contents: bytes) -> Path:
    """A file where the cache keeps it, put there by nobody's leave."""
    path = own_folder(facts) / facts.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    return path


def in_hub_cache(repo: str, revision: str, file: str, contents: bytes) -> Path:
    """A file where the hub's library keeps it."""
    blob = hub_folder(repo) / "blobs" / sha256(contents)
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(contents)
    link = hub_folder(repo) / "snapshots" / revision / file
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(blob, link.parent))
    return link
