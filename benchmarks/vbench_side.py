"""VBench's own functions, filled with given weights, for benchmarks/metrics.py; its checkout is given by path."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from i2vbench.metrics.networks.wordpiece import VOCAB_FILE
from i2vbench.types import Sample

Scores = Callable[[], Sequence[float]]


@dataclass(frozen=True)
class Published:
    """Where the published code lies; made before anything imports transformers, as open_clip does.

    Attributes:
        vbench: A checkout of Vchitect/VBench.
        dino: One of facebookresearch/dino, for subject consistency.
        detectron2: One of facebookresearch/detectron2, for object consistency; it need not be built.
        transformers: A folder that holds transformers 4.33.2, for object and scene consistency.
    """

    vbench: Path
    dino: Path | None = None
    detectron2: Path | None = None
    transformers: Path | None = None

    def __post_init__(self) -> None:
        sys.path[:0] = [str(path) for path in (self.transformers, self.detectron2, self.vbench) if path]


def function(
    name: str,
    state: Mapping[str, torch.Tensor],
    files: Sequence[Path],
    samples: Sequence[Sample],
    device: str,
    published: Published,
    folder: Path,
) -> Scores:
    """What runs VBench's `name` on these files and gives a score for each; loading is done before."""
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["VBENCH_CACHE_DIR"] = str(bring_merges(folder))
    if name in ("object_consistency", "scene_consistency"):
        return word_function(name, state, files, samples, device, published, folder)
    module = importlib.import_module(f"vbench.{name}")
    paths = [str(file) for file in files]
    weights = folder / f"{name}.pth"
    if name == "subject_consistency":
        if published.dino is None:
            raise SystemExit("subject_consistency: VBench fetches DINO's code; give a checkout of it as --dino")
        network = dino_network(published.dino, state).to(device)
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
        config = published.vbench / "vbench" / "third_party" / "amt" / "cfgs" / "AMT-S.yaml"
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
    videos = [{"prompt": sample.prompt, "video_list": [path]} for sample, path in zip(samples, paths, strict=True)]
    return lambda: results(module.overall_consistency(viclip, videos, tokenizer, device))


def word_function(
    name: str,
    state: Mapping[str, torch.Tensor],
    files: Sequence[Path],
    samples: Sequence[Sample],
    device: str,
    published: Published,
    folder: Path,
) -> Scores:
    """As `function`, for the two metrics that look for annotated words: VBench's object_class and scene."""
    if published.transformers is None or (name == "object_consistency" and published.detectron2 is None):
        raise SystemExit(f"{name}: VBench's code needs --transformers, and for objects --detectron2 (see --help)")
    tokenizer: Any = importlib.import_module("transformers").BertTokenizer
    # VBench would fetch bert-base-uncased for its vocabulary; the package brings it.
    tokenizer.from_pretrained = lambda _, **options: tokenizer(str(VOCAB_FILE), **options)
    weights = folder / f"{name}.pth"
    torch.save({"model": dict(state)}, weights)
    if name == "object_consistency":
        module = importlib.import_module("vbench.object_class")
        detector = module.DenseCaptioning(torch.device(device))
        detector.initialize_model_det(str(weights))
        objects = [{"object": sample.objects[0]} for sample in samples]
        return lambda: results(module.object_class(detector, annotated(files, objects), device))
    module = importlib.import_module("vbench.scene")
    captioner = tag2text_network(module, weights).to(device)
    scenes = [{"scene": {"scene": sample.scene}} for sample in samples]

    def scene() -> list[float]:
        with torch.no_grad():  # VBench leaves gradients on, which takes memory only
            return results(module.scene(captioner, annotated(files, scenes), device))

    return scene


class Attributes(dict):  # type: ignore[type-arg]
    """RAFT reads its settings as attributes, and asks which there are."""

    __getattr__ = dict.__getitem__


def annotated(files: Sequence[Path], words: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Videos with their annotations, as VBench's lists of prompts have them."""
    return [{"auxiliary_info": info, "video_list": [str(file)]} for file, info in zip(files, words, strict=True)]


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


def tag2text_network(module: ModuleType, weights: Path) -> torch.nn.Module:
    """VBench's own class, filled by its own loader."""
    med: Any = importlib.import_module("vbench.third_party.tag2Text.med")
    # Otherwise fetched, and then overwritten by the file.
    med.BertModel.from_pretrained = lambda _, config, **options: med.BertModel(config, **options)
    with redirect_stdout(sys.stderr):
        network: torch.nn.Module = module.tag2text_caption(pretrained=str(weights), image_size=384, vit="swin_b")
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
