"""Runs one command, and ends it with everything it has started when it ends or when its caller is gone.

`python -I -S guard.py LIFELINE REPLIES COMMAND...`: LIFELINE is a pipe that the caller holds open, and closes by being
killed too; REPLIES is a descriptor that the command inherits, or -1. The exit code is the command's, 128 + N where
signal N ended it, 127 where it could not be started.

It imports nothing of i2vbench. The command has a session of its own; on Linux whatever leaves that session becomes a
child of this process once its own parent is gone, and is found by that.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 1.0
"""Between asking the command to end and ending it."""

_PR_SET_CHILD_SUBREAPER = 36


def main(lifeline: int, replies: int, command: list[str]) -> int:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        process = subprocess.Popen(command, pass_fds=[replies] if replies >= 0 else [], start_new_session=True)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    if replies >= 0:
        os.close(replies)  # its reader is to see its end when the command has gone
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    threading.Thread(target=_watch, args=(lifeline, process), daemon=True).start()
    code = process.wait()
    _end_rest(process.pid)
    return code if code >= 0 else 128 - code


def _watch(lifeline: int, process: "subprocess.Popen[bytes]") -> None:
    while os.read(lifeline, 1):
        pass
    _signal_group(process.pid, signal.SIGTERM)
    end = time.monotonic() + GRACE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    _signal_group(process.pid, signal.SIGKILL)


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # it is gone, or (macOS) nothing but zombies are left
        return


def _end_rest(group: int) -> None:
    """End what the command left behind."""
    _signal_group(group, signal.SIGKILL)
    while children := _children():
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                continue


def _children() -> list[int]:
    """Processes whose parent this one is; none where there is no /proc."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid():
                found.append(int(name))
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
