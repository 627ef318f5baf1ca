"""`verification.json`: what the submitter's own `verify` said, which is the submitter's word and shown as that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from i2vbench.leaderboards.folders.card import Card
from i2vbench.leaderboards.folders.layout import REPORT
from i2vbench.leaderboards.submission.archive import Refused
from i2vbench.leaderboards.submission.report import Report
from i2vbench.leaderboards.submission.strict_json import loads


@dataclass(frozen=True, slots=True)
class Said:
    """What it says.

    Attributes:
        faults: Why it is no report of this model's archive, or of one that does not hold.
        clips: How many clips of the model were measured again.
        data_set: Whether its samples were held to the data set.
    """

    faults: list[str]
    clips: int = 0
    data_set: bool = False

    def line(self) -> str:
        """For a page."""
        clips = f"{self.clips:,} of its clips measured again" if self.clips else "nothing of it measured again"
        return f"{clips}, its samples {'held' if self.data_set else 'not held'} to the data set (its submitter's word)"


def read_said(text: bytes, card: Card, is_trial: bool) -> Said:
    """What a file of bounded size says.

    Args:
        text: Its contents.
        card: `entry.toml`, whose archive and model it must be of.
        is_trial: Whether the folder says of itself that it may not stand on the board: then nothing need have been
            measured again.
    """
    try:
        said: Any = loads(text, REPORT)
    except Refused as error:
        return Said([str(error)])
    fields = set(Report.__dataclass_fields__) | {"verified"}
    if not isinstance(said, dict) or set(said) != fields or not isinstance(said["compared"], list):
        expected = f"expected {', '.join(sorted(fields))}"
        return Said([f"{REPORT} is no report of `leaderboard verify`, or of another version: {expected}"])
    faults = []
    if said["sha256"] != card.archive.sha256:
        faults.append(f"{REPORT} is of another archive than entry.toml names (SHA-256)")
    if said["verified"] is not True or said["faults"] != []:
        faults.append(f"{REPORT} says that the archive is not verified")
    own = [one for one in said["compared"] if isinstance(one, dict) and one.get("model") == card.model]
    if not own and not is_trial:
        faults.append(f"{REPORT} says that no clip of {card.model} was measured again")
    return Said(faults, len({f"{one.get('sample')}-seed{one.get('seed')}" for one in own}), said["data_set"] is True)
