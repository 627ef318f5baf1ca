"""What the README and the design promise, and nothing nearer to the code holds."""

from __future__ import annotations

import ast
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from i2vbench.adapter.check import check_model
from i2vbench.cli.shape import leaves
from i2vbench.datasets.demo import DemoDataset, bundled_samples
from i2vbench.datasets.synthetic.dataset import SyntheticDataset
from i2vbench.models.base import Model
from i2vbench.models.diffusers.known import known
from i2vbench.profiles import load_profile
from i2vbench.progress import Quiet
from i2vbench.registry import DATASETS, METRICS, MODELS
from i2vbench.run import run
from i2vbench.settings import RunConfig
from i2vbench.types import Frames
from tests.conftest import ROOT
from tests.paths.pages import readings, steps
from tests.paths.test_commands import COMMANDS, ROOT_COMMAND

README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCES = [
    path
    for room in ("i2vbench", "models", "metrics", "datasets", "leaderboards")
    for path in (ROOT / room).rglob("*.py")
]


def named(text: str) -> set[str]:
    """What stands in backquotes, without arguments."""
    return {word.split(":")[0] for quoted in re.findall(r"`([^`]+)`", text) for word in re.split(r"[\s,]+", quoted)}


def row(title: str) -> str:
    (found,) = re.findall(rf"^\| {title} \|(.*)\|$", README, re.MULTILINE)
    return str(found)


def test_everything_that_is_built_in_is_in_the_readmes_table() -> None:
    assert set(METRICS.builtin) <= named(row("metrics"))
    assert set(MODELS.builtin) <= named(row("models"))
    assert set(DATASETS.builtin) <= named(row("data sets"))


def test_the_page_of_the_command_line_shows_every_command() -> None:
    page = "docs/command-line.md"
    lines = [words for step in steps(page) for words in readings(step.command, COMMANDS)]
    shown = {" ".join(words[:count]) for words in lines for count in (1, 2)}
    assert shown >= {" ".join(path) for path, _ in leaves(ROOT_COMMAND)}
    assert f"({page}#all-commands)" in README


def test_numbers_that_the_readme_states() -> None:
    demo, drawn = DemoDataset().samples(), SyntheticDataset().samples()
    categories = {sample.category for sample in demo}
    assert f"`demo` ({len(demo)} samples, {len(categories)} categories, no network)" in README
    assert f"over {len(demo) + len(drawn)} clips ({len(demo)} real, {len(drawn)} drawn)" in README
    assert f"{len(known())} checkpoints known with their authors' settings" in README
    assert max(map(int, re.findall(r"its (\d+) tables", README))) == 13


class Pipeline:
    """Stands for the pipeline of whoever copies the README's code."""

    @classmethod
    def from_pretrained(cls, name: str) -> Pipeline:
        return cls()

    def to(self, device: str, dtype: object) -> Pipeline:
        return self

    def __call__(self, first_frame: Frames, prompt: str, generator: object) -> Frames:
        import torch

        shift = int(torch.randint(1, 4, (1,), generator=generator))  # type: ignore[call-overload]
        return np.stack([np.roll(first_frame, shift * t, axis=1) for t in range(16)])


@pytest.mark.parametrize("page", ["README.md", "docs/add-a-model.md"])
def test_the_ten_lines_that_add_a_model_are_enough(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "(Model)" in block)
    names: dict[str, type[Model]] = {"MyPipeline": Pipeline}  # type: ignore[dict-item]
    exec(code, names)
    report = check_model(names["MyModel"](), bundled_samples(), load_profile("paper").protocol)
    assert (report.faults, len(report.passed) > 3) == ([], True)
    body = code.split("class MyModel")[1].strip().splitlines()
    assert len([line for line in body if line.strip()]) <= 10


def test_with_its_files_here_a_run_asks_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing set that would forbid it."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    asked: list[object] = []

    def connect(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            asked.append(address)
            raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *name, **_: asked.append(name) or [])
    outcome = run(
        RunConfig(
            models=("pan",), metrics=("dynamic_degree", "overall_consistency"), dataset="demo", limit=1,
            profile="tiny", device="cpu", out=tmp_path / "run",
        ),
        Quiet(),
    )  # fmt: skip
    assert outcome.failed == 0
    assert asked == []


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


UNSAFE = {
    "pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "yaml.load", "yaml.unsafe_load", "eval", "exec",
    "os.system", "os.popen", "marshal.loads", "shelve.open", "np.fromregex", "pandas.read_pickle", "pd.read_pickle",
}  # fmt: skip

OURS = ("i2vbench/engine/",)
"""Where processes of ours talk to each other."""


def test_nothing_unsafe_is_loaded_and_no_shell_is_asked() -> None:
    faults = []
    for where, call in calls():
        name = ast.unparse(call.func)
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        if name in UNSAFE and not where.startswith(OURS):
            faults.append(f"{where} {name}")
        if name == "torch.load" and options.get("weights_only") != "True":
            faults.append(f"{where} torch.load without weights_only=True")
        if name in ("np.load", "numpy.load") and options.get("allow_pickle", "False") != "False":
            faults.append(f"{where} np.load that unpickles")
        if options.get("shell") == "True":
            faults.append(f"{where} a shell")
    assert faults == []
    assert sum(ast.unparse(call.func) == "torch.load" for _, call in calls()) > 0, "it looks where weights are read"
