"""Studies whose raters are drawn: with what they like about models, items, and noise; and some who do not look."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from i2vbench.human.study import Item, Mode, Question, Source, Study, write_study
from i2vbench.human.votes import Chosen, Kind, Response, Task, Votes

QUESTIONS = ("appearance", "motion")


def study_of(
    mode: Mode = "choice",
    models: Sequence[str] = ("calm", "lively", "odd"),
    items: int = 12,
    questions: Sequence[str] = QUESTIONS,
    categories: Sequence[str] = ("Pet", "Food"),
    checks: float = 0.1,
) -> Study:
    """A study of so many items, half of them of either of two sources."""
    return Study(
        mode=mode,
        questions=tuple(Question(q, f"{q.title()} Consistency", f"Best overall {q} consistency?") for q in questions),
        models=tuple(models),
        sources=tuple(Source("folder:data", f"hash-{s}", None, f"first frames of painter {s}") for s in range(2)),
        items=tuple(
            Item(i % 2, f"sample-{i}", 0, categories[i % len(categories)], f"prompt {i}", ("0" * 64,) * len(models), 0)
            for i in range(items)
        ),
        per_rater=50,
        checks=checks,
        seed=0,
        profile="tiny (256x256, 16 frames)",
        height=256,
        width=256,
        num_frames=16,
        fps=8.0,
        consent=("You may stop at any time.",),
    )


def answer(
    rater: int,
    number: int,
    item: int,
    shown: Sequence[int],
    chosen: Chosen,
    kind: Kind = "plain",
    broken: int | None = None,
    repeats: int | None = None,
) -> Response:
    return Response(Task(rater, number, kind, item, tuple(shown), broken, repeats), chosen, 5.0, 0)


def chosen_models(study: Study, rows: Sequence[tuple[int, int, Mapping[str, Sequence[int]]]]) -> list[Response]:
    """Responses of (rater, item, models chosen by question), shown in the order of the models backwards."""
    numbers: dict[int, itertools.count[int]] = {}
    shown = tuple(reversed(range(len(study.models))))
    found = []
    for rater, item, chosen in rows:
        places = {q: tuple(sorted(shown.index(model) for model in models)) for q, models in chosen.items()}
        number = next(numbers.setdefault(rater, itertools.count(1)))
        found.append(answer(rater, number, item, shown, places))
    return found


def drawn_responses(
    study: Study,
    raters: int,
    each: int,
    seed: int = 0,
    of_raters: float = 0.5,
    of_items: float = 0.5,
    noise: float = 1.0,
    quality: Sequence[float] = (),
) -> list[Response]:
    """Plain responses: utilities of models, of raters' tastes and of items, with noise, all normal.

    In choice all models above 0 are chosen, the best one at least; in pairs a difference below 0.3 is a tie.
    """
    random = np.random.default_rng(seed)
    models = len(study.models)
    base = np.array(quality or np.linspace(0.5, -0.5, models))
    shape = (len(study.questions), models)
    tastes = of_raters * random.normal(size=(raters, *shape))
    clips = of_items * random.normal(size=(len(study.items), *shape))
    found = []
    for rater in range(raters):
        for number, item in enumerate(random.permutation(len(study.items))[:each], 1):
            utility = base + tastes[rater] + clips[item] + noise * random.normal(size=shape)
            shown = random.permutation(models)[: models if study.mode == "choice" else 2].tolist()
            chosen = {q.id: _choose(study.mode, utility[i][shown]) for i, q in enumerate(study.questions)}
            found.append(answer(rater + 1, number, int(item), shown, chosen))
    return found


def _choose(mode: Mode, utility: np.ndarray) -> tuple[int, ...]:
    if mode == "choice":
        return tuple(np.flatnonzero((utility > 0) | (utility == utility.max())).tolist())
    return () if abs(utility[0] - utility[1]) < 0.3 else (int(utility.argmax()),)


def write_votes(folder: Path, study: Study, responses: Sequence[Response], nicknames: Sequence[str] = ()) -> Path:
    """A study's folder with these responses; raters are numbered from 1 on."""
    folder.mkdir(parents=True, exist_ok=True)
    write_study(folder, study)
    with Votes(folder) as votes:
        votes.invite(max([len(nicknames), *(response.task.rater for response in responses)]))
        for rater, nickname in enumerate(nicknames, 1):
            votes.consent(rater, nickname)
        for response in responses:
            task = response.task
            votes.allot(task.rater, lambda _, task=task: task)  # type: ignore[misc]
            votes.save(task.rater, task.number, response.chosen)
    return folder
