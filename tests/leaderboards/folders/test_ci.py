"""`.ci/submission`: of a pull request one folder is verified; whatever else it does is refused, and nothing run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment
from tests.leaderboards.conftest import Submitted

ACCEPTED = "leaderboards/accepted"

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or shutil.which("bash") is None, reason="git or bash is not installed"
)


def git(repository: Path, *words: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, *words], cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout of main, which has a board's folder with a submission in it; `theirs` branches off."""
    folder = tmp_path / "repository"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "submission", folder / ".ci" / "submission")
    (folder / ACCEPTED / "ucf101" / "old").mkdir(parents=True)
    (folder / ACCEPTED / "ucf101" / "old" / "entry.toml").write_text("")
    git(folder, "init", "--quiet")
    commit(folder)
    git(folder, "branch", "theirs")
    (folder / "later").write_text("")  # main goes on
    commit(folder)
    return folder


def commit(repository: Path) -> None:
    git(repository, "add", "--all", "--force")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "a change")


def check(repository: Path, edit: Callable[[Path], object], *options: object) -> subprocess.CompletedProcess[str]:
    """What the script says of a branch with these changes, run from main."""
    git(repository, "checkout", "--quiet", "theirs")
    edit(repository)
    commit(repository)
    git(repository, "checkout", "--quiet", "main")
    paths = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", ".ci/submission", "main", "theirs", *map(str, options)],
        cwd=repository, env=environment() | paths, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_folder_that_a_branch_adds_is_verified(made: Path, submitted: Submitted, repository: Path) -> None:
    options = ("--archive", submitted.archive, "--anyway", "--recompute-only")
    done = check(repository, lambda r: shutil.copytree(made, r / ACCEPTED / "msrvtt" / "rolling"), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok: 3 clips are, to the byte, what the archive's videos make" in done.stdout


def test_one_that_may_not_stand_there_fails(made: Path, repository: Path) -> None:
    done = check(repository, lambda r: shutil.copytree(made, r / ACCEPTED / "msrvtt" / "rolling"))
    assert done.returncode == 1, done.stderr
    assert "FAULT: it may not go on a leaderboard, as it says itself: It is of the data set demo" in done.stdout


def add(repository: Path, name: str, text: str = "") -> Path:
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _program(repository: Path) -> None:
    add(repository, f"{ACCEPTED}/msrvtt/mine/entry.toml").chmod(0o755)


def _link(repository: Path) -> None:
    add(repository, f"{ACCEPTED}/msrvtt/mine/entry.toml")
    (repository / ACCEPTED / "msrvtt" / "mine" / "scores.csv").symlink_to("../../../../.ci/submission")


def _two(repository: Path) -> None:
    add(repository, f"{ACCEPTED}/msrvtt/mine/entry.toml")
    add(repository, f"{ACCEPTED}/ucf101/mine/entry.toml")


def _also(name: str) -> Callable[[Path], None]:
    def edit(repository: Path) -> None:
        add(repository, f"{ACCEPTED}/msrvtt/mine/entry.toml")
        add(repository, name, "changed")

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_also("README.md"), "it touches 'README.md'; a submission adds or changes one folder"),
        (_also(".ci/submission"), "it touches '.ci/submission'"),
        (_also(f"{ACCEPTED}/README.md"), f"it touches '{ACCEPTED}/README.md'"),
        (_also(f"{ACCEPTED}/msrvtt/README.md"), f"it touches '{ACCEPTED}/msrvtt/README.md'"),
        (_also(f"{ACCEPTED}/vbench/mine/entry.toml"), f"it touches '{ACCEPTED}/vbench/mine/entry.toml'"),
        (_also(f"{ACCEPTED}/msrvtt/Mine/entry.toml"), f"it touches '{ACCEPTED}/msrvtt/Mine/entry.toml'"),
        (_also(f"{ACCEPTED}/msrvtt/mine/clips/x/y.mp4"), "clips/x/y.mp4' is no file of a submission's folder"),
        (_also(f"{ACCEPTED}/msrvtt/mine/.gitattributes"), ".gitattributes' is no file of a submission's folder"),
        (_also(f"{ACCEPTED}/msrvtt/mine/a\nb"), "is no file of a submission's folder"),
        (_two, f"it touches two folders, {ACCEPTED}/msrvtt/mine and {ACCEPTED}/ucf101/mine"),
        (_program, "entry.toml' is a link, a program or another thing"),
        (_link, "scores.csv' is a link, a program or another thing"),
        (lambda r: shutil.rmtree(r / ACCEPTED / "ucf101" / "old"), "it takes leaderboards/accepted/ucf101/old away"),
        (lambda r: None, "it changes nothing"),
    ],
)  # fmt: skip
def test_whatever_else_a_branch_does_is_refused(edit: Callable[[Path], object], said: str, repository: Path) -> None:
    done = check(repository, edit)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert said in done.stderr


def test_branches_that_were_merged_crosswise_are_refused(repository: Path) -> None:
    """Against one of two merge bases it may touch one folder, and take changes of main back all the same."""
    git(repository, "branch", "other", "main")
    git(repository, "checkout", "--quiet", "theirs")
    add(repository, f"{ACCEPTED}/msrvtt/mine/entry.toml")
    commit(repository)
    git(repository, "branch", "early")
    git(repository, "merge", "--quiet", "--strategy", "ours", "other", "--message", "merged")
    git(repository, "checkout", "--quiet", "main")
    git(repository, "merge", "--quiet", "early", "--message", "merged too")
    done = check(repository, lambda r: add(r, f"{ACCEPTED}/msrvtt/mine/scores.csv"))
    assert done.returncode == 2
    assert "were merged crosswise; rebase it on" in done.stderr


def test_a_change_of_an_entry_that_is_there_is_told(repository: Path) -> None:
    done = check(repository, lambda r: add(r, f"{ACCEPTED}/ucf101/old/entry.toml", "board = 1"))
    assert done.returncode == 1
    assert f"{ACCEPTED}/ucf101/old is on the board already" in done.stderr


def test_a_repository_in_the_folder_is_refused(repository: Path) -> None:
    def edit(r: Path) -> None:
        add(r, f"{ACCEPTED}/msrvtt/mine/entry.toml")
        head = git(r, "rev-parse", "HEAD")
        (r / ACCEPTED / "msrvtt" / "mine" / "clips").mkdir()
        git(r, "update-index", "--add", "--cacheinfo", f"160000,{head},{ACCEPTED}/msrvtt/mine/clips")
        git(r, "commit", "--quiet", "--message", "a submodule")

    done = check(repository, edit)
    assert done.returncode == 2
    assert "is a link, a program or another thing that is no plain file" in done.stderr


def test_a_base_that_is_not_there_is_named(repository: Path) -> None:
    done = subprocess.run(
        ["bash", ".ci/submission", "--json"], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "submission: there is no commit origin/main here\n"
