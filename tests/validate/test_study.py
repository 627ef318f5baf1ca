"""What is made of answers: effects, verdicts, tables; and the command on metrics without a network."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from i2vbench.datasets.synthetic import held_out
from i2vbench.errors import UserError
from i2vbench.metrics.base import Metric
from i2vbench.progress import Quiet
from i2vbench.types import Clip, Measurement, MetricInfo
from i2vbench.validate.damages import DAMAGES
from i2vbench.validate.report import as_stated, lines, reaction_table, write_report
from i2vbench.validate.study import Reaction, study
from i2vbench.validate.subjects import DrawnSubject
from i2vbench.validate.truth import Score
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
    return Reaction("temporal_flickering", "flicker", (0, 1, 2, 3), values, 5, spread, worse)


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
    assert as_stated(reaction) == (answer == "worse"), "of flicker it is stated that the number is worse"


def test_values_are_means_over_clips_against_the_spread_between_them() -> None:
    [reaction] = study({"b": Brightness()}, SUBJECTS, Quiet(), [DAMAGES["freeze"]])
    clean = [float(subject.video().frames.mean()) for subject in SUBJECTS]
    frozen = [float(subject.video().frames[0].mean()) for subject in SUBJECTS]
    assert reaction.values[0] == pytest.approx(np.mean(clean))
    assert reaction.values[-1] == pytest.approx(np.mean(frozen))
    assert reaction.spread == pytest.approx(np.std(clean, ddof=1))
    assert (reaction.clips, reaction.grades) == (3, (0, 0.25, 0.5, 0.75, 1.0))


def test_clips_that_cannot_be_judged_are_left_out_whole() -> None:
    dark = sorted(float(subject.video().frames.mean()) for subject in SUBJECTS)
    [reaction] = study({"b": Brightness(floor=(dark[0] + dark[1]) / 2)}, SUBJECTS, Quiet(), [DAMAGES["wrong caption"]])
    assert reaction.clips == 2
    assert list(study({"b": Brightness(floor=1e9)}, SUBJECTS, Quiet(), [DAMAGES["blur"]])) == []
    with pytest.raises(UserError, match="at least two clips, got 1"):
        list(study({"b": Brightness()}, SUBJECTS[:1], Quiet()))


def test_only_stated_answers_if_asked() -> None:
    wanted = [DAMAGES["flicker"], DAMAGES["compression"]]
    found = study({"temporal_flickering": Brightness()}, SUBJECTS, Quiet(), wanted, stated_only=True)
    assert [r.damage for r in found] == ["flicker"]


def test_tables_hold_everything(tmp_path: Path) -> None:
    reactions = [react((0, 1, 2, 3)), react((0, 0, 0, 0))]
    scores = [Score("dynamic_degree", "end-point error in pixels", 0.5, "no motion", 2.0, False)]
    table = reaction_table(reactions)
    assert list(table.answer) == ["worse", "blind"]
    assert list(table.stated) == ["worse", "worse"]
    said = "\n".join(lines(reactions, scores))
    assert said.count("as stated") == 1
    assert "STATED: worse" in said
    assert "end-point error in pixels 0.500 (no motion: 2.000)" in said
    damage, _, report = write_report(tmp_path / "out", reactions, scores, "Title")
    with open(damage, newline="") as file:
        assert [row["effect"] for row in csv.DictReader(file)] == ["3.0", "0.0"]
    assert "**blind +0.00 (-)**" in report.read_text()


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "i2vbench", "validate-metrics", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)


def test_flickering_behaves_as_was_stated(tmp_path: Path) -> None:
    done = run("--metrics", "temporal_flickering", "--clips", "6", "--quiet", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    stated = [name for name, damage in DAMAGES.items() if "temporal_flickering" in damage.answers]
    assert done.stdout.count("as stated") == len(stated) >= 9
    assert (tmp_path / "runs" / "validate" / "report.md").is_file()


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
    done = run("--clips", "2", *options, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
