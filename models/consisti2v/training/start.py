"""From a configuration to a training under way: its record, its devices, and what it says before the first step."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import DistributedType, GradientAccumulationPlugin
from safetensors import SafetensorError

from i2vbench import __version__
from i2vbench.datasets.base import Dataset
from i2vbench.errors import UserError
from i2vbench.files import is_disk_error, write_json
from i2vbench.models.consisti2v.training.clips import TrainingClip, open_clips
from i2vbench.models.consisti2v.training.config import TrainConfig
from i2vbench.models.consisti2v.training.inflate import Inflation, find_base
from i2vbench.models.consisti2v.training.loop import Trainer
from i2vbench.models.consisti2v.training.networks import load_networks
from i2vbench.models.consisti2v.training.stopping import Stop, Stopped
from i2vbench.parsing import parse_json
from i2vbench.progress import Progress

RECORD = "train.json"
_FREE = frozenset({"base", "video_folder", "steps", "per_device_batch", "num_workers", "max_unreadable",
                   "gradient_checkpointing", "save_every", "keep", "log_every"})  # fmt: skip
"""Settings that may change when a training is gone on with; so may all those of validation."""

_WHOLE = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
"""Ways to spread a training in which every process has the whole U-Net."""


def train(
    config: TrainConfig,
    data: str,
    open_dataset: Callable[[str], Dataset],
    out: Path,
    progress: Progress,
    *,
    resume: bool = False,
) -> Path:
    """Train, or go on training, and return the folder of the finished pipeline.

    Args:
        config: What is asked for.
        data: As `open_clips` takes it.
        open_dataset: Finds a data set by its name.
        out: The training's folder. One that holds a training of the same configuration is gone on with.
        progress: Told what is done.
        resume: Refuse to begin a new training.

    Raises:
        UserError: For whatever the user must mend.
        Stopped: After Ctrl-C or SIGTERM; everything done is saved.
    """
    if resume and not (out / RECORD).is_file():
        raise UserError(f"there is no training at {out} to resume")
    clips = open_clips(data, open_dataset, config.video_folder)
    base = find_base(config.base)
    stop = Stop()
    try:
        with stop.on_signals(progress.say):
            accelerator = make_accelerator(config)
            if accelerator.is_main_process:
                _record(config, data, len(clips), out)
            accelerator.wait_for_everyone()
            _hush()
            pipeline, inflation = load_networks(base, config)
            if accelerator.is_main_process:
                for line in plan(config, accelerator, inflation, clips, data, out):
                    progress.say(line)
            Trainer(accelerator, pipeline, clips, config, out, progress, stop).run()
            if accelerator.is_main_process:
                progress.say(f"finished: {out / 'pipeline'} is a ConsistI2V pipeline")
            accelerator.end_training()
    except Stopped:
        if accelerator.is_main_process:
            progress.say(f"everything is saved; the same command goes on with the training in {out}")
        raise
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the device has too little memory ({str(error).splitlines()[0]}); choose a smaller per_device_batch (the "
            "rest is accumulated), or gradient_checkpointing = true"
        ) from error
    except (OSError, RuntimeError, SafetensorError) as error:
        if not _is_disk_fault(error):
            raise
        raise UserError(
            f"the training {out} cannot be written to ({error}; is the disk full?). The newest checkpoint is "
            "kept; mend it and run the same command"
        ) from error
    return out / "pipeline"


def _is_disk_fault(error: Exception) -> bool:
    """Whether the disk is full or not to be written to; safetensors and torch say so in errors of their own."""
    words = ("No space left", "os error", "inline_container")
    return is_disk_error(error) or (not isinstance(error, OSError) and any(word in str(error) for word in words))


def make_accelerator(config: TrainConfig) -> Accelerator:
    """accelerate's view of the devices, as `accelerate launch` or plain Python has set them up.

    Raises:
        UserError: For a batch size that does not divide, a precision that the device has not, or a way to spread the
            training in which no process has the whole U-Net.
    """
    try:
        accelerator = Accelerator(
            mixed_precision=config.mixed_precision,
            # Accumulation is the trainer's own; `accelerate launch` must not divide the loss by another count.
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
            kwargs_handlers=[
                DistributedDataParallelKwargs(gradient_as_bucket_view=True),
                # The others wait while the main process makes validation videos.
                InitProcessGroupKwargs(timeout=datetime.timedelta(hours=3)),
            ],
        )
        if accelerator.mixed_precision == "fp16" and accelerator.device.type == "cpu":
            raise ValueError("float16 needs a GPU; bf16 and no work on a CPU")
    except ValueError as error:
        raise UserError(f"mixed_precision = '{config.mixed_precision}' cannot be had here: {error}") from error
    if accelerator.distributed_type not in _WHOLE:
        raise UserError(
            f"training over {accelerator.distributed_type.value} is not supported, as averaged weights and checkpoints "
            "need the whole U-Net in a process; choose multi-GPU in `accelerate config`"
        )
    if (launched := int(os.environ.get("WORLD_SIZE", "1"))) != accelerator.num_processes:
        raise UserError(
            f"{launched} processes were launched and accelerate sees {accelerator.num_processes}, so each would train "
            "by itself; processes on CPUs alone need ACCELERATE_USE_CPU=true"
        )
    config.accumulation(accelerator.num_processes)
    return accelerator


def plan(
    config: TrainConfig,
    accelerator: Accelerator,
    inflation: Inflation,
    clips: Sequence[TrainingClip],
    data: str,
    out: Path,
) -> list[str]:
    """What will be done, a line each."""
    processes = accelerator.num_processes
    accumulation = config.accumulation(processes)
    batch = config.per_device_batch * processes * accumulation
    trained = sum(value.numel() for value in inflation.unet.parameters() if value.requires_grad)
    epochs = config.steps * batch / len(clips)
    return [
        f"{trained:,} parameters are trained: of the U-Net's, {inflation.taken_over:,} come from {config.base} and "
        f"{inflation.new:,} are new",
        f"{batch} clips a step = {config.per_device_batch} (per_device_batch) x {processes} {accelerator.device.type} "
        f"x {accumulation} accumulated; mixed precision {config.mixed_precision}",
        f"{config.steps} steps at learning rate {config.learning_rate:g}: {len(clips)} clips of {data}, "
        f"{epochs:.3g} times",
        f"saved to {out}: a checkpoint every {config.save_every} steps (the last {config.keep}), curves and videos for "
        f"`tensorboard --logdir {out}`, and in the end pipeline/",
    ]


def _hush() -> None:
    """The libraries' bars and hints would stand between the lines of the progress."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def _record(config: TrainConfig, data: str, num_clips: int, out: Path) -> None:
    """Write down what the training is, or hold a training that is gone on with to it.

    Raises:
        UserError: Listing every setting that differs from what the training was begun with.
    """
    now: dict[str, Any] = {
        "format": 1,
        "i2vbench": __version__,
        "data": data,
        "clips": num_clips,
        "config": config.as_dict(),
        "versions": {name: version(name) for name in ("torch", "diffusers", "transformers", "accelerate")},
    }
    file = out / RECORD
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: is a file; expected the training's folder")
    if out.is_dir() and any(out.iterdir()) and not file.is_file():
        raise UserError(f"--out {out}: the folder holds other things than a training; name a new one")
    if file.is_file():
        try:
            before = parse_json(file.read_text(encoding="utf-8"))
            recorded, clips = dict(before["config"]), before["clips"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{file} is damaged ({error!r}); remove it, or name another --out") from error
        fixed = [name for name in now["config"] if name not in _FREE and not name.startswith("validat")]
        pairs = [(name, recorded.get(name), now["config"][name]) for name in fixed] + [("clips", clips, num_clips)]
        if differences := [f"\n  {name}: {old!r} there, {new!r} here" for name, old, new in pairs if old != new]:
            raise UserError(
                f"the training in {out} was begun under another configuration; go on with that one, or name another "
                f"--out:{''.join(differences)}"
            )
    out.mkdir(parents=True, exist_ok=True)
    write_json(file, now)
