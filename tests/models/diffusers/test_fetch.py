"""`i2vbench weights fetch diffusers:OWNER/REPO` from a server that stands in for the hub, and what is here then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from i2vbench.errors import UserError
from i2vbench.models.base import Preparation
from i2vbench.models.diffusers.adapter import Diffusers
from i2vbench.profiles import load_profile
from i2vbench.weights.places import hub_folder
from tests.conftest import environment
from tests.models.diffusers.hub import COMMIT, publish, refuse
from tests.models.diffusers.svd import NATIVE, copy
from tests.site import Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def fetch(site: Site, *names: str, **env: str) -> tuple[int, str]:
    """As a process of its own: the hub's library reads its address when it is imported."""
    inherited = {key: value for key, value in environment().items() if key != "HF_HUB_OFFLINE"}
    variables = inherited | {"HF_ENDPOINT": site.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": os.environ["HF_HOME"]} | env
    command = [sys.executable, "-m", "i2vbench", "weights", "fetch", *names]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr


def check(model: Diffusers, folder: Path) -> None:
    model.prepare(Preparation([], frozenset(), load_profile("paper").protocol, "pyav", folder))


def test_a_pipeline_comes_and_nothing_beside_it(svd_folder: Path, site: Site, tmp_path: Path) -> None:
    published = copy(svd_folder, tmp_path / "published")
    for name in ("unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.bin", "single.ckpt"):
        (published / name).write_bytes(b"not wanted")
    publish(site, "owner/video", published, licence="openrail")
    code, said = fetch(site, "diffusers:owner/video")
    assert code == 0, said
    assert "fetching owner/video (" in said
    assert "MB; openrail)" in said
    snapshot = hub_folder("owner/video") / "snapshots" / COMMIT
    names = {path.relative_to(svd_folder) for path in svd_folder.rglob("*") if path.is_file()}
    assert {path.relative_to(snapshot) for path in snapshot.rglob("*") if path.is_file()} == names

    model, local = Diffusers("owner/video"), Diffusers(str(svd_folder))
    model.configure(NATIVE)
    check(model, tmp_path)
    assert model.info.name == "video"
    assert model.fingerprint() == local.fingerprint()
    model.load("cpu", "float32")

    asked = len(site.asked)
    code, said = fetch(site, "diffusers:owner/video")
    assert (code, len(site.asked)) == (0, asked), "what is here is not asked for"

    (snapshot / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    says = (
        r"pipeline owner/video is here only in part \(vae/\*.safetensors missing\): `i2vbench weights fetch diffusers:"
    )
    with pytest.raises(UserError, match=says):
        check(Diffusers("owner/video"), tmp_path)


def test_what_cannot_be_had_says_why_in_a_line(svd_folder: Path, site: Site, tmp_path: Path) -> None:
    refuse(site, "owner/gated", "GatedRepo")
    refuse(site, "owner/none", "RepoNotFound", 404)
    pickled = copy(svd_folder, tmp_path / "pickled")
    (pickled / "vae" / "diffusion_pytorch_model.safetensors").rename(pickled / "vae" / "diffusion_pytorch_model.bin")
    publish(site, "owner/pickled", pickled)
    bare = copy(svd_folder, tmp_path / "bare")
    (bare / "model_index.json").unlink()
    publish(site, "owner/bare", bare)
    names = [f"diffusers:owner/{name}" for name in ("gated", "none", "pickled", "bare")]
    code, said = fetch(site, *names, "diffusers:./folder")
    assert code == 1
    assert "pipeline owner/gated is gated: accept its terms at https://huggingface.co/owner/gated" in said
    assert "pipeline owner/none was not found" in said
    assert "the weights of vae are pickled (.bin)" in said
    assert "owner/bare is no pipeline of the diffusers library: it has no model_index.json" in said
    assert "'./folder': expected OWNER/REPO" in said
    assert "Traceback" not in said
    assert not any("resolve" in path and ".bin" in path for path, _ in site.asked)


def test_the_parts_of_several_repositories_are_found_together(
    svd_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from i2vbench.models.diffusers import known as of_known

    def here(repo: str, folder: Path) -> None:
        place = hub_folder(repo)
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text(COMMIT)
        copy(folder, place / "snapshots" / COMMIT)

    base = copy(svd_folder, tmp_path / "base")
    (base / "unet" / "diffusion_pytorch_model.safetensors").unlink()  # another's takes its place
    here("owner/base", base)
    entry = of_known.Known(
        name="owner/net", title="it", cls="StableVideoDiffusionPipeline", height=32, width=64, num_frames=3, fps=8,
        size_multiple=8, call={"num_inference_steps": 2}, base="owner/base", source="a test",
        parts={"unet": ("owner/net", "", "diffusers.UNetSpatioTemporalConditionModel")},
    )  # fmt: skip
    monkeypatch.setattr("i2vbench.models.diffusers.place.known", lambda: {"owner/net": entry})
    with pytest.raises(UserError, match="its part owner/net is not here: `i2vbench weights fetch diffusers:owner/net`"):
        check(Diffusers("owner/net"), tmp_path)
    here("owner/net", svd_folder / "unet")
    model = Diffusers("owner/net")
    check(model, tmp_path)
    model.load("cpu", "float32")
    assert type(model.pipeline.unet).__name__ == "UNetSpatioTemporalConditionModel"
    before = model.fingerprint()
    weights = hub_folder("owner/net") / "snapshots" / COMMIT / "diffusion_pytorch_model.safetensors"
    contents = bytearray(weights.read_bytes())
    contents[-1] ^= 1
    weights.write_bytes(contents)
    assert Diffusers("owner/net").fingerprint() != before
