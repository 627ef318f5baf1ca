"""Table 3 made again: what is said of the order, what is printed, and the command with the bundled networks."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from i2vbench.registry import METRICS
from i2vbench.statistics import Interval
from i2vbench.table3 import PAPER, Cost, Score, Table3, as_csv, order_sentence, printed
from i2vbench.tables.text import to_markdown
from i2vbench.types import MetricInfo
from tests.conftest import environment

FVD, IS, FID = (METRICS.create(name).info for name in ("fvd", "inception_score", "fid"))


def sentence(info: MetricInfo, values: list[float], spread: float = 0.0) -> str:
    noise = np.random.default_rng(0).normal(0, spread, (4, 200)) if spread else np.zeros((4, 200))
    return order_sentence(info, np.array(values), np.array(values)[:, None] + noise)


def test_the_papers_own_numbers_are_in_the_papers_order() -> None:
    for info, column in ((FVD, 0), (IS, 1)):
        said = sentence(info, [row[column] for row in PAPER.values()])
        assert said.endswith("; as in the paper.")
        assert said.startswith(f"{info.title}, from best to worst: ConsistI2V, w/o FrameInit & T.Cond., w/o FrameInit,")


def test_a_pair_that_is_the_other_way_round_is_told_with_its_interval() -> None:
    said = sentence(FVD, [10, 30, 20, 5])
    assert "not the paper's" in said
    assert "w/o FrameInit & T.Cond. & S.Cond. is better than ConsistI2V by 5 (95% interval 5 to 5)" in said
    assert said.count("is better than") == 3
    assert "which may be chance" not in said


def test_what_may_be_chance_is_said_to_be() -> None:
    said = sentence(IS, [4.0, 4.1, 3.9, 1.0], spread=1.0)
    assert "w/o FrameInit is better than ConsistI2V by 0.1 (95% interval -" in said
    assert "which may be chance" in said


@pytest.fixture
def table() -> Table3:
    scores = {
        variant: (
            Score(10.0 + i, Interval(9.0 + i, 12.0 + i), 64),
            Score(5.0 - i, Interval(4.0 - i, 6.0 - i), 64),
            Score(7.0, Interval(6.0, 8.0), 64),
        )
        for i, variant in enumerate(PAPER)
    }
    costs = {variant: Cost(None if i else 500.4, 1.5, 0.004) for i, variant in enumerate(PAPER)}
    return Table3((FVD, IS, FID), scores, costs, ("An order.",), ("A note.",), "tiny: not for papers", Path("run"))


def test_the_table_has_intervals_marks_and_costs(table: Table3) -> None:
    text = to_markdown(printed(table))
    assert r"**10.00** \[9.00, 12.00\]" in text
    assert r"**5.00** \[4.00, 6.00\]" in text
    assert "500" in text
    assert "An order." in text


def test_the_csv_puts_the_papers_number_beside_each(table: Table3) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert len(rows) == 4 * (3 + 3)
    first = rows[0]
    assert (first["variant"], first["metric"], first["value"], first["paper"]) == ("consisti2v", "fvd", "10", "177.66")
    assert (first["low"], first["high"], first["n"], first["profile"]) == ("9", "12", "64", "tiny: not for papers")
    assert [row["value"] for row in rows if row["metric"] == "memory_mib"] == ["500", "", "", ""]


@pytest.mark.slow
def test_the_command_makes_it_with_the_bundled_networks_and_goes_on(tmp_path: Path) -> None:
    """Few clips of two steps: that the four variants are four models, not how good they are."""
    profile = tmp_path / "quick.toml"
    profile.write_text(
        'base = "tiny"\nname = "quick"\ntitle = "quick"\n[models.consisti2v]\nsteps = 2\n', encoding="utf-8"
    )
    command = [sys.executable, "-m", "i2vbench", "reproduce", "table3", "--profile", str(profile), "-q"]
    command += ["--dataset", "synthetic:10", "--replicates", "20", "--out", "out"]
    first, second = (
        subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True) for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    with open(tmp_path / "out" / "table3.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["variant"] for row in rows if row["metric"] == "fvd"] == [f"consisti2v:{v}".rstrip(":") for v in PAPER]
    assert len({row["value"] for row in rows if row["metric"] == "fvd"}) == 4
    assert all(float(row["low"]) <= float(row["high"]) for row in rows if row["low"])
    assert "not comparable with published" in first.stdout
    assert second.returncode == 0, second.stderr
    left = [line for line in first.stdout.splitlines() if "from best to worst" in line]
    assert len(left) == 3
    assert left == [line for line in second.stdout.splitlines() if "from best to worst" in line]
