"""decord, in a process that can be ended: its get_batch can deadlock holding the GIL (decord issue 373).

`decord_frames.py` is the calling side, by `i2vbench.child`. `python -P decord_worker.py` is the worker: it imports
nothing of i2vbench. Each wanted frame is answered by JSON with its shape and then by its raw bytes, or by JSON with an
error, which ends the answer. Each request has a watchdog here too: it needs no GIL and no caller.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")


def _send(stream: BinaryIO, message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def _receive(stream: BinaryIO) -> dict[str, Any] | None:
    """The next request; None after the last."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    message = stream.read(length)
    return json.loads(message) if len(message) == length else None


def _serve() -> None:
    """The worker: answer requests until the caller is gone."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)  # what a library prints must not come between the answers
    while (request := _receive(requests)) is not None:
        # For a caller that was killed while this hangs. Its own watchdog comes first.
        faulthandler.dump_traceback_later(request["seconds"] + 10, exit=True, file=null)
        _answer(request, answers)
        faulthandler.cancel_dump_traceback_later()


def _answer(request: dict[str, Any], answers: BinaryIO) -> None:
    import decord

    try:
        # One thread and next(), never get_batch() or seek(): sought frames of open GOPs come out wrong (11 of 16).
        reader = decord.VideoReader(request["path"], ctx=decord.cpu(0), num_threads=1)
        if len(reader) != request["num_frames"]:
            raise ValueError(f"it counts {len(reader)} frames, and there are {request['num_frames']}")
        wanted = set(request["wanted"])
        for index in range(max(wanted) + 1):
            frame = reader.next()
            if index in wanted:
                pixels = frame.asnumpy()  # [H, W, 3]
                if pixels.shape[2] != 3:  # it takes the padded row for pixels: 48 wide come as [H, 48, 4]
                    height, width, _ = pixels.shape
                    pixels = pixels.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)
                _send(answers, json.dumps({"shape": pixels.shape}).encode())
                _send(answers, pixels.tobytes())
    except (decord.DECORDError, StopIteration, RuntimeError, ValueError, OSError, MemoryError) as error:
        text = re.sub(r"^\[[\d:]+\] \S+: ", "", str(error).strip()).split("\n")[0][:200] or type(error).__name__
        _send(answers, json.dumps({"error": f"decord cannot read it ({text})"}).encode())


if __name__ == "__main__":
    _serve()
