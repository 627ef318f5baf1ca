"""What a run records of a repository changes with what decides its videos, and large files are read once."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.models.external import identity
from i2vbench.models.external.adapter import External
from i2vbench.models.external.reading import Places
from i2vbench.weights import hashes
from tests.models.external.repositories import make_repository


def git(folder: Path, *arguments: str) -> None:
    own = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *own, *arguments], cwd=folder, check=True, capture_output=True)


def test_code_is_a_commit_and_what_differs_from_it(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("1")
    without = identity.code_of(tmp_path)
    assert list(without) == ["python_files_sha256"]
    git(tmp_path, "init", "-q")
    assert identity.code_of(tmp_path) == without  # no commit yet
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "x")
    clean = identity.code_of(tmp_path)
    assert list(clean) == ["commit"]
    assert len(clean["commit"]) == 40
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "video.mp4").write_text("untracked")
    assert identity.code_of(tmp_path) == clean
    (tmp_path / "venv" / "lib").mkdir(parents=True)
    (tmp_path / "venv" / "lib" / "y.py").write_text("an environment's")
    assert identity.code_of(tmp_path) == clean
    (tmp_path / "driver.py").write_text("1")  # that git does not know
    new = identity.code_of(tmp_path)
    (tmp_path / "driver.py").write_text("2")
    assert len({one.get("changes_sha256") for one in (clean, new, identity.code_of(tmp_path))}) == 3
    (tmp_path / "driver.py").unlink()
    (tmp_path / "x.py").write_text("2")
    changed = identity.code_of(tmp_path)
    assert changed["commit"] == clean["commit"]
    (tmp_path / "x.py").write_text("3")
    assert identity.code_of(tmp_path)["changes_sha256"] != changed["changes_sha256"]
    inside = tmp_path / "inside"  # of another repository, whose commit is not its own
    inside.mkdir()
    (inside / "y.py").write_text("1")
    assert list(identity.code_of(inside)) == ["python_files_sha256"]


def test_what_differs_in_a_submodule_counts(tmp_path: Path) -> None:
    for name in ("part", "whole"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.py").write_text("1")
        git(tmp_path / name, "init", "-q")
    for folder in (tmp_path / "part", tmp_path / "whole"):
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "x")
    git(tmp_path / "whole", "-c", "protocol.file.allow=always", "submodule", "add", str(tmp_path / "part"), "part")
    git(tmp_path / "whole", "commit", "-qm", "with a part")
    found = []
    for text in ("1", "2", "3"):
        (tmp_path / "whole" / "part" / "x.py").write_text(text)
        found.append(identity.code_of(tmp_path / "whole").get("changes_sha256"))
    assert len(set(found)) == 3


def test_checkpoints_are_read_once(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = make_repository("seine", tmp_path)
    places = Places(External(f"seine={repository}").described)
    model = repository / "pretrained" / "seine.pt"
    model.write_bytes(bytes(2 << 20))  # small files are read each time
    read: list[str] = []
    sha256 = hashes.file_sha256
    monkeypatch.setattr(hashes, "file_sha256", lambda path: (read.append(path.name), sha256(path))[1])
    first = identity.files_hash(places)
    assert read == ["seine.pt", "model_index.json", "serve.py", "seine.py"]
    read.clear()
    assert identity.files_hash(places) == first
    assert read == ["model_index.json", "serve.py", "seine.py"]
    model.write_bytes(b"1" * (2 << 20))
    os.utime(model, ns=(1, 1))
    assert identity.files_hash(places) != first
    (repository / "pretrained" / "stable-diffusion-v1-4" / "more.bin").write_text("x")
    second = identity.files_hash(places)
    (tmp_path / "cache" / "hashes.json").write_text("{damaged")
    assert identity.files_hash(places) == second


OWN = """
uses_seed = false
python = "/bin/sh"
[checkpoints.model]
path = "weights"
[config]
negative_prompt = "{long}"
settings = "configs/a.yaml"
weights = "{{checkpoint.model}}/model.bin"
[server]
command = ["{{python}}", "driver.py", "--more={{repository}}/more.txt"]
"""


@pytest.fixture
def own(tmp_path: Path, log: Path) -> Path:
    """A repository's TOML file; it names files in command and [config]."""
    for name in ("driver.py", "more.txt", "configs/a.yaml", "weights/model.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "own.toml").write_text(OWN.format(long="ugly, " * 200))
    return tmp_path / "own.toml"


@pytest.mark.parametrize("name", ["driver.py", "more.txt", "configs/a.yaml", "weights/model.bin"])
def test_a_file_that_is_named_decides_the_videos(own: Path, name: str) -> None:
    before = identity.files_hash(Places(External(str(own)).described))
    (own.parent / name).write_text("another")
    assert identity.files_hash(Places(External(str(own)).described)) != before


def test_a_checkpoint_that_is_not_whole_is_refused(own: Path) -> None:
    folder = own.parent / "weights"
    os.mkfifo(folder / "pipe")  # reading it would wait for ever
    places = Places(External(str(own)).described)
    assert len(identity.files_hash(places)) == 64
    (folder / "link").symlink_to(folder / "nowhere")
    with pytest.raises(UserError, match="link: is a link to what is not there; the checkpoint is not whole"):
        identity.files_hash(places)


def test_a_checkpoint_that_may_not_be_read_is_one_sentence(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:  # as root, who runs tests in containers, may read everything
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    for name in ("scandir", "listdir"):
        monkeypatch.setattr(os, name, refuse)
    with pytest.raises(UserError, match="weights: cannot be read: Permission denied"):
        identity.files_hash(Places(External(str(own)).described))


def test_versions_of_an_environment(tmp_path: Path) -> None:
    found = identity.versions_of(sys.executable)
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "numpy" in found
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no libpython >&2\nexit 127\n")
    broken.chmod(0o755)
    with pytest.raises(UserError, match="is no Python that runs: exit code 127: no libpython"):
        identity.versions_of(str(broken))
