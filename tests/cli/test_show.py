"""What `show` counts: what is measured, and nothing of metrics that aggregate another one's features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from i2vbench.profiles import load_profile
from tests.conftest import Cli
from tests.tables.runs import RunSpec, make_run, sample


def test_a_finished_run_owes_nothing_and_says_its_profile(cli: Cli, tmp_path: Path) -> None:
    features = np.zeros((2, 4), np.float32)
    spec = RunSpec(
        [sample("a", "Pet")],
        {("fid", "static"): (features,)},
        ("static",),
        ("fid", "kid"),
        changes={"profile": load_profile("tiny").as_dict()},
    )
    make_run(tmp_path / "run", spec)
    said = cli("show", "run").stdout
    assert "profile tiny: These numbers are not comparable with published ones." in said
    assert [line.split() for line in said.splitlines() if line.startswith("    f")] == [["fid", "1", "0", "0", "0"]]
    assert "kid" not in said
    told = json.loads(cli("show", "run", "--json").stdout)
    counts = {row["metric"]: (row["done"], row["owed"]) for row in told["progress"] if row["metric"]}
    assert counts == {"fid": (1, 0)}
    assert told["settings"]["profile"]["name"] == "tiny"
