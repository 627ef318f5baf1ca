"""One request from first to last: from the ledger as far as it is there, from the API only for what is owed."""

from __future__ import annotations

import hashlib
import json
import threading

from i2vbench.models.http import files
from i2vbench.models.http.collect import collect, failed, look
from i2vbench.models.http.context import ClipError, Context, Lost, Stopped
from i2vbench.models.http.description import Description
from i2vbench.models.http.ledger import Entry
from i2vbench.models.http.submit import settle, submit
from i2vbench.types import Request, Video


def request_key(description: Description, request: Request) -> str:
    """What a request is known by: a hash of everything that decides its video, its seed included."""
    decides = {
        "api": description.decides(),
        "prompt": request.prompt,
        "seed": request.seed,
        "size": [request.num_frames, request.height, request.width, request.fps],
        "first_frame": hashlib.sha256(request.first_frame.tobytes()).hexdigest(),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:32]


class Jobs:
    """Requests to one API. What fails is not tried again by the same process, however often it is asked."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._given_up: dict[str, ClipError] = {}
        self._mutex = threading.Lock()

    def video(self, key: str, request: Request) -> Video:
        """The video of a request.

        Raises:
            ClipError: Why there is none.
            Stopped: The user stopped it.
        """
        with self._mutex:
            before = self._given_up.get(key)
        if before is not None:  # the harness tries a batch that failed in halves
            raise type(before)(str(before))
        try:
            return self._video(key, request)
        except Stopped:
            raise
        except ClipError as error:
            with self._mutex:
                self._given_up[key] = error
            raise

    def _video(self, key: str, request: Request) -> Video:
        context, pay_again = self._context, self._context.description.pay_again
        entry = context.ledger.entry(key)
        was_lost = False
        if entry is None or entry.state == "refused":
            self._submit(key, request)
        elif entry.state in ("sending", "unknown"):
            settle(context, key, request, entry)
        elif entry.state == "failed":
            if "failed" not in pay_again:
                raise ClipError(failed(context, entry.job, entry.reason))
            self._submit(key, request)
        elif entry.state == "done":
            video = self._kept(key, entry)
            if video is not None:
                return video
        else:
            was_lost = bool(entry.reason)
        try:
            return collect(context, key, self._job(key))
        except Lost:
            if not (was_lost and "lost" in pay_again):
                raise
        self._submit(key, request)
        return collect(context, key, self._job(key))

    def _submit(self, key: str, request: Request) -> None:
        submit(self._context, key, request)
        self._context.tell(f"{request.sample_id}: accepted{f' as job {job}' if (job := self._job(key)) else ''}")

    def _job(self, key: str) -> str:
        entry = self._context.ledger.entry(key)
        return entry.job if entry else ""

    def _kept(self, key: str, entry: Entry) -> Video | None:
        """The video that is here already; None if its file is gone or has changed."""
        path = files.kept_video(self._context.folder, key, entry.sha256)
        if path is None:
            return None
        try:
            return look(self._context, key, path, is_new=False)
        except files.BadContent:
            return None
