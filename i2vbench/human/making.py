"""Runs -> a study's folder. A study is made once; asked for again, it is gone on with, or the wish is refused.

`study.json` is written when every video has been read, and before any of its media. A file of media has its name only
when it is whole, so a study whose making was killed lacks files, and is given those that it lacks.
"""

from __future__ import annotations

import random
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from i2vbench.errors import UserError
from i2vbench.files import file_sha256, hold_lock
from i2vbench.human import questions
from i2vbench.human.assignment import total
from i2vbench.human.choosing import Candidate, Choice, choose
from i2vbench.human.filling import fill, in_threads
from i2vbench.human.media import encode_first_frame, read_shown
from i2vbench.human.study import FILE, Item, Mode, Source, Study, read_study, write_study
from i2vbench.progress import Progress
from i2vbench.tables.notes import canonical
from i2vbench.texts import clean
from i2vbench.video import VideoError

PER_RATER, CHECKS = 50, 0.1

MOST_AT_ONCE = 26
"""Models in a task: the page calls them by letters."""

_LOCK = "study.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a study is to be. What is None is at its default, or as the study that is there has it.

    Attributes:
        runs: Folders; none to go on with a study whose media are all there.
        models: Only these.
        categories: Only samples of these.
        limit: Only so many samples.
        questions: Ids of what is asked.
        mode: What a task is.
        per_rater: The most tasks a rater is given.
        checks: The share of them that are checks.
        seed: Of what is drawn; None for one that nobody can guess.
        consent: What raters read first, in paragraphs.
    """

    runs: tuple[Path, ...] = ()
    models: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    limit: int | None = None
    questions: tuple[str, ...] | None = None
    mode: Mode | None = None
    per_rater: int | None = None
    checks: float | None = None
    seed: int | None = None
    consent: tuple[str, ...] | None = None


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A study's folder, for this process alone; made if it is not there, and taken away if no study comes of it.

    Raises:
        UserError: Another process holds it; it is something else's, or cannot be written to.
    """
    made = not folder.exists()
    if not made and not (folder / FILE).exists():
        others = sorted(path.name for path in folder.iterdir() if path.name not in (_LOCK, f".{FILE}.partial"))
        if others:
            raise UserError(f"{folder} holds other things ({others[0]}) and no {FILE}; name another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder}: cannot be made: {error.strerror}") from error
    lock = hold_lock(folder / _LOCK, f"another process serves {folder}; end that one, or name another --out")
    try:
        yield
    finally:
        if made and not (folder / FILE).exists():
            shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def make_study(folder: Path, plan: Plan, progress: Progress) -> Study:
    """The study in a folder that is `held`: made of the plan's runs, or as it is there, with all its media.

    Raises:
        UserError: There is no study and no run is named; the study there is another one; a run will not do.
    """
    if (folder / FILE).exists():
        study = read_study(folder)
        _refuse_other(folder, study, plan)
        choice = choose(plan.runs, study.models, study.categories) if plan.runs else None
    elif plan.runs:
        choice = choose(plan.runs, plan.models, plan.categories, plan.limit)
        study = _new(choice, plan, progress)
        write_study(folder, study)
    else:
        raise UserError(f"{folder} holds no study yet: name the runs it is to be of, as in serve RUN --out {folder}")
    candidates = None if choice is None else _candidates_of(folder, study, choice)
    fill(folder, study, candidates, None if choice is None else choice.protocol, progress)
    return study


# -- a new study ------------------------------------------------------------------------------------------------


def _new(choice: Choice, plan: Plan, progress: Progress) -> Study:
    for line in choice.left_out:
        progress.say(line)
    mode: Mode = plan.mode or "choice"
    # Whoever guesses it can tell checks, and which orders may come.
    seed = plan.seed if plan.seed is not None else secrets.randbelow(2**31)
    per_rater = plan.per_rater if plan.per_rater is not None else PER_RATER
    checks = plan.checks if plan.checks is not None else CHECKS
    asked = questions.questions_of(plan.questions or questions.DEFAULT, mode)
    if mode == "choice" and len(choice.models) > MOST_AT_ONCE:
        raise UserError(
            f"{len(choice.models)} models: a page shows at most {MOST_AT_ONCE} at once; --mode pairs shows two, and "
            "--model takes some"
        )
    found = _read_all(choice, progress)
    broken = _balanced(len(found), len(choice.models), seed) if checks > 0 else [None] * len(found)
    study = Study(
        mode=mode,
        questions=asked,
        models=choice.models,
        sources=choice.sources,
        items=tuple(
            Item(c.source, c.sample.id, c.seed, c.sample.category, clean(c.sample.prompt), hashes, model)
            for (c, hashes), model in zip(found, broken, strict=True)
        ),
        per_rater=per_rater,
        checks=checks,
        seed=seed,
        profile=choice.profile,
        height=choice.protocol.height,
        width=choice.protocol.width,
        num_frames=choice.protocol.num_frames,
        fps=choice.protocol.fps,
        consent=plan.consent or (),
        limit=plan.limit,
        categories=choice.categories,
    )
    return study if plan.consent else replace(study, consent=questions.default_consent(study, total(study)))


def _read_all(choice: Choice, progress: Progress) -> list[tuple[Candidate, tuple[str, ...]]]:
    """The samples whose files can all be shown, with their videos' hashes; the others are told of."""

    def look(candidate: Candidate) -> tuple[str, ...] | str:
        try:
            encode_first_frame(candidate.first_frame, choice.protocol)
            for path in candidate.videos:
                read_shown(path, choice.protocol)
            return tuple(map(file_sha256, candidate.videos))
        except VideoError as error:
            return str(error)

    found, reasons = [], []
    progress.start("reading", len(choice.candidates), 0, noun="samples")
    for candidate, seen in zip(choice.candidates, in_threads(look, choice.candidates), strict=True):
        progress.advance("reading", doing=candidate.sample.id)
        if isinstance(seen, str):
            reasons.append(seen)
        else:
            found.append((candidate, seen))
    if reasons:
        line = f"{len(reasons)} of {len(choice.candidates)} samples left out, a file cannot be shown (first: "
        progress.say(f"{line}{reasons[0]})")
    if not found:
        raise UserError(f"no sample can be shown; the first: {reasons[0]}")
    return found


def _balanced(items: int, models: int, seed: int) -> list[int]:
    """A model for each item, drawn; every model as often as any other, or once more."""
    rng = random.Random(f"{seed}/broken")
    order = rng.sample(range(models), models)
    drawn = [order[index % models] for index in range(items)]
    rng.shuffle(drawn)
    return drawn


# -- a study that is there --------------------------------------------------------------------------------------


def _refuse_other(folder: Path, study: Study, plan: Plan) -> None:
    """Refuse a plan of another study than the one that is there.

    Raises:
        UserError: Naming the options in which they differ.
    """
    there = study.categories or ()
    wanted = [name for text in plan.categories or () for name in ([text] if text in there else text.split(","))]
    pairs = {
        "--mode": (plan.mode, study.mode),
        "--questions": (plan.questions, tuple(question.id for question in study.questions)),
        "--per-rater": (plan.per_rater, study.per_rater),
        "--checks": (plan.checks, study.checks),
        "--seed": (plan.seed, study.seed),
        "--limit": (plan.limit, study.limit),
        "--consent": (plan.consent, study.consent),
        "--model": (plan.models and sorted({*plan.models}), sorted(study.models)),
        "--categories": (plan.categories and sorted({name.strip() for name in wanted}), sorted(there)),
    }
    differing = [name for name, (asked, has) in pairs.items() if asked is not None and asked != has]
    if differing:
        raise UserError(
            f"{folder} is a study already, and stays as it was made; it differs in {', '.join(differing)}: leave that "
            "out to go on with it, or name another --out"
        )


def _candidates_of(folder: Path, study: Study, choice: Choice) -> list[Candidate]:
    """What each item of the study is made of, its videos in the study's order of models.

    Raises:
        UserError: These are not the runs that it was made of.
    """
    other = f"{folder} is a study of other runs: name those, none, or another --out"
    shape = (choice.protocol.height, choice.protocol.width, choice.protocol.num_frames, choice.protocol.fps)
    if shape != (study.height, study.width, study.num_frames, study.fps):
        raise UserError(f"{other} (the protocols differ)")
    keys = [_key(source) for source in study.sources]
    if sorted(keys) != sorted(map(_key, choice.sources)):
        raise UserError(f"{other} (the data sets or first frames differ)")
    order = [choice.models.index(model) for model in study.models]
    found = {(_key(choice.sources[c.source]), c.sample.id): c for c in choice.candidates}
    candidates = []
    for item in study.items:
        one = found.get((keys[item.source], item.sample))
        if one is None:
            raise UserError(f"{other} (these lack videos of {item.sample})")
        videos = tuple(one.videos[model] for model in order)
        candidates.append(Candidate(item.source, one.sample, one.seed, one.first_frame, videos))
    return candidates


def _key(source: Source) -> str:
    return canonical([source.fingerprint, source.first_frames])
