"""A process of a repository: its output, its limits, and its end with all that it has started.

Between it and this process stands guard.py, which ends it when this process goes, however it goes.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from i2vbench.models.external.failed import Failed
from i2vbench.models.external.output import Output

_GUARD = Path(__file__).with_name("guard.py")
_MEMORY_PAUSE = 0.1
_END_SECONDS = 60.0
"""A process that a driver holds in the kernel does not end when it is told to."""
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
MOST_QUOTED = 260
"""Characters of a process's last lines in the reason of a failure, which is cut at 400."""

_log = logging.getLogger("i2vbench")
_OF_ANOTHER_PYTHON = frozenset(
    {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
)


def environment(own: Mapping[str, str], device: str, python: str) -> dict[str, str]:
    """The variables of a repository's process: this one's, but for what belongs to another Python, and `own`.

    Programs of its environment (ffmpeg, say) come first in PATH, as if it had been activated.
    It sees one GPU: number N of those that this process may see for "cuda:N", else the first; on "cpu" too, for the
    torch of this process may know no GPU where that of the repository does. A variable of `own` comes first.
    """
    found = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_PYTHON}
    # Sets of texts in one order, and lines as they are printed.
    found |= {"PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"}
    found["PATH"] = os.pathsep.join([os.path.dirname(python), os.environ.get("PATH", os.defpath)])
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible != "":  # the user hides them all
        devices = visible.split(",") if visible else []
        number = int(device.partition(":")[2] or 0)
        found["CUDA_VISIBLE_DEVICES"] = devices[number] if number < len(devices) else str(number)
    return found | dict(own)


class Process:
    """One running command.

    Args:
        command: The program and its arguments.
        cwd: The folder it works in.
        env: Its variables.
        output: What takes its lines.
        memory_gb: What it and its children may hold together; 0 is no limit.
        talks: Whether it reads its standard input and answers through the descriptor I2VBENCH_REPLIES.
    """

    def __init__(
        self, command: Sequence[str], cwd: Path, env: Mapping[str, str], output: Output, memory_gb: float, talks: bool
    ) -> None:
        self.output = output
        self._why = ""
        self._ending = threading.Lock()
        self._memory_gb = memory_gb
        lifeline, self._lifeline = os.pipe()
        self.replies, replies = os.pipe() if talks else (-1, -1)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_GUARD), str(lifeline), str(replies), *command],
                cwd=cwd,
                env={**env, "I2VBENCH_REPLIES": str(replies)} if talks else dict(env),
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[lifeline, replies] if talks else [lifeline],
                start_new_session=True,  # the terminal's Ctrl-C is meant for the run
            )
        except (OSError, ValueError) as error:
            for descriptor in (self._lifeline, self.replies):
                if descriptor >= 0:
                    os.close(descriptor)
            raise Failed(f"its process could not be started: {getattr(error, 'strerror', None) or error}") from error
        finally:
            for descriptor in (lifeline, replies):
                if descriptor >= 0:
                    os.close(descriptor)
        self._reader = threading.Thread(target=output.read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        if memory_gb:
            threading.Thread(target=self._watch_memory, daemon=True).start()

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended and so has everything it started.

        Raises:
            Failed: It took longer, or more memory than it may, and was ended.
        """
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end(f"took longer than {seconds:g} s and was ended")
        self._reader.join(10)
        if self._why:
            raise Failed(f"{self._why}{self.quoted()}")
        return code

    def end(self, why: str = "") -> None:
        """End it now, with everything it started; the first `why` counts."""
        with self._ending:
            self._why = self._why or why
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = -1
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            _log.warning("process %d does not end, and is left behind: the system holds it", self.process.pid)
            self.process.kill()
        self._reader.join(10)

    def close(self) -> None:
        """Let go of a process, ending it if it still runs."""
        self.end()
        if self.replies >= 0:
            os.close(self.replies)
            self.replies = -1
        # A reader that is still at it (something may have got away with the pipe) must not have it closed under it.
        for stream in (self.process.stdin, None if self._reader.is_alive() else self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:  # what was left to be written has no reader any more
                    continue

    def describe_end(self) -> str:
        """How it ended, with its last lines."""
        return f"{self._why or describe_code(self.process.wait())}{self.quoted()}"

    def quoted(self) -> str:
        """Its last lines, as they follow a reason."""
        text = ""
        for line in reversed(self.output.last[-4:]):
            longer = f"{line} | {text}" if text else line
            if len(longer) > MOST_QUOTED and text:
                break
            text = longer[:MOST_QUOTED]
        return f"; it said last: {text}" if text else ""

    def _watch_memory(self) -> None:
        while self.process.poll() is None:
            held = memory_of_tree(self.process.pid)
            if held > self._memory_gb * 1e9:
                self.end(f"held {held / 1e9:.2f} GB of memory, more than {self._memory_gb:g} GB, and was ended")
                return
            time.sleep(_MEMORY_PAUSE)


def describe_code(code: int) -> str:
    """An exit code of the guard in words."""
    if code <= 128:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return f"ended with exit code {code}"
    hint = " (the system does so when memory runs out)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"


def can_watch_memory() -> bool:
    """Whether this system tells what memory processes hold."""
    return Path("/proc/self/statm").exists()


def memory_of_tree(root: int) -> int:
    """Bytes resident in a process and all below it; pages that several share count several times."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _read(f"/proc/{name}/stat").rpartition(b")")[2].split()):
            parents[int(name)] = int(fields[1])
    inside = {root}
    while more := {pid for pid, parent in parents.items() if parent in inside} - inside:
        inside |= more
    pages = (_read(f"/proc/{pid}/statm").split() for pid in inside)
    return sum(int(fields[1]) for fields in pages if fields) * _PAGE


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # it has ended meanwhile
        return b""
