"""What raters can be asked, and what they read before: built in.

Source: Appendix D and Section 5 of the paper, which asks for the best overall appearance and motion consistency. The
paper does not print its questions word for word; `text` and `overall` are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from i2vbench.errors import UserError
from i2vbench.human.study import Mode, Question, Study
from i2vbench.names import nearest


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question: its column's heading, what is asked for, and what is meant by it."""

    title: str
    best: str
    meant: str


_QUESTIONS: Mapping[str, _Asked] = {
    "appearance": _Asked(
        "Appearance Consistency",
        "overall appearance consistency",
        "People, things and background look as they do in the input image, and stay the same throughout.",
    ),
    "motion": _Asked(
        "Motion Consistency",
        "overall motion consistency",
        "What moves does so smoothly and plausibly, without flickering, jumps or sudden changes.",
    ),
    "text": _Asked(
        "Text Alignment",
        "alignment with the prompt",
        "What the prompt says is what is seen to be there and to happen.",
    ),
    "overall": _Asked(
        "Overall Quality",
        "overall quality",
        "All in all, as a video that begins with the input image and shows what the prompt says.",
    ),
}

KNOWN = tuple(_QUESTIONS)
"""The ids of all questions."""

DEFAULT = ("appearance", "motion")
"""What the paper asks."""


def questions_of(ids: Sequence[str], mode: Mode) -> tuple[Question, ...]:
    """The questions of these ids, as a mode asks them.

    Raises:
        UserError: None, one twice, or an unknown one.
    """
    for id_ in ids:
        if id_ not in _QUESTIONS:
            raise UserError(f"--questions '{id_}': {nearest(id_, KNOWN)}")
    if not ids or len({*ids}) < len(ids):
        raise UserError(f"--questions {','.join(ids)}: expected one or more of {', '.join(KNOWN)}, each once")
    return tuple(Question(id_, _QUESTIONS[id_].title, _text(_QUESTIONS[id_], mode)) for id_ in ids)


def _text(asked: _Asked, mode: Mode) -> str:
    if mode == "choice":
        return f"Which videos have the best {asked.best}? {asked.meant} One or more may be chosen."
    return f"Which video has the better {asked.best}? {asked.meant} If neither has, it is a tie."


def default_consent(study: Study, tasks: int) -> tuple[str, ...]:
    """What raters read before anything else where the study has no text of its own, in paragraphs.

    Args:
        study: What they are shown.
        tasks: How many each rater is given, checks included.
    """
    many = len(study.models) if study.mode == "choice" else 2
    paragraphs = [
        f"You will be shown {tasks} tasks. Each shows a picture, a text, and {many} short videos without "
        "sound that computer programs made of them; you are asked which are best. There are no wrong opinions.",
        "What is stored: your answers, when they were given, and the nickname that you choose, if any. Nothing else: "
        "no name, no address, no cookie. The answers may be published in a form that does not tell who gave them.",
        "Taking part is voluntary. You may stop at any time, without giving a reason, and come back later by the same "
        "link.",
    ]
    if study.checks > 0:
        paragraphs.append(
            "Some tasks check whether answers can be relied on: a task may come again, and some videos are damaged on "
            "purpose."
        )
        paragraphs.append("Videos may flicker or jump. If such pictures harm you, please do not take part.")
    return tuple(paragraphs)
