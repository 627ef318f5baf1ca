"""A model behind an HTTP API, described in a TOML file: submit a request, poll its job, download the video.

description.py   the TOML file, held to its rules
template.py      what a request's body may hold, and finding values in answers
secret.py        the key: from the environment, and taken out of every text that comes from outside
transport.py     one exchange over HTTP, bounded in time and size, which knows whether anything was sent
ledger.py        what was sent and may have been paid for, in a file that outlives the process
files.py         answers and videos as they came, and whether a video is what was stated
jobs.py          one request from first to last, never paid for twice
adapter.py       many of them at once
"""

from pathlib import Path


def example() -> str:
    """A commented description to begin from, as `i2vbench adapter new --from http` writes it."""
    return Path(__file__).with_name("example.toml").read_text(encoding="utf-8")
