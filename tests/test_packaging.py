"""The wheel and the editable install both carry every module and file that the checkout has."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import setuptools

from i2vbench import __version__
from tests.conftest import ROOT

FOLDERS = {
    "i2vbench": "i2vbench", "models": "i2vbench/models", "metrics": "i2vbench/metrics",
    "datasets": "i2vbench/datasets", "leaderboards": "i2vbench/leaderboards",
}  # fmt: skip

# Finds each module without running it: an empty environment has none of the libraries they import.
FIND = """
import importlib.util, sys
from importlib.machinery import PathFinder
import i2vbench
for name in sys.argv[1:]:
    path = i2vbench.__path__
    parts = name.split(".")
    for i in range(2, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:i]), path)
        assert spec is not None, name + " is missing"
        path = spec.submodule_search_locations
for bare in ("models", "metrics", "datasets", "leaderboards"):
    assert importlib.util.find_spec(bare) is None, bare + " is importable by its bare name"
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout's tracked and new files, so that building leaves nothing behind."""
    folder = tmp_path_factory.mktemp("source") / "i2v"
    folder.mkdir()
    for name in [*FOLDERS, "pyproject.toml", "README.md", "LICENSE", "NOTICE"]:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def expected_files(source: Path) -> set[str]:
    """But for accepted submissions, which are no part of the program."""
    accepted = source / "leaderboards" / "accepted"
    return {
        f"{inside}/{path.relative_to(source / outside).as_posix()}"
        for outside, inside in FOLDERS.items()
        for path in (source / outside).rglob("*")
        if path.is_file() and not path.is_relative_to(accepted)
    }


def expected_modules(source: Path) -> list[str]:
    files = [Path(name) for name in expected_files(source) if name.endswith(".py")]
    names = (".".join((path.parent if path.name == "__init__.py" else path.with_suffix("")).parts) for path in files)
    return sorted(names)


def pip(*args: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *args], check=True, capture_output=True)


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(source))
    return next(out.glob("*.whl"))


def empty_environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def site_packages(python: Path) -> Path:
    return next((python.parent.parent / "lib").glob("python*/site-packages"))


def find_modules(python: Path, source: Path, cwd: Path) -> None:
    done = subprocess.run(
        [python, "-c", FIND, *expected_modules(source)], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_every_file_and_nothing_else(source: Path, wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == expected_files(source)


def test_what_is_handed_on_has_its_licence_and_whose_work_it_holds(source: Path, wheel: Path, tmp_path: Path) -> None:
    folder = f"i2vbench-{__version__}"
    with zipfile.ZipFile(wheel) as archive:
        for name in ("LICENSE", "NOTICE"):
            assert archive.read(f"{folder}.dist-info/licenses/{name}") == (ROOT / name).read_bytes()
    copy = tmp_path / "copy"  # building writes beside what it is built of
    shutil.copytree(source, copy)
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=copy, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = set(archive.getnames())
    assert {f"{folder}/{name}" for name in ("LICENSE", "NOTICE", "datasets/demo/clips/ATTRIBUTION.md")} <= names


def test_the_wheel_installs_into_an_empty_environment(source: Path, wheel: Path, tmp_path: Path) -> None:
    python = empty_environment(tmp_path / "env")
    pip("--python", str(python), "install", "--no-deps", str(wheel))
    site = site_packages(python)
    installed = {path.relative_to(site).as_posix() for path in (site / "i2vbench").rglob("*") if path.is_file()}
    assert {name for name in installed if "__pycache__" not in name} == expected_files(source)
    find_modules(python, source, tmp_path)
    assert (python.parent / "i2vbench").is_file(), "the console script"


@pytest.mark.parametrize("mode", ["lenient", "strict"])
def test_the_editable_install_carries_every_module(source: Path, tmp_path: Path, mode: str) -> None:
    python = empty_environment(tmp_path / "env")
    builder = Path(setuptools.__file__).parent.parent
    for part in (*builder.glob("setuptools*"), builder / "_distutils_hack"):  # what builds it; nothing else is there
        shutil.copytree(part, site_packages(python) / part.name)
    pip(
        "--python", str(python), "install", "--no-deps", "--no-build-isolation",
        "--config-settings", f"editable_mode={mode}", "--editable", str(source),
    )  # fmt: skip
    find_modules(python, source, tmp_path)


def test_the_module_answers_with_its_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "i2vbench", "--version"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == f"i2vbench {__version__}"
