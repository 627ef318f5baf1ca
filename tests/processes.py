"""Processes of Python for the tests, without each of them paying for its imports.

A command line takes up to ten seconds to import torch, diffusers, pandas and the like, and the tests call it hundreds
of times. So a server imports those once for each process of the tests, and forks for each call. What it hands over has
imported nothing of ours; it has the arguments, folder, environment and files of the call, runs what
`python -m i2vbench` or `python -c` runs, and how it ended is told as the kernel tells it.

What differs from a new process is what was settled before the fork. So a call is a new process after all if its
environment differs from the server's in anything but what is read when it is used (`READ_WHEN_USED`); and there are
two servers by turns, each with a seed of its own for Python's hashes, so that what depends on the order of a set still
differs from one call to the next. The first calls are new processes too: the true way in is tried, and whoever runs a
single test does not wait for a server. Nor is what was imported taken apart when a call ends (see `_end`).

Tests about imports, memory or the end of a process start their processes themselves, and so do those that kill and
interrupt from outside.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import itertools
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

FIRST_CALLS = 3
"""How many calls come before a server is started."""

READ_WHEN_USED = (
    *("I2VBENCH_", "PYTEST_", "ACCELERATE_", "PATH", "STANDIN_LOG", "TEST_API_KEY"),
    # Left behind in the process of the tests by libraries that come to be imported there.
    *("TORCHINDUCTOR_CACHE_DIR", "LD_LIBRARY_PATH", "TOKENIZERS_PARALLELISM"),
)
"""What the names of variables begin with that are nothing to a library that is imported."""

HEAVY = """
    numpy pandas PIL.Image PIL.ImageDraw av decord jinja2 filelock fsspec typer inflect
    torch torch.utils.data torchvision safetensors.torch tokenizers
    transformers.models.clip.modeling_clip transformers.models.clip.tokenization_clip
    diffusers.pipelines.pipeline_utils diffusers.models.autoencoders.autoencoder_kl
    diffusers.models.unets.unet_3d_condition diffusers.schedulers.scheduling_ddim
    timm.models.vision_transformer timm.models.swin_transformer open_clip
    matplotlib.figure matplotlib.textpath
    matplotlib.backends.backend_agg matplotlib.backends.backend_pdf matplotlib.backends.backend_svg
""".split()

ANSWER = struct.Struct("i")

Done = subprocess.CompletedProcess[str]


def run(
    arguments: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str], timeout: float | None = None
) -> Done:
    """What `subprocess.run` of `[python, "-m", "i2vbench", ...]` or `[python, "-c", CODE, ...]` gives, as text.

    Raises:
        subprocess.TimeoutExpired: it took longer than `timeout` seconds, and has been killed.
    """
    assert arguments[0] == sys.executable, arguments
    assert arguments[1] == "-c" or list(arguments[1:3]) == ["-m", "i2vbench"], arguments
    if sys.platform == "linux" and next(_calls) >= FIRST_CALLS:
        server = next(_servers)
        server.start(env)
        if server.suits(env):
            return server.run(arguments, cwd or Path.cwd(), env, timeout)
    return subprocess.run(arguments, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False)


class _Server:
    """A process that has imported `HEAVY`, and forks."""

    def __init__(self, hash_seed: int) -> None:
        self.hash_seed = hash_seed
        self.env: dict[str, str] | None = None

    def start(self, env: Mapping[str, str]) -> None:
        if self.env is not None:
            return
        self.env = dict(env)
        self.channel, its_end = socket.socketpair()
        with its_end:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.processes", str(its_end.fileno())],
                cwd=Path(__file__).parent.parent, env=self.env | {"PYTHONHASHSEED": str(self.hash_seed)},
                pass_fds=[its_end.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        atexit.register(self.stop)

    def stop(self) -> None:
        self.channel.close()
        self.process.wait()

    def suits(self, env: Mapping[str, str]) -> bool:
        return _settled(env) == _settled(self.env or {})

    def run(self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float | None) -> Done:
        order = {"arguments": list(arguments[1:]), "cwd": str(cwd), "env": dict(env)}
        with _file() as ordered, _file() as out, _file() as err:
            json.dump(order, ordered)
            ordered.flush()
            socket.send_fds(self.channel, [b"\n"], [ordered.fileno(), out.fileno(), err.fileno()])
            status = self._wait(arguments, timeout)
            return Done(arguments, os.waitstatus_to_exitcode(status), _read(out), _read(err))

    def _wait(self, arguments: Sequence[str], timeout: float | None) -> int:
        pid = _answer(self.channel)
        self.channel.settimeout(timeout)
        try:
            return _answer(self.channel)
        except BaseException as error:
            self.channel.settimeout(None)
            os.kill(pid, signal.SIGKILL)
            _answer(self.channel)
            if isinstance(error, TimeoutError):
                raise subprocess.TimeoutExpired(arguments, timeout or 0.0) from None
            raise
        finally:
            self.channel.settimeout(None)


_calls = itertools.count()
_servers = itertools.cycle([_Server(1), _Server(2)])


def _settled(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if not name.startswith(READ_WHEN_USED)}


def _file() -> IO[str]:
    return tempfile.TemporaryFile("w+")


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _answer(channel: socket.socket) -> int:
    """The next number that the server says."""
    message = channel.recv(ANSWER.size, socket.MSG_WAITALL)
    if not message:
        raise RuntimeError("the server of processes has ended; standard error says why")
    return int(ANSWER.unpack(message)[0])


def _serve(channel: socket.socket) -> dict[str, Any] | None:
    """Fork for each order that comes, until no more can come.

    Returns:
        In a process that was forked, what was ordered; in the server None, once its client has gone.
    """
    while True:
        message, files, _, _ = socket.recv_fds(channel, 1, 3)
        if not message:
            return None
        pid = os.fork()
        if pid == 0:
            channel.close()
            ordered, out, err = files
            os.dup2(out, 1)
            os.dup2(err, 2)
            os.close(out)
            os.close(err)
            with open(ordered) as file:
                file.seek(0)
                order: dict[str, Any] = json.load(file)
                return order
        for file_ in files:
            os.close(file_)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            channel.sendall(ANSWER.pack(pid))
            channel.sendall(ANSWER.pack(os.waitpid(pid, 0)[1]))


def _become(order: dict[str, Any]) -> None:
    """Make of this process what a new one is as its first line runs."""
    os.chdir(order["cwd"])
    for name in set(os.environ) - set(order["env"]):
        del os.environ[name]
    os.environ.update(order["env"])
    # Python's own generator is seeded anew by the fork itself.
    sys.modules["numpy"].random.seed()


def _execute(option: str, what: str, *arguments: str) -> int:
    """`python OPTION WHAT ARGUMENTS`. Returns the exit code that Python makes of how it ended."""
    try:
        if option == "-m":
            sys.path[0] = os.getcwd()
            sys.argv = [what, *arguments]
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            sys.path[0] = ""
            sys.argv = ["-c", *arguments]
            sys.modules["__main__"] = main = types.ModuleType("__main__")
            exec(compile(what, "<string>", "exec"), main.__dict__)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - here Python itself would print it
        traceback.print_exc()
        return 1
    return 0


def _end(status: int) -> NoReturn:
    """End as forked processes do; to take apart all that was imported takes a second, and bindings complain of it."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(status)


def _main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    for name in HEAVY:
        importlib.import_module(name)
    # What no collection looks at is not written to, so that it stays in the memory that all share.
    gc.collect()
    gc.freeze()
    order = _serve(channel)
    if order is None:
        _end(0)
    _become(order)
    _end(_execute(*order["arguments"]))


if __name__ == "__main__":
    _main()
