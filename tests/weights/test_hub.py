"""Files of the hub, by its own library, from a server that stands in for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.weights import MissingCheckpoint, find, missing
from i2vbench.weights.bring import verify
from i2vbench.weights.catalogue import Checkpoint
from i2vbench.weights.fetch import fetch as fetch_all
from i2vbench.weights.places import hub_folder
from i2vbench.weights.progress import Transfers
from tests.site import Request, Site, good, status
from tests.weights.conftest import Shelf, contents_of, in_hub_cache, sha256

FILE = contents_of()
OTHER = contents_of(seed=1)
COMMIT = "a" * 40


def serve(site: Site, contents: bytes) -> None:
    """As the hub does with a large file: its SHA-256 and size stand in the headers."""

    def head(request: Request) -> None:
        request.head(200, X_Repo_Commit=COMMIT, ETag=f'"{sha256(contents)}"', Content_Length=len(contents))

    path = f"/owner/repo/resolve/{COMMIT}/f.safetensors"
    site.answers |= {f"HEAD {path}": head, path: good(contents)}


def fetch(shelf: Shelf, facts: Checkpoint, **env: str) -> tuple[int, str]:
    """As a process of its own: the hub's library reads its address when it is imported."""
    process = shelf.start("weights", "fetch", facts.name, HF_ENDPOINT=shelf.site.url, HF_HUB_DISABLE_XET="1", **env)
    stderr = process.communicate(timeout=60)[1]
    return process.returncode, stderr


@pytest.fixture
def facts(shelf: Shelf) -> Checkpoint:
    return shelf.add("a", f"hf:owner/repo@{COMMIT}/f.safetensors", "/mirror", sha256=sha256(FILE), size=len(FILE))


def test_a_file_of_the_hub_comes_into_the_hubs_cache(shelf: Shelf, facts: Checkpoint) -> None:
    serve(shelf.site, FILE)
    code, said = fetch(shelf, facts)
    assert code == 0, said
    assert find("a") == hub_folder("owner/repo") / "snapshots" / COMMIT / "f.safetensors"
    assert find("a").read_bytes() == FILE


def test_a_wrong_file_of_the_hub_is_not_taken_and_the_mirror_serves(shelf: Shelf, facts: Checkpoint) -> None:
    serve(shelf.site, OTHER)
    shelf.site.answers["/mirror"] = good(FILE)
    code, said = fetch(shelf, facts)
    assert code == 0, said
    assert find("a").read_bytes() == FILE


def test_a_hub_that_does_not_answer_gives_way_to_the_mirror(shelf: Shelf, facts: Checkpoint) -> None:
    shelf.site.answers["/mirror"] = good(FILE)
    code, said = fetch(shelf, facts)
    assert code == 0, said
    assert find("a").read_bytes() == FILE


def test_a_spoilt_file_in_the_hubs_cache_is_fetched_anew(shelf: Shelf, facts: Checkpoint) -> None:
    serve(shelf.site, FILE)
    assert fetch(shelf, facts)[0] == 0
    path: Path = find("a").resolve()
    path.write_bytes(OTHER)
    with pytest.raises(UserError, match="weights fetch a` gets it anew"):
        find("a")
    code, said = fetch(shelf, facts)
    assert code == 0, said
    assert find("a").read_bytes() == FILE


DAMAGED: list[bool] = []


def find_repo(*, download: bool = False) -> Path:
    """As a model finds its folder; `download` brings one file, damaged where a test says so."""
    folder = hub_folder("owner/repo") / "snapshots" / "main"
    if not folder.is_dir():
        if not download:
            raise UserError("the folder is not here")
        link = in_hub_cache("owner/repo", "main", "unet/f.safetensors", FILE)
        if DAMAGED:
            link.resolve().write_bytes(OTHER)
    return folder


def test_a_folder_comes_by_its_own_finder_and_every_file_is_hashed(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = shelf.add("f", "hf:owner/repo", kind="folder", file="f", finder=f"{__name__}:find_repo")
    assert missing(["f"]) == [facts]
    with pytest.raises(MissingCheckpoint, match="the folder is not here"):
        find("f")
    with monkeypatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        (reason,) = fetch_all([facts], Transfers())
        assert "HF_HUB_OFFLINE forbids the network" in reason
    with monkeypatch.context() as patch:
        patch.setattr(f"{__name__}.DAMAGED", [True])
        (reason,) = fetch_all([facts], Transfers())
        assert "unet/f.safetensors in" in reason
    ((_, text, good_),) = verify([facts])
    assert not good_
    assert "changed since they came" in text
    shutil.rmtree(hub_folder("owner/repo"))
    assert fetch_all([facts], Transfers()) == []
    assert find("f") == hub_folder("owner/repo") / "snapshots" / "main"
    assert [(text, good_) for _, text, good_ in verify([facts])] == [("files hashed: 1, all as the hub has them", True)]


def test_offline_the_hub_is_not_asked(shelf: Shelf, facts: Checkpoint) -> None:
    serve(shelf.site, FILE)
    code, said = fetch(shelf, facts, HF_HUB_OFFLINE="1")
    assert code == 1
    assert "HF_HUB_OFFLINE forbids the network" in said
    assert shelf.site.asked == []


def test_a_hub_and_a_mirror_that_fail_are_both_named(shelf: Shelf, facts: Checkpoint) -> None:
    shelf.site.answers["/mirror"] = status(403)
    code, said = fetch(shelf, facts)
    assert code == 1
    assert "hf:owner/repo" in said
    assert "/mirror: answered 403" in said
    assert "Traceback" not in said
