"""Where a run's time went, as a table, and how much of it was not a network's; how to read it: `docs/timings.md`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from i2vbench.tables.printed import Heading, PrintedCell, Row, Table
from i2vbench.timings import Key, Spent, Times

_TITLES = {
    "start": "starting",
    "plan": "reading the data set, planning",
    "load": "loading and letting go",
    "first frame": "first frames",
    "generate": "generating",
    "picture": "keeping first frames",
    "write": "encoding and writing videos",
    "read": "opening and decoding",
    "resize": "resizing to the protocol",
    "known": "looking up what other runs made",
    "measure": "measuring",
    "features": "keeping features",
    "database": "database",
    "tables": "tables",
    "wait for clips": "waiting for clips",
    "wait for files": "waiting for videos to be written",
    "idle": "waiting for work",
}
"""Stages in the order in which they are shown."""

_APART = ("start", "load")
"""What takes as long for one clip as for a million."""

_IN_TURN = ("plan", "generate", "picture", "measure", "features", "wait for clips", "wait for files", "tables")
"""What nothing else is done behind: before and after the work, and on the threads that hold networks."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a run spent, and on what.

    Attributes:
        times: Of all its processes.
        seconds: From the command's beginning to its end.
        threads: Of torch on a CPU, in each process.
    """

    times: Times
    seconds: float
    threads: int

    @property
    def others(self) -> float:
        """CPU seconds of threads that nothing is counted in: torch's own where it has several, and who hands out work.

        Between the ends of two processes' counts a little may be counted in a stage and not in its process yet.
        """
        return max(0.0, self.times.cpu_seconds - sum(spent.cpu_seconds for spent in self.times.stages.values()))

    @property
    def cpu_share(self) -> float:
        """What was not a network's, of all CPU seconds but those of starting and loading."""
        ours = sum(_ours(key, spent)[1] for key, spent in self.times.stages.items())
        if self.threads == 1:  # then torch has no others, and they are the harness's too
            ours += self.others
        apart = sum(spent.cpu_seconds for (stage, _), spent in self.times.stages.items() if stage in _APART)
        everything = self._counted + self.others - apart
        return ours / everything if everything > 0 else 0.0

    @property
    def time_share(self) -> float:
        """What was not a network's, of the time of the threads that hold networks, and of that before and after."""
        in_turn = {key: spent for key, spent in self.times.stages.items() if key[0] in _IN_TURN}
        everything = sum(spent.seconds for spent in in_turn.values())
        return sum(_ours(key, spent)[0] for key, spent in in_turn.items()) / everything if everything > 0 else 0.0

    @property
    def _counted(self) -> float:
        return sum(spent.cpu_seconds for spent in self.times.stages.values())

    def summary(self) -> str:
        """The last line."""
        return (
            f"harness: {self.cpu_share:.1%} of CPU time, {self.time_share:.1%} of the time of the run; starting and "
            "loading apart"
        )

    def as_json(self) -> dict[str, Any]:
        """As `timings.json` holds it."""
        return {
            "seconds": self.seconds,
            "cpu_seconds": self.times.cpu_seconds,
            "torch_threads": self.threads,
            "stages": [{"stage": stage, "name": name, **asdict(spent)} for (stage, name), spent in _sorted(self.times)],
            "harness": {"share_of_cpu_time": self.cpu_share, "share_of_time": self.time_share},
        }

    def table(self) -> Table:
        """A line a stage and name; the shares are of all CPU seconds."""
        whole = (self._counted + self.others) or 1.0
        rows = [
            _row(f"{_TITLES[stage]} {name}".rstrip(), spent, spent.cpu_seconds / whole)
            for (stage, name), spent in _sorted(self.times)
        ]
        others = "torch's other threads, and the rest" if self.threads > 1 else "the rest"
        rows.append(_row(others, Spent(cpu_seconds=self.others), self.others / whole))
        total = Spent(cpu_seconds=whole)
        rows.append(_row(f"the run, {self.seconds:.1f} s", total, 1.0, total=True))
        return Table(
            "timings", "", "Where the time went", "", None, "Stage", _HEADINGS, tuple(rows), (), measured=False
        )


_HEADINGS = (
    Heading("clips", "clips"),
    Heading("seconds", "seconds"),
    Heading("CPU s", "cpu_seconds"),
    Heading("share", "share"),
    Heading("network s", "network_seconds"),
    Heading("rest s", "rest_seconds"),
)


def _row(label: str, spent: Spent, share: float, total: bool = False) -> Row:
    network = spent.network_seconds > 0
    texts = [
        str(spent.clips or ""),
        _seconds(spent.seconds) if spent.seconds else "",
        _seconds(spent.cpu_seconds),
        f"{share:.1%}",
        _seconds(spent.network_seconds) if network else "",
        _seconds(spent.seconds - spent.network_seconds) if network else "",
    ]
    return Row(label, 0, tuple(map(PrintedCell, texts)), total)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}"


def _sorted(times: Times) -> Sequence[tuple[Key, Spent]]:
    order = list(_TITLES)
    return sorted(times.stages.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))


def _ours(key: Key, spent: Spent) -> tuple[float, float]:
    """Seconds and CPU seconds of a stage that are the harness's: neither a network's, nor a model's of its own."""
    stage, _ = key
    if stage in (*_APART, "idle") or (stage == "generate" and not spent.network_seconds):
        return 0.0, 0.0
    return spent.seconds - spent.network_seconds, spent.cpu_seconds - spent.network_cpu_seconds
