"""A study's server as a process that starts quickly: python -m tests.human.start FOLDER PORT."""

from __future__ import annotations

import sys
from pathlib import Path

from i2vbench.human.server import make_app
from i2vbench.human.study import read_study
from i2vbench.human.votes import Votes
from i2vbench.web import Server, listen
from tests.human.raters import access_at


def start(folder: Path, port: int) -> None:
    with Votes(folder) as votes:
        app = make_app(read_study(folder), folder, votes, access_at(port, enrol=1000))
        listener = listen(port)
        print("serving", flush=True)
        Server(app).run(sockets=[listener])


if __name__ == "__main__":
    start(Path(sys.argv[1]), int(sys.argv[2]))
