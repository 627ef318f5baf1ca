"""What is made of answers: effects, verdicts, tables; and the command on metrics without a network."""

from __future__ import annotations

import csv
import math
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from i2vbench.datasets.synthetic import held_out
from i2vbench.errors import UserError
from i2vbench.metrics.base import Metric
from i2vbench.progress import Quiet
from i2vbench.types import Cell, Clip, Measurement, MetricInfo
from i2vbench.validate.damages import DAMAGES, Expected
from i2vbench.validate.report import lines, reaction_table, write_report
from i2vbench.validate.study import Reaction, study
from i2vbench.validate.subjects import DrawnSubject
from i2vbench.validate.truth import Score
from tests import processes
from tests.conftest import environment
from tests.validate.test_damages import PROTOCOL


class Brightness(Metric):
    """Mean brightness; or none at all of dark clips."""

    info = MetricInfo(id="temporal_flickering", title="Brightness", direction="higher")

    def __init__(self, floor: float = 0.0) -> None:
        self.floor = floor

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        values = [float(np.mean(clip.video.frames)) for clip in clips]
        return [
            Measurement(clip.sample.id, "temporal_flickering", value=value)
            if value > self.floor
            else Measurement(clip.sample.id, "temporal_flickering", error="too dark")
            for clip, value in zip(clips, values, strict=True)
        ]


SUBJECTS = [DrawnSubject(held_out(i), PROTOCOL) for i in range(3)]


def react(values: tuple[float, ...], spread: float = 1.0, worse: int = 1) -> Reaction:
    stated = DAMAGES["flicker"].expected("temporal_flickering")
    return Reaction("temporal_flickering", "flicker", (0, 1, 2, 3), values, 5, spread, worse, stated)


@pytest.mark.parametrize(
    ("reaction", "answer", "effect", "monotone"),
    [
        (react((0, 1, 2, 3)), "worse", 3.0, 1.0),
        (react((0, 1, 2, 3), worse=-1), "better", -3.0, -1.0),
        (react((3, 2, 1, 0), spread=2), "better", -1.5, -1.0),
        (react((0, 0.3, 0.2, 0.1)), "blind", 0.1, 0.2),
        (react((0, 0, 0, 0)), "blind", 0.0, math.nan),
        (react((0, 0, 0, 1), spread=0), "worse", math.inf, 0.7745966692414834),
        (react((1, 1, 1, 0), spread=0, worse=1), "better", -math.inf, -0.7745966692414834),
    ],
)
def test_verdicts(reaction: Reaction, answer: str, effect: float, monotone: float) -> None:
    assert reaction.answer == answer
    assert reaction.effect == pytest.approx(effect)
    assert reaction.monotone == pytest.approx(monotone, nan_ok=True)
    assert reaction.as_stated == (answer == "worse"), "of flicker it is stated that the number is worse"


def test_values_are_means_over_clips_against_the_spread_between_them() -> None:
    [reaction] = study({"b": Brightness()}, SUBJECTS, Quiet(), [DAMAGES["freeze"]]).reactions
    clean = [float(subject.video().frames.mean()) for subject in SUBJECTS]
    frozen = [float(subject.video().frames[0].mean()) for subject in SUBJECTS]
    assert reaction.values[0] == pytest.approx(np.mean(clean))
    assert reaction.values[-1] == pytest.approx(np.mean(frozen))
    assert reaction.spread == pytest.approx(np.std(clean, ddof=1))
    assert (reaction.clips, reaction.grades) == (3, (0, 0.25, 0.5, 0.75, 1.0))


def test_clips_that_cannot_be_judged_are_left_out_whole() -> None:
    dark = sorted(float(subject.video().frames.mean()) for subject in SUBJECTS)
    metric = Brightness(floor=(dark[0] + dark[1]) / 2)
    [reaction] = study({"b": metric}, SUBJECTS, Quiet(), [DAMAGES["wrong caption"]]).reactions
    assert reaction.clips == 2
    with pytest.raises(UserError, match="at least two clips, got 1"):
        study({"b": Brightness()}, SUBJECTS[:1], Quiet())


def test_a_metric_without_a_number_is_left_out_with_its_reason_and_the_others_go_on() -> None:
    found = study({"b": Brightness(floor=1e9), "c": Brightness()}, SUBJECTS, Quiet(), [DAMAGES["blur"]])
    assert len(found.reactions) == 1
    assert found.left_out == {"b": "0 of 3 clips can be judged (too dark)"}


class Fixed(DrawnSubject):
    """Cannot be sped up."""

    def faster(self, factor: float) -> None:
        return None


class OnlyUndamaged(Brightness):
    """Judges as many clips as there are, and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.left = len(SUBJECTS)

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        self.left -= len(clips)
        found = super().measure(clips)
        return found if self.left >= 0 else [replace(one, value=None, error="too odd") for one in found]


def test_what_has_no_answer_has_a_reason() -> None:
    subjects = [Fixed(held_out(0), PROTOCOL), *SUBJECTS[1:2], Fixed(held_out(2), PROTOCOL)]
    damages = [DAMAGES["blur"], DAMAGES["speed-up"]]
    found = study({"b": Brightness(), "odd": OnlyUndamaged()}, subjects, Quiet(), damages)
    assert [reaction.damage for reaction in found.reactions] == ["blur"]
    fast = "1 of 3 clips can be damaged so"
    assert found.unanswered == {
        "blur": {"odd": "0 of 3 damaged clips can be judged (too odd)"},
        "speed-up": {"b": fast, "odd": fast},
    }


def test_only_stated_answers_if_asked() -> None:
    wanted = [DAMAGES["flicker"], DAMAGES["compression"]]
    found = study({"temporal_flickering": Brightness()}, SUBJECTS, Quiet(), wanted, stated_only=True)
    assert [r.damage for r in found.reactions] == ["flicker"]


class Counting(Brightness):
    """Counts the clips that it is shown."""

    shown = 0

    def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
        self.shown += len(clips)
        return super().measure(clips)


def test_where_only_the_caption_is_damaged_metrics_that_read_none_look_once_more() -> None:
    deaf, reading = Counting(), Counting()
    reading.info = replace(reading.info, reads=frozenset({"video", "prompt"}))
    found = study({"deaf": deaf, "reading": reading}, SUBJECTS, Quiet(), [DAMAGES["wrong caption"]])
    assert (deaf.shown, reading.shown) == (3 * 2, 3 * 5)
    assert found.reactions[0].values == found.reactions[1].values


class TestFeatures:
    """Of metrics that compare distributions."""

    class Distance(Metric):
        """The squared distance between mean colours."""

        info = MetricInfo(id="fvd", title="Distance", direction="lower", reads=frozenset({"video", "reference"}))

        def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
            return [Measurement(c.sample.id, "fvd", features=c.video.frames.mean((0, 1, 2))) for c in clips]

        def aggregate(self, generated: Iterable[Measurement], reference: Iterable[Measurement] | None = None) -> Cell:
            ours, real = ([m.features for m in some if m.features is not None] for some in (generated, reference or ()))
            return Cell(float(((np.mean(ours, axis=0) - np.mean(real, axis=0)) ** 2).sum()), len(ours))

    def test_a_distance_is_held_against_how_far_two_clips_lie_apart(self) -> None:
        [reaction] = study({"fvd": self.Distance()}, SUBJECTS, Quiet(), [DAMAGES["freeze"]]).reactions
        clean = np.array([subject.video().frames.mean((0, 1, 2)) for subject in SUBJECTS])
        frozen = np.array([subject.video().frames[0].mean((0, 1)) for subject in SUBJECTS])
        assert reaction.values[0] == 0
        assert reaction.spread == pytest.approx(math.sqrt(clean.var(axis=0, ddof=1).sum()))  # of three, all pairs
        moved = np.linalg.norm(frozen.mean(axis=0) - clean.mean(axis=0))
        assert reaction.effect == pytest.approx(moved / reaction.spread)

    def test_an_inception_score_has_clips_enough_in_every_split(self) -> None:
        class Score(Metric):
            info = MetricInfo(id="inception_score", title="Score", direction="higher")
            rows: ClassVar[list[int]] = []

            def measure(self, clips: Sequence[Clip]) -> list[Measurement]:
                return [Measurement(c.sample.id, "inception_score", features=np.ones(2) / 2) for c in clips]

            def aggregate(self, generated: Iterable[Measurement], reference: object = None) -> Cell:
                self.rows.append(len(list(generated)))
                return Cell(1.0, self.rows[-1], spread=0.5)

        [reaction] = study({"s": Score()}, SUBJECTS, Quiet(), [DAMAGES["freeze"]]).reactions
        assert set(Score.rows) == {10 * len(SUBJECTS)}
        assert reaction.spread == pytest.approx(0.5 * math.sqrt(len(SUBJECTS)))


def test_tables_hold_everything(tmp_path: Path) -> None:
    reactions = [react((0, 1, 2, 3)), react((0, 0, 0, 0))]
    scores = [Score("dynamic_degree", "end-point error in pixels", 0.5, "no motion", 2.0, False)]
    table = reaction_table(reactions, "small")
    assert list(table.answer) == ["worse", "blind"]
    assert list(table.stated) == ["worse", "worse"]
    said = "\n".join(lines(reactions, scores, ["look out"]))
    assert said.count("as stated") == 1
    assert "STATED: worse" in said
    assert "  temporal_flickering: sees flicker; blind to flicker" in said
    assert re.search(r"end-point error in pixels +0.500 +2.000  no motion", said)
    assert "note: look out" in said
    assert max(map(len, said.splitlines())) <= 100
    damage, _, report = write_report(tmp_path / "out", reactions, scores, "Title", "small", ["look out"])
    with open(damage, newline="") as file:
        assert [row["effect"] for row in csv.DictReader(file)] == ["3.0", "0.0"]
    assert "**+0.00 (-)**" in report.read_text()
    assert "| temporal_flickering | flicker | flicker |  |" in report.read_text()
    assert "- look out" in report.read_text()


def test_every_csv_names_the_profile_in_its_last_column(tmp_path: Path) -> None:
    hostile = '=HYPERLINK("x"),\r\nbase: not comparable'
    scores = [Score("dynamic_degree", "end-point error in pixels", 0.5, "no motion", 2.0, False)]
    for some, truth in (([react((0, 0, 0, 0))], scores), ([], [])):
        for path in write_report(tmp_path, some, truth, "Title", hostile)[:2]:
            with open(path, newline="") as file:
                header, *rows = csv.reader(file)
            assert header[-1] == "profile"
            assert [row[-1] for row in rows] == ["'" + hostile] * len(some)


def test_a_network_has_statements_of_its_own_and_says_so(tmp_path: Path) -> None:
    damage = replace(
        DAMAGES["flicker"], exceptions={"small": {"temporal_flickering": Expected("blind", "too small", "worse")}}
    )
    assert damage.expected("temporal_flickering", ["large"]) == damage.answers["temporal_flickering"]
    held = replace(react((0, 0, 0, 0)), stated=damage.expected("temporal_flickering", ["large", "small"]))
    assert held.as_stated
    assert "as stated (in general: worse)" in "\n".join(lines([held], []))
    _, _, report = write_report(tmp_path, [held], [], "Title", "small")
    assert "| temporal_flickering | flicker | worse | blind | too small |" in report.read_text()
    assert replace(held, stated=Expected("open", "too near", "worse")).as_stated is None


def test_of_one_grade_nothing_is_said_of_the_grades(tmp_path: Path) -> None:
    [reaction] = study({"b": Brightness()}, SUBJECTS, Quiet(), [DAMAGES["freeze"].strongest()]).reactions
    assert reaction.grades == (0, 1.0)
    assert math.isnan(reaction.monotone)
    assert "rho" not in "\n".join(lines([reaction], []))


def test_what_does_not_go_with_the_grades_is_marked() -> None:
    said = "\n".join(lines([react((0, 3, 1, 2))], []))
    assert "sees flicker~" in said
    one_exchange = replace(react((0, 1, 3, 2, 4)), grades=(0, 1, 2, 3, 4))
    assert one_exchange.monotone == pytest.approx(0.9)
    assert "~" not in "\n".join(lines([one_exchange], [])).replace("(~:", "")


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "i2vbench", "validate-metrics", *arguments]
    return processes.run(command, cwd=folder, env=environment())


def test_flickering_behaves_as_was_stated(tmp_path: Path) -> None:
    done = run("--metrics", "temporal_flickering", "--limit", "6", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    stated = [name for name, damage in DAMAGES.items() if "temporal_flickering" in damage.answers]
    assert done.stdout.count("as stated") == len(stated) >= 9
    assert "few clips" not in done.stdout
    with open(tmp_path / "runs" / "validate" / "damage.csv", newline="") as file:
        rho = {row["damage"]: float(row["monotone"] or "nan") for row in csv.DictReader(file)}
    assert min(rho["flicker"], rho["jitter"], -rho["blur"], -rho["freeze"]) > 1 - 1e-9, rho
    assert -rho["rescaling"] > 0.9 - 1e-9, rho  # two neighbours are exchanged
    assert not re.search("(flicker|jitter|blur|freeze|rescaling)~", done.stdout)
    assert (tmp_path / "runs" / "validate" / "report.md").is_file()


def test_real_clips_that_are_too_short_to_be_sped_up_are_told_of(tmp_path: Path) -> None:
    options = ("--metrics", "temporal_flickering", "--dataset", "demo", "--damages", "speed-up,blur", "--limit", "3")
    done = run(*options, folder=tmp_path)
    assert re.search(r"note: no answer to speed-up: [01] of 3 clips can be damaged so", done.stdout), done.stdout
    assert "note: verdicts stand on few clips, some on 3: of fewer than 6" in done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--damages", "blurr"), "blur"),
        (("--metrics", "fdv"), "fvd"),
        (("--dataset", "nothing"), "unknown data set"),
        (("--profile", "papre"), "unknown profile"),
        (("--profile", "paper", "--metrics", "fvd"), "i3d_tats"),
    ],
)
def test_mistakes_are_told_in_a_line(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = run("--limit", "2", *options, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
