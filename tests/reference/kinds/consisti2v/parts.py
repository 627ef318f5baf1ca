"""What lies around the networks: FrameInit, initial noise, the scheduler, the first frame and camera motion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from i2vbench.models.consisti2v.camera import camera_frames
from i2vbench.models.consisti2v.camera import preprocess as preprocess_image
from i2vbench.models.consisti2v.frameinit import FrameInit, initialise, low_pass_filter, mix_frequencies
from i2vbench.models.consisti2v.noise import draw_shapes, initial_noise, mix_noise
from tests.reference.cases import Case
from tests.reference.compare import EXACT, Check, Tolerance
from tests.reference.kinds.consisti2v import networks

BUTTERWORTH_ORDER = 4
"""Where the sidecar's `n` is null no order is used, but ours wants a number."""


def frameinit(case: Case) -> Iterator[Check]:
    """`filter.S.P` is the filter of shape S with parameters P, `mixed.S.P` its mix of x.S (low) and noise.S (high)."""
    ours: dict[str, Tensor] = {}
    for s, shape in enumerate(case.sidecar["shapes"]):
        low, high = case.input(f"x.{s}"), case.input(f"noise.{s}")
        yield Check(f"sidecar: shapes.{s}", list(low.shape[2:]), shape, EXACT, minor=True)
        for p, params in enumerate(case.sidecar["params"]):
            order = BUTTERWORTH_ORDER if params["n"] is None else params["n"]
            passed = low_pass_filter(tuple(shape), params["d_s"], params["d_t"], params["method"], order)  # [T, h, w]
            ours[f"filter.{s}.{p}"] = passed
            ours[f"mixed.{s}.{p}"] = mix_frequencies(low, high, passed)
    stated = Tolerance.of(case.sidecar["tolerance"])
    yield from case.against(ours, {"filter": stated, "mixed": stated})


def frameinit_step(case: Case) -> Iterator[Check]:
    """`z_tau.L` is the static video noised to level L, `init.L.D` the initial noise after the mix."""
    first, noise = case.input("first_frame_latents"), case.input("noise")  # [b, 4, h, w], [b, 4, T, h, w]
    static = first[:, :, None].expand_as(noise)
    alphas_cumprod = networks.scheduler(case).alphas_cumprod
    ours: dict[str, Tensor] = {}
    for level in case.sidecar["levels"]:
        tau, d = level["noise_level"], level["d"]
        setting = FrameInit(tau=tau, d_s=d, d_t=d, method="gaussian")
        ours[f"z_tau.{tau}"], ours[f"init.{tau}.{d}"] = initialise(static, noise, setting, alphas_cumprod)
    stated = Tolerance.of(case.sidecar["tolerance"])
    yield from case.against(ours, {"z_tau": stated, "init": stated})


def noise(case: Case) -> Iterator[Check]:
    """`randnI.KEY` is draw I; `out.KEY` is drawn by ours from a generator, and mixed by ours from recorded draws."""
    sidecar = case.sidecar
    stated = Tolerance.of(sidecar["tolerance"])
    batch = sidecar["batch"]
    for run in sidecar["runs"]:
        shape = (batch, run["draws"][0][1], sidecar["frames"], sidecar["height"], sidecar["width"])
        key, method, alpha = run["key"], run["method"], run["alpha"]
        apart = run["generator"] == "generators"
        rows = [(1, *shape[1:])] * batch if apart else [shape]
        shapes = [list(draw) for row in rows for draw in draw_shapes(row, method)]
        yield Check(f"sidecar: runs.{key}.draws", shapes, run["draws"], EXACT, minor=True)
        generators = [torch.Generator().manual_seed(sidecar["seed"] + row) for row in range(len(rows))]
        given = generators if apart else generators[0]
        ours = {f"out.{key}": initial_noise(shape, method=method, alpha=alpha, generator=given)}
        yield from case.against(ours, {"out": stated})
        yield from _mixed(case, key, method, alpha, rows, stated)


def _mixed(case: Case, key: str, method: str, alpha: float, rows: list[Any], stated: Tolerance) -> Iterator[Check]:
    """The draws of each row from its own generator, and the formula on the recorded ones."""
    index, mixed = 0, []
    for row, shape in enumerate(rows):
        generator = torch.Generator().manual_seed(case.sidecar["seed"] + row)
        recorded: list[Tensor] = []
        for draw in draw_shapes(shape, method):
            name = f"randn{index}.{key}"
            drawn = torch.randn(draw, generator=generator)
            yield from case.against({name: drawn}, {name.split(".")[0]: stated})
            recorded.append(case.tensors.get(name, drawn))
            index += 1
        mixed.append(mix_noise(recorded, method, alpha))
    if f"out.{key}" in case.tensors:
        yield Check(f"out.{key} from the draws", torch.cat(mixed), case.tensors[f"out.{key}"], stated)


def ddim(case: Case) -> Iterator[Check]:
    """Tables, timesteps, single steps with eta 0 and 0.5, and noising."""
    scheduler = networks.scheduler(case, case.sidecar["config"])
    sample, model_output = case.input("sample"), case.input("model_output")
    ours: dict[str, Any] = {
        "betas": scheduler.betas,
        "alphas_cumprod": scheduler.alphas_cumprod,
        "final_alpha_cumprod": scheduler.final_alpha_cumprod,
        "add_noise": scheduler.add_noise(sample, model_output, case.input("add_noise_t")),
    }
    for steps in case.sidecar["steps"]:
        scheduler.set_timesteps(steps)
        ours[f"timesteps.{steps}"] = scheduler.timesteps
        variance_noise = case.input(f"variance_noise.{steps}")
        for index, t in enumerate(scheduler.timesteps):
            step = scheduler.step(model_output, t, sample, eta=0.0)
            ours[f"prev.{steps}.{index}"] = step.prev_sample
            step = scheduler.step(model_output, t, sample, eta=0.5, variance_noise=variance_noise)
            ours[f"prev_eta0.5.{steps}.{index}"] = step.prev_sample
    stated = Tolerance.of(case.sidecar["tolerance"])
    floats = ("betas", "alphas_cumprod", "final_alpha_cumprod", "add_noise", "prev", "prev_eta0")
    yield from case.against(ours, {"timesteps": EXACT} | dict.fromkeys(floats, stated))


def preprocessing(case: Case) -> Iterator[Check]:
    """`image.I` is uint8 [H, W, 3], `out.I` what goes into the VAE: [3, h, w], or [T, 3, h, w] with camera motion.

    Where the published code crashed (zoom out), ours must still give frames of the right shape and range.
    """
    stated = Tolerance.of(case.sidecar["tolerance"])
    for entry in case.sidecar["cases"]:
        index, motion, height, width = entry["index"], entry["camera_motion"], entry["height"], entry["width"]
        image = case.input(f"image.{index}").numpy()
        if motion is None:
            ours = torch.as_tensor(preprocess_image(image, height, width))
        else:
            ours = torch.as_tensor(camera_frames(image, motion.replace("_", "-"), entry["frames"], height, width))
        expected = entry.get("shape", [entry["frames"], 3, height, width])
        yield Check(f"sidecar: cases.{index}.shape", list(ours.shape), expected, EXACT)
        if "error" in entry:
            in_range = bool(torch.isfinite(ours).all() and ours.abs().max() <= 1 and ours.std() > 0)
            yield Check(f"sidecar: cases.{index}, where the published code fails", in_range, True, EXACT)
        yield from case.against({f"out.{index}": ours}, {"out": stated})
