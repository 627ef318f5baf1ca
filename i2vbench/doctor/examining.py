"""All checks, as data, and what becomes of one that is made apart and fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from i2vbench.doctor import here
from i2vbench.doctor.finding import Finding, Section

SECONDS = 120.0
"""A check that is made apart is ended after so long: torch alone may take half of it from a cold network disk."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A check of `apart.py`.

    Attributes:
        name: What it is called there.
        essential: No run works where it fails.
        get: What may mend it then.
    """

    name: str
    essential: bool
    get: str


CHECKS: dict[str, Sequence[Callable[[], Iterator[Finding]] | Apart]] = {
    "Python": [here.python],
    "torch and GPU": [Apart("torch", True, "pip install --force-reinstall torch torchvision")],
    "Readers and codecs": [
        Apart("readers", True, "pip install --force-reinstall av"),
        Apart("decord", False, "pip install --force-reinstall decord (run --reader decord alone needs it)"),
    ],
    "Extras": [here.extras],
    "Other programs": [here.programs],
    "Folders": [here.folders],
    "Network": [here.network],
    "Ray": [here.ray],
    "Checkpoints": [Apart("checkpoints", True, "")],
}
"""What is looked at, in the order in which it is told."""


def examine() -> list[Section]:
    """Look at everything. It takes as long as importing the libraries does, and ends whatever they do."""
    apart = [check for checks in CHECKS.values() for check in checks if isinstance(check, Apart)]
    with ThreadPoolExecutor(len(apart)) as pool, _ended() as begun:
        made = {check.name: pool.submit(_made_apart, check, begun) for check in apart}
        sections = []
        for title, checks in CHECKS.items():
            findings: list[Finding] = []
            for check in checks:
                findings += made[check.name].result() if isinstance(check, Apart) else check()
            sections.append(Section(title, findings))
    return sections


def basic_run_works(sections: Sequence[Section]) -> bool:
    """Whether nothing is broken, or missing, without which no run works."""
    found = [finding for section in sections for finding in section.findings]
    return not any(finding.essential and finding.state in ("missing", "broken") for finding in found)


@contextmanager
def _ended() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are added are ended if the user does not want to wait for them."""
    begun: list[subprocess.Popen[str]] = []
    try:
        yield begun
    except BaseException:
        for process in begun:
            if process.poll() is None:
                _kill(process)
        raise


def _made_apart(check: Apart, begun: list[subprocess.Popen[str]]) -> list[Finding]:
    command = [sys.executable, "-m", "i2vbench.doctor.apart", check.name]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace",
        env={**os.environ, "HF_HUB_OFFLINE": "1"}, start_new_session=os.name == "posix",
    )  # fmt: skip
    begun.append(process)
    try:
        out, err = process.communicate(timeout=SECONDS)
        reason = _reason(process.returncode, err)
    except subprocess.TimeoutExpired:
        _kill(process)
        out, err = process.communicate()
        reason = f"did not end within {SECONDS:.0f} s"
    findings = [Finding(**json.loads(line)) for line in out.splitlines() if line.endswith("}")]
    if reason:
        findings.append(Finding(name=check.name, state="broken", says=reason, get=check.get, essential=check.essential))
    return findings


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process and those it has started."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _reason(code: int, err: str) -> str:
    """Why a check did not come to its end, as its last words have it; "" if it did."""
    if code == 0:
        return ""
    if code < 0:
        return f"died of {signal.Signals(-code).name}"
    return next((line.strip() for line in reversed(err.splitlines()) if line.strip()), f"ended with {code}")
