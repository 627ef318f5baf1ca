"""Doing a thing to many items at once, and to fewer where that fails, so that one bad item costs only itself."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from i2vbench.errors import NotApplicable, UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_CHARACTERS = 400
_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^\s/:'\"]+/)+")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_log = logging.getLogger("i2vbench")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no result for an item."""

    reason: str
    not_applicable: bool = False


def attempt(
    items: Sequence[Item], call: Callable[[Sequence[Item]], Sequence[Result]], what: str
) -> list[Result | Failure]:
    """One result per item: `call` on all of them, and on halves of what fails, down to single items.

    Which items are tried together depends on the items alone, so a repeated attempt repeats the results.

    Args:
        items: What to work on.
        call: Returns one result per item, in order, or raises.
        what: Stands before the reason in the log.
    """
    if len(items) <= 1:
        return [try_once(lambda: one_each(items, call(items))[0], what)] if items else []
    try:
        return list(one_each(items, call(items)))
    except NotApplicable:
        pass  # halves find out which item it is
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, fewer items may do without it
        _log.warning("%s failed on %d at once (%s); trying fewer", what, len(items), describe(error))
    free_memory()
    half = (len(items) + 1) // 2
    return attempt(items[:half], call, what) + attempt(items[half:], call, what)


def try_once(call: Callable[[], Result], what: str) -> Result | Failure:
    """What `call` returns, or why it did not; the traceback goes to the log."""
    try:
        return call()
    except NotApplicable as error:
        return Failure(str(error), not_applicable=True)
    except UserError as error:  # a sentence that says all: its traceback would only be in the way
        _log.warning("%s failed: %s", what, error)
        return Failure(describe(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a model's or metric's failure is a reason beside its clip
        _log.exception("%s failed", what)
        return Failure(describe(error))


def one_each(items: Sequence[Item], results: Iterable[Result]) -> list[Result]:
    """The results, once there are as many as items.

    Raises:
        ValueError: If there are not.
    """
    found = list(results)
    if len(found) != len(items):
        raise ValueError(f"returned {len(found)} results for {len(items)} clips")
    return found


def describe(error: BaseException) -> str:
    """An error as one line of bounded length that reads the same wherever the files lie."""
    text = _ADDRESS.sub("", _FOLDERS.sub("", " ".join(str(error).split())))
    name = type(error).__name__
    line = text if isinstance(error, UserError) else f"{name}: {text}" if text else name
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 3] + "..."


def free_memory() -> None:
    """Give back what a failed or finished network held on the GPU, if torch is in use at all."""
    if "torch" not in sys.modules:
        return
    import torch  # waits where another thread is amid importing it, and what is there is half of it

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
