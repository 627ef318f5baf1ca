"""`i2vbench doctor` on this machine, and on machines where a library is broken: each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from i2vbench.doctor import Finding, Section, basic_run_works, examining, here
from tests.conftest import environment


def doctor(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "i2vbench", "doctor", *arguments], cwd=folder, env=environment() | variables,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def findings(text: str) -> dict[str, dict[str, Any]]:
    """By name; of a reader that is an extra too, what was tried."""
    sections = reversed(json.loads(text)["sections"])
    return {found["name"]: found for section in sections for found in section["findings"]}


def fake(folder: Path, package: str, text: str) -> str:
    """A folder for PYTHONPATH in which a package is this text."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text(text)
    return f"{folder}{os.pathsep}{environment()['PYTHONPATH']}"


def test_what_works_here(tmp_path: Path) -> None:
    pytest.importorskip("decord")
    cache = tmp_path / "cache"
    broken = fake(tmp_path / "path", "decord", "import os\nos.kill(os.getpid(), 9)\n")
    done = doctor(tmp_path, "--json", PYTHONPATH=broken, I2VBENCH_CACHE=str(cache), HF_HUB_OFFLINE="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["basic_run_works"]
    found = findings(done.stdout)
    assert found["torch"]["state"] == found["pyav"]["state"] == found["av1"]["state"] == "works"
    assert found["decord"]["state"] == "broken"
    assert found["HF_HUB_OFFLINE"]["state"] == "note"
    assert found["cache"]["says"].startswith(f"{cache}: not there yet, ")
    assert found["--profile tiny"]["says"] == "15 of 15 metrics could be measured now"
    assert "1 of 15 metrics could be measured now (temporal_flickering)" in found["--profile paper"]["says"]
    assert "dino_vitb16" in found["--profile paper"]["get"]
    assert found["model consisti2v"]["get"] == "i2vbench weights fetch --for model consisti2v"
    assert not cache.exists(), "looking makes nothing"


def test_a_torch_that_does_not_import(tmp_path: Path) -> None:
    broken = fake(tmp_path / "path", "torch", "raise OSError('libcudart.so.13: cannot open shared object file')\n")
    done = doctor(tmp_path, PYTHONPATH=broken)
    assert (done.returncode, done.stderr) == (1, "")
    assert "Traceback" not in done.stdout
    line = next(line for line in done.stdout.splitlines() if "libcudart" in line)
    assert line.split()[:2] == ["broken", "torch"]
    assert "-> pip install --force-reinstall torch" in done.stdout
    assert "works    python" in done.stdout, "the rest is looked at all the same"
    assert done.stdout.splitlines()[-1].startswith("No run works: see torch")


def test_a_library_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = fake(tmp_path / "path", "numpy", "import time\ntime.sleep(3600)\n")
    monkeypatch.setenv("PYTHONPATH", broken)
    monkeypatch.setattr(examining, "SECONDS", 3.0)
    begun = time.monotonic()
    (found,) = examining._made_apart(examining.Apart("decord", False, "do this"), [])
    assert time.monotonic() - begun < 60
    assert found == Finding(name="decord", state="broken", says="did not end within 3 s", get="do this")


def test_a_package_too_old_and_one_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        here, "requires", lambda name: ["torch>=999", "no-such-package>=1", "ray>=999; extra == 'ray'", "numpy>=1"]
    )
    packages = next(found for found in here.python() if found.name == "packages")
    assert (packages.state, packages.essential) == ("broken", True)
    assert packages.says.endswith(", expected >=999; no no-such-package")
    extras = {found.name: found for found in here.extras()}
    assert extras["ray"].state == "missing"
    assert extras["ray"].get == "pip install 'i2vbench[ray]'"
    assert extras["train"].state == "works"


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("I2VBENCH_CACHE", str(tmp_path / "file" / "cache"))
    cache = next(found for found in here.folders() if found.name == "cache")
    assert (cache.state, cache.get) == ("broken", "export I2VBENCH_CACHE=FOLDER")
    assert cache.says.endswith("file is a file")


@pytest.mark.parametrize(
    ("state", "essential", "works"),
    [("works", True, True), ("broken", False, True), ("note", True, True), ("broken", True, False),
     ("missing", True, False)],
)  # fmt: skip
def test_what_is_essential(state: Any, essential: bool, works: bool) -> None:
    sections = [Section("a", [Finding(name="x", state=state, says="", essential=essential)])]
    assert basic_run_works(sections) is works


def test_programs_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert {found.state for found in here.programs()} == {"missing"}
