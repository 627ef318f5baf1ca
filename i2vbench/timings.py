"""Where the time of a run goes: by stage and name, in this process and in its workers'; off unless it is asked for.

`with timed("read", "static", clips=1):` counts what happens inside, less what is counted by itself in there. Of that,
calls of torch's modules are counted apart: hooks of torch's own time the outermost call of each thread, in whichever
network, without touching any. On a GPU such a call waits for all work before and after it: what was queued there would
be paid for by whoever waits for it, and the run is slower for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ContextDecorator, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, Self, TypeVar

Key = tuple[str, str]
"""A stage, and whose it was: a model's, a metric's; "" where it is nobody's."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a stage took.

    Attributes:
        clips: How many it was done for; 0 where it is not done for clips.
        seconds: Of the clock, all threads together.
        cpu_seconds: Of the thread that did it. Threads that libraries have of their own are not in it.
        network_seconds: Of the clock, within torch's modules.
        network_cpu_seconds: The same, of the thread.
    """

    clips: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    network_seconds: float = 0.0
    network_cpu_seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.clips + other.clips,
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            self.network_seconds + other.network_seconds,
            self.network_cpu_seconds + other.network_cpu_seconds,
        )


@dataclass(frozen=True, slots=True)
class Times:
    """What a process, or a run, has spent.

    Attributes:
        stages: By stage and name, in the order in which they came.
        cpu_seconds: Of whole processes, with every thread; more than the stages have together.
    """

    stages: Mapping[Key, Spent]
    cpu_seconds: float

    def __add__(self, other: Times) -> Times:
        stages = dict(self.stages)
        for key, spent in other.stages.items():
            stages[key] = stages.get(key, Spent()) + spent
        return Times(stages, self.cpu_seconds + other.cpu_seconds)


class _Thread(threading.local):
    """What a thread is amid of.

    Attributes:
        open: The innermost `timed` block; None outside all of them.
        depth: How many calls of modules it is in.
        called: When the outermost began, by the clock and by the thread.
    """

    open: timed | None = None
    depth: int = 0
    called: tuple[float, float] = (0.0, 0.0)


class _Ledger:
    """What is known so far, from all threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._times = Times({}, 0.0)
        self._told_cpu = time.process_time()
        self.begun = time.perf_counter()

    def add(self, times: Times) -> None:
        with self._mutex:
            self._times += times

    def take(self) -> Times:
        """What has come since the last time."""
        with self._mutex:
            now = time.process_time()
            taken = self._times + Times({}, now - self._told_cpu)
            self._times, self._told_cpu = Times({}, 0.0), now
        return taken


_thread = _Thread()
_ledger: _Ledger | None = None


class timed(ContextDecorator):
    """Count what happens in this block, or in each call of a function; next to nothing while nobody asks.

    Args:
        stage: Of `tables.timings`.
        name: Whose.
        clips: For how many.
    """

    def __init__(self, stage: str, name: str = "", clips: int = 0) -> None:
        self._key, self._clips = (stage, name), clips
        self._begun: tuple[float, float] | None = None

    def _recreate_cm(self) -> Self:
        return type(self)(*self._key, clips=self._clips)  # several threads may be amid one function

    def __enter__(self) -> None:
        if _ledger is None:
            return
        self._outer, _thread.open = _thread.open, self
        self._depth, _thread.depth = _thread.depth, 0
        self._inner = self._network = (0.0, 0.0)
        self._begun = _now()

    def __exit__(self, *_: object) -> None:
        if self._begun is None:
            return
        seconds, cpu_seconds = _since(self._begun)
        # torch calls no hook where a module is left by SystemExit, so the depth may be wrong by now.
        _thread.open, _thread.depth = self._outer, self._depth
        if self._outer is not None:
            self._outer._inner = _plus(self._outer._inner, (seconds, cpu_seconds))
        _add(
            self._key,
            Spent(self._clips, seconds - self._inner[0], cpu_seconds - self._inner[1], *self._network),
        )

    def add_network(self, spent: tuple[float, float]) -> None:
        """So much of it was a network's."""
        self._network = _plus(self._network, spent)


class Pauses:
    """Counts the time between the calls of a thread's function, as the stage "idle"."""

    def __init__(self) -> None:
        self._ended = time.perf_counter()

    def around(self, call: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        """The same function, with the time since its last call counted."""

        @wraps(call)
        def counted(*args: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
            _add(("idle", ""), Spent(seconds=time.perf_counter() - self._ended))
            try:
                return call(*args, **options)
            finally:
                self._ended = time.perf_counter()

        return counted


def begin() -> Callable[[], None]:
    """Count in this process from now on; what is returned ends that."""
    global _ledger
    _ledger = _Ledger()
    with timed("start", "torch"):
        hooks = _watch_networks()

    def end() -> None:
        global _ledger
        _ledger = None
        for hook in hooks:
            hook.remove()

    return end


@contextmanager
def collecting() -> Iterator[None]:
    """Count within the block."""
    end = begin()
    try:
        yield
    finally:
        end()


def take() -> Times | None:
    """What has been spent since the last time, to be handed on or shown; None where nothing is counted."""
    return None if _ledger is None else _ledger.take()


def elapsed() -> float:
    """Seconds since counting began; 0 where nothing is counted."""
    return 0.0 if _ledger is None else time.perf_counter() - _ledger.begun


def merge(times: Times | None) -> None:
    """Add what another process has spent."""
    if times is not None and _ledger is not None:
        _ledger.add(times)


def _add(key: Key, spent: Spent) -> None:
    if (ledger := _ledger) is not None:  # it may have ended since
        ledger.add(Times({key: spent}, 0.0))


def _watch_networks() -> list[Any]:
    """Have torch tell when modules are called; its handles, which end that."""
    import torch
    from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

    def wait() -> None:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()

    def before(*_: object) -> None:
        if _thread.depth == 0 and _thread.open is not None:
            wait()
            _thread.called = _now()
        _thread.depth += 1

    def after(*_: object) -> None:
        _thread.depth -= 1
        if _thread.depth == 0 and _thread.open is not None:
            wait()
            _thread.open.add_network(_since(_thread.called))

    return [register_module_forward_pre_hook(before), register_module_forward_hook(after, always_call=True)]


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


def _since(begun: tuple[float, float]) -> tuple[float, float]:
    now = _now()
    return now[0] - begun[0], now[1] - begun[1]


def _plus(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return a[0] + b[0], a[1] + b[1]
