"""What whoever runs a study is told of it. Models go by number here, too: they may be raters themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from i2vbench.human.assignment import total
from i2vbench.human.counted import Checks, count_votes
from i2vbench.human.study import Study
from i2vbench.human.votes import Rater, Response, Votes
from i2vbench.texts import csv_lines, csv_text

VOTES_HEADER = (
    "rater", "nickname", "origin", "task", "kind", "repeats", "item", "source", "sample", "seed", "question",
    "shown", "broken", "chosen", "seconds", "changes",
)  # fmt: skip
LINKS_HEADER = ("rater", "address", "nickname", "answered")


def progress(study: Study, votes: Votes) -> dict[str, Any]:
    """How far the raters are, and how evenly the items are answered."""
    responses = votes.responses()
    of_rater = Counter(response.task.rater for response in responses)
    of_item = Counter(response.task.item for response in responses if response.task.kind == "plain")
    of_items = [of_item[item] for item in range(len(study.items))]
    counted = count_votes(study, responses)
    seen, raters = votes.last_seen(), votes.raters()
    return {
        "raters": [
            {
                "rater": rater.id,
                "nickname": rater.nickname,
                "origin": rater.origin,
                "answered": of_rater[rater.id],
                "of": total(study),
                **_checks(counted.checks.get(rater.id, Checks())),
                "left_out": counted.left_out.get(rater.id),
                "last_seen": seen.get(rater.id),
            }
            for rater in raters
        ],
        "items": {"count": len(study.items), "least": min(of_items), "most": max(of_items)},
        "totals": {
            "raters": len(raters),
            "consented": sum(rater.consented for rater in raters),
            "done": sum(of_rater[rater.id] >= total(study) for rater in raters),
            "responses": sum(of_items),
            "checks": len(responses) - sum(of_items),
        },
    }


def _checks(checks: Checks) -> dict[str, int]:
    """In answers to single questions."""
    return {
        "checks": checks.broken + checks.repeats,
        "checks_failed": checks.broken_failed + checks.repeats_failed,
    }


def votes_csv(study: Study, votes: Votes) -> str:
    """A line for every response and question; models are numbers, in the order shown."""
    responses = votes.responses()
    raters = {rater.id: rater for rater in votes.raters()}  # read last: nobody who has answered lacks
    lines = [
        _line(study, raters[response.task.rater], response, question.id)
        for response in responses
        for question in study.questions
    ]
    return csv_lines([VOTES_HEADER, *lines])


def _line(study: Study, rater: Rater, response: Response, question: str) -> Sequence[object]:
    task, item = response.task, study.items[response.task.item]
    return (
        rater.id, csv_text(rater.nickname or ""), rater.origin, task.number, task.kind, _text(task.repeats),
        task.item, item.source, csv_text(item.sample), item.seed, csv_text(question), _models(task.shown),
        _text(task.broken), _models(sorted(response.models(question))), round(response.seconds, 3), response.changes,
    )  # fmt: skip


def links_csv(votes: Votes, base: str) -> str:
    """The addresses of those who were invited: each lets whoever has it answer."""
    of_rater = Counter(response.task.rater for response in votes.responses())
    lines = [
        (rater.id, f"{base}/r/{rater.token}/", csv_text(rater.nickname or ""), of_rater[rater.id])
        for rater in votes.raters()
        if rater.origin == "invited"
    ]
    return csv_lines([LINKS_HEADER, *lines])


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _models(models: Iterable[int]) -> str:
    return " ".join(map(str, models))
