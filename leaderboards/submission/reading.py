"""A run's folder as it is read to be packed: some of its models, while nobody works on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from i2vbench.admission import Verdict, judge
from i2vbench.errors import UserError
from i2vbench.run_file import read_settings
from i2vbench.store import Store


def examine_models(run: Path, models: Sequence[str]) -> tuple[dict[str, Any], Verdict]:
    """The settings of a run with these models alone (none: all), and whether that may go on a leaderboard.

    Raises:
        UserError: It is no run, or has no such model.
    """
    settings = read_settings(run)
    unknown = [name for name in models if name not in settings["models"]]
    if unknown:
        raise UserError(f"no model '{unknown[0]}' in {run}: it has {', '.join(settings['models']) or 'none'}")
    chosen = {name: made for name, made in settings["models"].items() if not models or name in models}
    settings = {**settings, "models": chosen}
    with Store.open(run) as store:
        return settings, judge(settings, store)


@contextmanager
def at_rest(run: Path) -> Iterator[None]:
    """Keep others from working on a run while it is read.

    Raises:
        UserError: Another process works on it.
    """
    lock = filelock.FileLock(run / "run.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UserError(f"another process works on the run {run}; wait for it") from error
    except OSError:
        pass  # in a folder that cannot be written to nobody works
    try:
        yield
    finally:
        lock.release()
