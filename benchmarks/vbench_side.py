"""VBench's own functions, filled with given weights, for benchmarks/metrics.py; its checkout is given by path."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

Scores = Callable[[], Sequence[float]]


def function(
    name: str,
    state: Mapping[str, torch.Tensor],
    files: Sequence[Path],
    prompts: Sequence[str],
    device: str,
    vbench: Path,
    dino: Path | None,
    folder: Path,
) -> Scores:
    """What runs VBench's `name` on these files and gives a score for each; loading is done before."""
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["VBENCH_CACHE_DIR"] = str(bring_merges(folder))
    if str(vbench) not in sys.path:
        sys.path.insert(0, str(vbench))
    module = importlib.import_module(f"vbench.{name}")
    paths = [str(file) for file in files]
    weights = folder / f"{name}.pth"
    if name == "subject_consistency":
        if dino is None:
            raise SystemExit("subject_consistency: VBench fetches DINO's code; give a checkout of it as --dino")
        network = dino_network(dino, state).to(device)
        return lambda: results(module.subject_consistency(network, paths, device, False))
    if name == "background_consistency":
        clip = clip_network(state).to(device)

        def background() -> list[float]:
            with torch.no_grad():  # VBench leaves gradients on, which takes memory only
                return results(module.background_consistency(clip, None, paths, device, False))

        return background
    if name == "temporal_flickering":
        return lambda: results(module.temporal_flickering(paths))
    if name == "motion_smoothness":
        torch.save({"state_dict": dict(state)}, weights)
        config = vbench / "vbench" / "third_party" / "amt" / "cfgs" / "AMT-S.yaml"
        with redirect_stdout(sys.stderr):
            motion = module.MotionSmoothness(str(config), str(weights), torch.device(device))
        return lambda: results(module.motion_smoothness(motion, paths))
    if name == "dynamic_degree":
        torch.save(one_name_each(state), weights)
        settings = Attributes(model=str(weights), small=False, mixed_precision=False, alternate_corr=False)
        dynamic = module.DynamicDegree(settings, device)
        return lambda: results(module.dynamic_degree(dynamic, paths))
    torch.save({"model": dict(state)}, weights)
    tokenizer = importlib.import_module("vbench.third_party.ViCLIP.simple_tokenizer").SimpleTokenizer()
    viclip = module.ViCLIP(tokenizer=tokenizer, pretrain=str(weights)).eval().to(device)
    videos = [{"prompt": prompt, "video_list": [path]} for prompt, path in zip(prompts, paths, strict=True)]
    return lambda: results(module.overall_consistency(viclip, videos, tokenizer, device))


class Attributes(dict):  # type: ignore[type-arg]
    """RAFT reads its settings as attributes, and asks which there are."""

    __getattr__ = dict.__getitem__


def results(returned: tuple[Any, Sequence[Mapping[str, Any]]]) -> list[float]:
    return [float(entry["video_results"]) for entry in returned[1]]


def dino_network(dino: Path, state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    sys.path.insert(0, str(dino))
    transformer: ModuleType = importlib.import_module("vision_transformer")
    network: torch.nn.Module = transformer.vit_base(patch_size=16, num_classes=0)
    network.load_state_dict(dict(state))
    return network.eval()


def clip_network(state: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """OpenAI's own class, in float32 as on a CPU."""
    model: Any = importlib.import_module("clip.model")
    network: torch.nn.Module = model.build_model(dict(state)).float()
    network.load_state_dict(dict(state))  # build_model has rounded them to half precision
    return network.eval()


def one_name_each(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """RAFT's file has one module under two names; the recipe gives them other numbers, and `downsample.1` counts."""
    counted = {key: state[key.replace("norm3", "downsample.1")] for key in state if ".0.norm3." in key}
    missing = {
        key.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for key in state if "running_mean" in key
    }
    return {**state, **counted, **missing}


def bring_merges(folder: Path) -> Path:
    """A cache folder for VBench with CLIP's byte-pair merges, which it would download and open_clip brings."""
    import open_clip

    name = "bpe_simple_vocab_16e6.txt.gz"
    (folder / "ViCLIP").mkdir(exist_ok=True)
    shutil.copy(Path(open_clip.__file__).parent / name, folder / "ViCLIP" / name)
    return folder
