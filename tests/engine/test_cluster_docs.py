"""What docs/cluster.md has people copy: scripts that a shell can read, options that there are."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from tests.conftest import ROOT, Cli

TEXT = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(bash|yaml)\n(.*?)```", TEXT, re.DOTALL))


def test_the_slurm_script_is_one() -> None:
    read = subprocess.run(["bash", "-n"], input=BLOCKS["bash"], text=True, capture_output=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def test_the_ray_job_has_one_shared_folder_for_all() -> None:
    job = yaml.safe_load(BLOCKS["yaml"])["spec"]
    cluster = job["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    for template in (cluster["headGroupSpec"]["template"], workers["template"]):
        (container,) = template["spec"]["containers"]
        (mount,) = container["volumeMounts"]
        assert mount["name"] in [volume["name"] for volume in template["spec"]["volumes"]]
        assert f"--out {mount['mountPath']}/" in job["entrypoint"]
    assert f"--workers {workers['maxReplicas']} " in job["entrypoint"]


@pytest.mark.parametrize("block", ["bash", "yaml"])
def test_the_options_are_there(cli: Cli, block: str) -> None:
    command = re.search(r"i2vbench run (.*?)(?=\n\S|\n  \w+:|\Z)", BLOCKS[block].replace("\\\n", " "), re.DOTALL)
    assert command is not None
    options = set(re.findall(r"--[a-z-]+", command[1]))
    assert len(options) >= 7
    assert options <= set(re.findall(r"--[a-z-]+", cli("run", "--help").stdout))
