"""How a command ends: exit codes, errors of one form, and what neither Ctrl-C nor a closed pipe may leave behind.

0  done
1  done, and something failed or is not as it should be: the output says what
2  refused, or cannot go on: one sentence on standard error says why
130, 143  stopped by Ctrl-C or SIGTERM

A bug keeps its traceback; Python ends with 1 then.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from types import FrameType
from typing import Any, NoReturn

import typer

from i2vbench.cli.output import plain_lines
from i2vbench.errors import UserError

FAILED, REFUSED = 1, 2
STOPPED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM

# Of typer's own click or of the package, whichever typer stands on: what its refusals have in common.
_Refusal: type[Exception] = typer.BadParameter.__mro__[2]
_PARAMETER = re.compile(r"Invalid value for (.+?): (.)", re.DOTALL)
_VALUES = re.compile(r"Option '(?P<flag>\S+)' (?:requires (?:an|(?P<more>\d+)) arguments?|does not take a value)")


class Ended(Exception):
    """Carries past typer what it would end by itself: Ctrl-C, SIGTERM, or a pipe that nobody reads."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, where a command cleans up after it as after Ctrl-C."""


def ended_well(app: Callable[..., Any]) -> int:
    """Run the command line. Returns the exit code; a bug keeps its traceback."""
    try:
        code = app(prog_name="i2vbench", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except UserError as error:
        return _say(str(error))
    except _Refusal as error:
        return _say(refusal(error))
    except Ended as end:
        return _ended(end.__cause__)
    except KeyboardInterrupt as error:  # before a command has begun
        return _ended(error)
    except (OSError, sqlite3.OperationalError) as error:
        return _ended(error)


def _say(sentence: str, code: int = REFUSED) -> int:
    try:
        print(f"i2vbench: {plain_lines(sentence)}", file=sys.stderr, flush=True)
    except OSError:
        _drop(sys.stderr)
    return code


def _ended(error: BaseException | None) -> int:
    """The exit code for what ended a command from outside.

    Raises:
        BaseException: The error itself, if it is a bug's.
    """
    from i2vbench.files import is_disk_error

    if isinstance(error, KeyboardInterrupt):
        return _say("stopped", TERMINATED if isinstance(error, Terminated) else STOPPED)
    if isinstance(error, BrokenPipeError) and _nobody_reads():
        return 0
    if error is not None and is_disk_error(error):
        _nobody_reads()  # what standard output could not take is not tried again as Python ends
        place = getattr(error, "filename", None)
        reason = getattr(error, "strerror", None) or str(error)
        what = f"{place} cannot be written" if place else "writing failed"
        return _say(f"{what}: {reason}; make room or name another place, and run the same command")
    assert error is not None
    raise error


def _nobody_reads() -> bool:
    """Whether standard output or error has lost its reader, or its disk; then nothing more is written to it."""
    gone = [stream for stream in (sys.stdout, sys.stderr) if not _is_read(stream)]
    for stream in gone:
        _drop(stream)
    return bool(gone)


def _is_read(stream: Any) -> bool:
    try:
        stream.flush()
    except OSError:
        return False
    if not hasattr(select, "poll"):  # Windows, where a pipe's end shows in no other way
        return True
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return not poll.poll(0)


def _drop(stream: Any) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def refusal(error: Any) -> str:
    """typer's words for a command that it refuses, in our form."""
    text = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    if hasattr(error, "possibilities") and context is not None:
        known = [name for param in context.command.params for name in (*param.opts, *param.secondary_opts)]
        near = get_close_matches(error.option_name, known)
        text = f"no option {error.option_name}" + (f": did you mean {' or '.join(near)}?" if near else "")
    if wrong := _VALUES.match(text):
        expected = "no value" if "does not" in text else f"{wrong['more']} values" if wrong["more"] else "a value"
        text = f"{wrong['flag']}: expected {expected}"
    text = _PARAMETER.sub(lambda match: f"{match[1].replace(chr(39), '')}: {match[2].lower()}", text).rstrip(".")
    if not text.startswith("-"):
        text = text[0].lower() + text[1:]
    return text if context is None else f"{text} (see `{context.command_path} --help`)"


@contextmanager
def cleaned_up() -> Iterator[None]:
    """End on SIGTERM as on Ctrl-C: what was begun in a folder is taken away."""

    def terminate(number: int, frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
