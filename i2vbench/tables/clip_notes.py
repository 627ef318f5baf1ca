"""What stands under the tables of single clips: those that have no number, and those that were brought to size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from i2vbench.doubts import grouped
from i2vbench.rows import ClipRow, MeasurementRow
from i2vbench.tables.runs import Record


def clip_counts(label: str, records: Sequence[Record], planned: Sequence[ClipRow]) -> list[str]:
    """How many clips of a column have no number, and why.

    Args:
        label: The column's.
        records: All of them; or in the same order those alone that are not done, or whose details are noted here.
        planned: The column's clips.
    """
    found = []
    total = len(planned)
    failed = [record for record in records if record.state == "failed"]
    if failed:
        first = failed[0]
        several = len({clip.seed for clip in planned}) > 1
        where = f"{first.sample.id}, seed {first.clip.seed}" if several else first.sample.id
        found.append(f"{label}: {len(failed)} of {total} clips failed (first: {where}: {first.reason})")
    found += _not_applicable(label, records, total)
    slow = sum("repeated_frames" in record.row.details for record in records if record.row is not None)
    if slow:
        found.append(f"{label}: {slow} of {total} clips are slower than the protocol; frames stand there repeatedly")
    found += _brought(label, records, total)
    measured = [(record.sample, record.row.details) for record in records if record.row is not None]
    doubted = [(sample, str(doubt)) for sample, details in measured for doubt in details.get("doubts", ())]
    found += [f"{label}: {line}" for line in grouped(doubted, total)]
    owed = [record for record in records if record.state == "owed"]
    if owed:
        missing = sum(record.clip.state == "owed" for record in owed)
        of_these = f" ({missing} of them not generated yet)" if missing else ""
        found.append(f"{label}: {len(owed)} of {total} clips not measured yet{of_these}")
    return found


def _not_applicable(label: str, records: Sequence[Record], total: int) -> list[str]:
    """One line for each reason; what a reason says of its clip alone stands behind a colon."""
    reasons: dict[str, list[Record]] = {}
    for record in records:
        if record.state == "not_applicable":
            reasons.setdefault(record.reason.partition(": ")[0], []).append(record)
    found = []
    for reason, some in reasons.items():
        first = some[0].reason
        why = reason if first == reason else f"{reason}; first: {some[0].sample.id}: {first.partition(': ')[2]}"
        found.append(f"{label}: {len(some)} of {total} clips not applicable ({why})")
    return found


def _brought(label: str, records: Sequence[Record], total: int) -> list[str]:
    """What was done to videos that were not the protocol's."""
    ways: dict[str, list[Record]] = {}
    for record in records:
        if record.row is not None and "brought" in record.row.details:
            ways.setdefault(str(record.row.details["brought"]), []).append(record)
    return [
        f"{label}: {len(some)} of {total} clips were brought to the protocol: {how} "
        f"(first: {some[0].sample.id}, made as {some[0].row.details['made_as'] if some[0].row else ''})"
        for how, some in ways.items()
    ]


def reference_counts(label: str, samples: Sequence[str], reference: Mapping[str, MeasurementRow]) -> list[str]:
    """How many of a column's measured samples have no measured real clip to be compared with."""
    wanted = list(dict.fromkeys(samples))
    missing = [id_ for id_ in wanted if id_ not in reference]
    failed = [reference[id_] for id_ in wanted if id_ in reference and reference[id_].state == "failed"]
    found = []
    if missing:
        found.append(f"{label}: {len(missing)} of {len(wanted)} real clips not measured yet (first: {missing[0]})")
    if failed:
        reason = f"{failed[0].sample_id}: {failed[0].reason}"
        found.append(f"{label}: {len(failed)} of {len(wanted)} real clips failed (first: {reason})")
    return found
