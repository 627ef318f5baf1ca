"""A study's server, and raters who ask it as their page does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2vbench.human.guard import Access
from i2vbench.human.study import Study
from i2vbench.human.votes import Votes
from i2vbench.web import Server, listen
from tests.asking import Asking

ADMIN = "admin-secret-of-the-tests"


@dataclass
class Client(Asking):
    """Asks as the pages of a study do."""

    def get(self, path: str) -> Any:
        answer = self.ask(path)
        assert answer.status == 200, (path, answer)
        return answer.json

    def enrol(self) -> str:
        """The address of a new rater, who has consented."""
        answer = self.ask("/enrol", {})
        assert answer.status == 200, answer
        address: str = answer.json["address"]
        assert self.ask(f"{address}consent", {"nickname": "", "agree": True}).status == 200
        return address


@dataclass
class Serving(Client):
    """A server in this process.

    Attributes:
        folder: The study's.
        study: What is asked.
        votes: Where answers go.
    """

    folder: Path
    study: Study
    votes: Votes

    @property
    def admin(self) -> str:
        return f"/admin/{ADMIN}/"


def access_at(port: int, **changes: Any) -> Access:
    origin = f"http://127.0.0.1:{port}"
    hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
    given: dict[str, Any] = {
        "hosts": hosts, "origins": frozenset(f"http://{host}" for host in hosts), "enrol": 50, "admin": ADMIN,
        "behind_proxy": False, "links": origin,
    }  # fmt: skip
    return Access(**(given | changes))


@contextmanager
def serving(folder: Path, study: Study, *, invited: int = 0, **access: Any) -> Iterator[Serving]:
    """A server of a study, until the block ends. `access` are fields of `Access`."""
    from i2vbench.human.server import make_app

    listener = listen(0)
    port = listener.getsockname()[1]
    with Votes(folder) as votes:
        votes.invite(invited)
        server = Server(make_app(study, folder, votes, access_at(port, **access)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield Serving(port, folder, study, votes)
        finally:
            server.stop()
            thread.join(10)
            listener.close()
