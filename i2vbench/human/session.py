"""What a rater is shown of a study and may answer, whatever they are asked through. Threads may share it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from i2vbench.human.assignment import draw, total
from i2vbench.human.guard import nickname
from i2vbench.human.study import Study, broken_path, first_frame_path, video_path
from i2vbench.human.votes import Chosen, Rater, Task, Votes


class Refused(Exception):
    """A rater asked for what is not there, or answered what was not asked.

    Args:
        status: An HTTP status.
        why: For the rater.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Session:
    """A study as its raters meet it.

    Args:
        study: What is asked.
        folder: Where its media are.
        votes: Where answers go.
    """

    def __init__(self, study: Study, folder: Path, votes: Votes) -> None:
        self.study, self.votes = study, votes
        self._folder = folder
        self._total = total(study)

    def state(self, rater: Rater) -> dict[str, Any]:
        """What is asked, and how far the rater is."""
        return {
            "consented": rater.consented,
            "consent": list(self.study.consent),
            "nickname": rater.nickname,
            "mode": self.study.mode,
            "questions": [{"id": question.id, "text": question.text} for question in self.study.questions],
            **self._progress(rater),
        }

    def consent(self, rater: Rater, name: str) -> dict[str, Any]:
        """Note the consent; the state is what it is then.

        Raises:
            Refused: The nickname is none.
        """
        try:
            called = nickname(name, rater.id)
        except ValueError as error:
            raise Refused(422, str(error)) from error
        self.votes.consent(rater.id, called)
        return self.state(replace(rater, nickname=called, consented=True))

    def shown(self, rater: Rater, number: int) -> dict[str, Any]:
        """A task, and what was answered. The one that is next is allotted.

        Raises:
            Refused: There is no consent, or no such task.
        """
        task = self._task(rater, number, allot=True)
        answer = self.votes.answer(rater.id, number)
        return {
            "number": number,
            "prompt": self.study.items[task.item].prompt,
            "videos": len(task.shown),
            "width": self.study.width,
            "height": self.study.height,
            "num_frames": self.study.num_frames,
            "fps": self.study.fps,
            "chosen": None if answer is None else {question: list(places) for question, places in answer.items()},
        }

    def first_frame(self, rater: Rater, number: int) -> bytes:
        """PNG.

        Raises:
            Refused: There is no consent, or no such task yet.
            OSError: It cannot be read.
        """
        return (self._folder / first_frame_path(self._task(rater, number).item)).read_bytes()

    def video(self, rater: Rater, number: int, place: int) -> bytes:
        """MP4 of the video at a place.

        Raises:
            Refused: There is no consent, no such task yet, or no such place.
            OSError: It cannot be read.
        """
        task = self._task(rater, number)
        if not 0 <= place < len(task.shown):
            raise Refused(404, f"there is no video {place}")
        path = broken_path(task.item) if place == task.broken else video_path(task.item, task.shown[place])
        return (self._folder / path).read_bytes()

    def save(self, rater: Rater, number: int, chosen: Chosen) -> dict[str, Any]:
        """Save an answer; it is on the disk when this returns.

        Raises:
            Refused: There is no consent, no such task yet, or it is no answer to it.
        """
        task = self._task(rater, number)
        self._check(task, chosen)
        self.votes.save(rater.id, number, {question: tuple(sorted(places)) for question, places in chosen.items()})
        return {"saved": True, **self._progress(rater)}

    def _progress(self, rater: Rater) -> dict[str, Any]:
        tasks = self.votes.tasks(rater.id)
        answered = {response.task.number for response in self.votes.responses(rater.id)}
        following = next((task.number for task in tasks if task.number not in answered), len(tasks) + 1)
        return {
            "total": self._total,
            "answered": len(answered),
            "next": following if following <= self._total else None,
        }

    def _task(self, rater: Rater, number: int, *, allot: bool = False) -> Task:
        if not rater.consented:
            raise Refused(403, "the consent is needed first")
        tasks = self.votes.tasks(rater.id)
        if allot and number == len(tasks) + 1:
            # Another tab may be as far; whichever task was open or is made, it is among those read again.
            self.votes.allot(rater.id, partial(draw, self.study, rater.id))
            tasks = self.votes.tasks(rater.id)
        if not 1 <= number <= len(tasks):
            raise Refused(404, f"there is no task {number} yet, or none at all")
        return tasks[number - 1]

    def _check(self, task: Task, chosen: Chosen) -> None:
        if {*chosen} != {question.id for question in self.study.questions}:
            raise Refused(422, "expected an answer to every question, and to no other")
        for places in chosen.values():
            if len({*places}) != len(places) or not all(0 <= place < len(task.shown) for place in places):
                raise Refused(422, "expected places of videos that are shown, each once")
            if self.study.mode == "choice" and not places:
                raise Refused(422, "expected at least one video for every question")
            if self.study.mode == "pairs" and len(places) > 1:
                raise Refused(422, "expected one video for every question, or none for a tie")
