"""The steps of a training (Section 5.1): everything between a configuration and a pipeline folder.

accelerate decides devices, processes and precision. Sample numbers, noise, timesteps and what is dropped are functions of
(seed, step, device batch, process), so a training that was killed goes on at the exact step: on a CPU with the same
losses bit for bit (tests/models/consisti2v/training/test_resume.py).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import safetensors.torch
import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.encoders import encode_prompts
from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
from i2vbench.models.consisti2v.training.checkpoints import Checkpoints, take_name
from i2vbench.models.consisti2v.training.clips import TrainingClip
from i2vbench.models.consisti2v.training.config import TrainConfig
from i2vbench.models.consisti2v.training.data import Batch, TrainingData, UnreadableClips, loader, sample_numbers
from i2vbench.models.consisti2v.training.log import CurveLog
from i2vbench.models.consisti2v.training.objective import Draws, Objective, drop_texts, training_step
from i2vbench.models.consisti2v.training.stopping import Stop, Stopped
from i2vbench.models.consisti2v.training.validation import Validation
from i2vbench.models.consisti2v.unet import ConsistI2VUNet
from i2vbench.progress import Progress

MODEL_FILE, EMA_FILE = "model.safetensors", "ema.safetensors"


class Trainer:
    """A training: its networks, its optimizer, and how many steps are done.

    Args:
        accelerator: Made by `make_accelerator`.
        pipeline: The networks; its U-Net is trained.
        clips: The data.
        config: What is asked for.
        out: The training's folder.
        progress: Told how far it is, in the main process.
        stop: Asked between device batches.

    Attributes:
        step: Optimizer steps done.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        pipeline: ConsistI2VPipeline,
        clips: Sequence[TrainingClip],
        config: TrainConfig,
        out: Path,
        progress: Progress,
        stop: Stop,
    ) -> None:
        self.step = 0
        self._accelerator, self._pipeline, self._config, self._out = accelerator, pipeline, config, out
        self._progress, self._stop = progress, stop
        self._accumulation = config.accumulation(accelerator.num_processes)
        self._raw_unet = cast(ConsistI2VUNet, pipeline.unet)
        for network in (pipeline.vae, pipeline.text_encoder):
            network.to(accelerator.device)
        self._names, self._trained = _trained(self._raw_unet)
        optimizer = torch.optim.AdamW(
            self._trained,
            lr=config.learning_rate,
            betas=(config.adam_beta1, config.adam_beta2),
            eps=config.adam_epsilon,
            weight_decay=config.weight_decay,
        )
        self._unet, self._optimizer = accelerator.prepare(self._raw_unet, optimizer)
        self._ema = EMAModel(self._trained, decay=config.ema_decay) if config.ema_decay else None
        self._objective = Objective(
            prediction_type=config.prediction_type,  # type: ignore[arg-type]
            noise_method=config.noise_method,  # type: ignore[arg-type]
            noise_alpha=config.noise_alpha,
            text_dropout=config.text_dropout,
            image_dropout=config.image_dropout,
            first_frame_mode=config.first_frame_condition_mode,
        )
        self._data = TrainingData(clips, config)
        self._unreadable = UnreadableClips(config.max_unreadable)
        self._checkpoints = Checkpoints(out / "checkpoints", config.keep)
        self._told_of_cuts = False
        self._validation = Validation(config, clips, out / "validation", progress.say)
        accelerator.register_save_state_pre_hook(self._write_weights)
        accelerator.register_load_state_pre_hook(self._read_weights)

    def run(self) -> None:
        """Train from the newest checkpoint, or from the beginning, to the last step, and save the pipeline.

        Raises:
            UserError: If the loss is not a number; if too many clips cannot be read.
            Stopped: When it was asked to stop; everything done is saved.
        """
        self._resume()
        main = self._accelerator.is_main_process
        if main:
            self._validation.prepare()
        log = CurveLog(self._out / "tensorboard", self.step) if main else None
        batches = self._batches()
        try:
            self._validate(log)  # of the step that was the last one before a kill
            while self.step < self._config.steps:
                self._one_step(batches, log)
                if self.step % self._config.save_every == 0 or self.step == self._config.steps:
                    self._save(log)
                self._validate(log)
        except Stopped:
            self._save(log)
            raise
        finally:
            if log:
                log.close()
        self._save_pipeline()

    def _one_step(self, batches: Iterator[Batch], log: CurveLog | None) -> None:
        """One step of the optimizer."""
        begun = time.monotonic()
        loss, grad_norm = self._optimize(batches)
        self.step += 1
        seconds = time.monotonic() - begun
        values = {
            "loss": loss,
            "gradient norm": grad_norm,
            "learning rate": self._config.learning_rate,
            "seconds per step": seconds,
        }
        if log:
            log.scalars(self.step, values)
            if self.step % self._config.log_every == 0 or self.step == self._config.steps:
                left = _duration(seconds * (self._config.steps - self.step))
                self._progress.say(
                    f"step {self.step}/{self._config.steps}  loss {loss:.4f}  gradient norm {grad_norm:.3f}  "
                    f"lr {self._config.learning_rate:g}  {seconds:.2f} s  {left} left"
                )

    def _optimize(self, batches: Iterator[Batch]) -> tuple[float, float]:
        """(loss, norm of the gradient before clipping) of one step over all device batches and processes."""
        accelerator = self._accelerator
        total = torch.zeros((), device=accelerator.device)
        for micro_step in range(self._accumulation):
            if self._stop.agreed(accelerator):
                self._optimizer.zero_grad()
                raise Stopped(self._stop.signal)
            batch = self._next(batches)
            last = micro_step == self._accumulation - 1
            with nullcontext() if last else accelerator.no_sync(self._unet):
                loss = self._loss(batch, micro_step)
                accelerator.backward(loss / self._accumulation)
            total += loss.detach()
        mean = float(accelerator.reduce(total / self._accumulation, "mean"))
        if not math.isfinite(mean):
            raise UserError(
                f"the loss of step {self.step + 1} is {mean}: nothing of this step was taken over. The newest checkpoint in "
                f"{self._out} is sound; go on from it with a lower learning_rate, or another mixed_precision"
            )
        norm = accelerator.clip_grad_norm_(self._trained, self._config.max_grad_norm)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._raw_unet.clamp_gates()
        if self._ema:
            self._ema.step(self._trained)
        return mean, float(norm)

    def _loss(self, batch: Batch, micro_step: int) -> torch.Tensor:
        """The loss of one device batch, with its graph."""
        accelerator, pipeline = self._accelerator, self._pipeline
        draws = Draws.for_step(self._config.seed, self.step, micro_step, accelerator.process_index)
        texts = drop_texts(batch.texts, self._objective.text_dropout, draws)
        assert batch.pixel_values is not None  # UnreadableClips has seen to it
        with accelerator.autocast():
            with torch.no_grad():
                embeddings = self._encode(texts)
            return training_step(
                self._unet,
                pipeline.vae,
                pipeline.scheduler,
                self._objective,
                draws,
                pixel_values=batch.pixel_values.to(accelerator.device, non_blocking=True),
                text_embeddings=embeddings,
                frame_stride=batch.strides.to(accelerator.device) if self._config.use_frame_stride_condition else None,
            ).loss

    def _encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Embeddings [b, L, D]. That texts are cut is said once, and not of each of ten million."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            embeddings = encode_prompts(self._pipeline.text_encoder, self._pipeline.tokenizer, texts)
        if said and not self._told_of_cuts:
            self._told_of_cuts = True
            self._progress.say(f"note: {said[0].message} (others are cut in silence)")
        return embeddings

    def _batches(self) -> Iterator[Batch]:
        """Device batches of this process from the step at hand on."""
        accelerator, config = self._accelerator, self._config
        numbers = sample_numbers(
            self.step, self._accumulation, accelerator.num_processes, accelerator.process_index, config.per_device_batch
        )
        on_gpu = accelerator.device.type == "cuda"
        return iter(loader(self._data, numbers, config.num_workers, pin_memory=on_gpu))

    def _next(self, batches: Iterator[Batch]) -> Batch:
        try:
            batch = next(batches)
        except RuntimeError:
            # A signal to the whole group of processes ends the readers too.
            if self._stop.signal:
                raise Stopped(self._stop.signal) from None
            raise
        for line in self._unreadable.count(batch):
            self._progress.say(line)
        return batch

    def _validate(self, log: CurveLog | None) -> None:
        """Make the videos of the step at hand in the main process, if they are owed; the others wait."""
        if log and self._validation.is_due(self.step):
            with self._averaged(), self._accelerator.autocast():
                self._raw_unet.eval()
                self._validation.make(self._pipeline, self.step, log)
                self._raw_unet.train()
        self._accelerator.wait_for_everyone()

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The U-Net with its averaged weights, where there are any."""
        if self._ema:
            self._ema.store(self._trained)
            self._ema.copy_to(self._trained)
        try:
            yield
        finally:
            if self._ema:
                self._ema.restore(self._trained)

    def _resume(self) -> None:
        """Load the newest checkpoint, if there is one."""
        if self._accelerator.is_main_process:
            self._checkpoints.clean()
        self._accelerator.wait_for_everyone()
        newest = self._checkpoints.newest()
        if newest is None:
            return
        state = self._checkpoints.read_state(newest)
        self._accelerator.load_state(str(newest))
        self.step = int(state["step"])
        self._unreadable = UnreadableClips(self._config.max_unreadable, state["reads"], state["unreadable"])
        spread = {"processes": self._accelerator.num_processes, "per_device_batch": self._config.per_device_batch}
        if self._accelerator.is_main_process:
            self._progress.say(f"going on at step {self.step} of {self._config.steps}")
            if any(state[name] != value for name, value in spread.items()):
                self._progress.say(
                    f"note: {state['processes']} processes with {state['per_device_batch']} clips each came before; the "
                    "clips of each step stay the same, their noise does not"
                )

    def _save(self, log: CurveLog | None) -> None:
        """Save a checkpoint of the step at hand, unless it is there; every process takes part."""
        newest = self._checkpoints.newest()
        if self.step == 0 or (newest and self._checkpoints.read_state(newest)["step"] == self.step):
            return
        if log:
            log.flush()
        state = {
            "reads": self._unreadable.reads,
            "unreadable": self._unreadable.failed,
            "processes": self._accelerator.num_processes,
            "per_device_batch": self._config.per_device_batch,
        }
        self._checkpoints.save(self._accelerator, self.step, state)

    def _write_weights(self, models: list[Any], weights: list[Any], folder: str) -> None:
        """accelerate's hook: the weights under the U-Net's own names, and the averaged ones."""
        weights.clear()
        if not self._accelerator.is_main_process:
            return
        own = {name: value.contiguous() for name, value in self._raw_unet.state_dict().items()}
        safetensors.torch.save_file(own, Path(folder) / MODEL_FILE)
        if self._ema:
            averaged = dict(zip(self._names, self._ema.shadow_params, strict=True))
            safetensors.torch.save_file(averaged, Path(folder) / EMA_FILE)

    def _read_weights(self, models: list[Any], folder: str) -> None:
        """accelerate's hook: the counterpart of `_write_weights`."""
        models.clear()
        self._raw_unet.load_state_dict(_tensors(Path(folder) / MODEL_FILE))
        if self._ema:
            averaged = _tensors(Path(folder) / EMA_FILE)
            self._ema.shadow_params = [averaged[name].to(self._accelerator.device) for name in self._names]
            self._ema.optimization_step = int(self._checkpoints.read_state(Path(folder))["step"])

    def _save_pipeline(self) -> None:
        """The finished model in the published layout, and the last step's own weights beside it."""
        if not self._accelerator.is_main_process:
            return
        parts = {"pipeline": self._pipeline, "unet-last-step": self._raw_unet} if self._ema else {"pipeline": self._pipeline}
        for name, part in parts.items():
            partial = self._out / f".{name}.partial"
            with self._averaged() if name == "pipeline" else nullcontext():
                part.save_pretrained(partial)
            take_name(partial, self._out / name)


def _trained(unet: ConsistI2VUNet) -> tuple[list[str], list[torch.nn.Parameter]]:
    """Names and parameters that are trained; those that the published checkpoint stores and never uses are not."""
    named = [(name, value) for name, value in unet.named_parameters() if value.requires_grad]
    return [name for name, _ in named], [value for _, value in named]


def _tensors(file: Path) -> Mapping[str, torch.Tensor]:
    try:
        return safetensors.torch.load_file(file)
    except (OSError, safetensors.SafetensorError) as error:
        raise UserError(f"checkpoint file {file} cannot be read: {error}; remove its folder to go on from the one before") from error


def _duration(seconds: float) -> str:
    """As "3 d 4 h", "5 h 6 min", "7 min" or "8 s"."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    if days >= 1:
        return f"{int(days)} d {int(hours % 24)} h"
    if hours >= 1:
        return f"{int(hours)} h {int(minutes % 60)} min"
    return f"{int(minutes)} min" if minutes >= 1 else f"{seconds:.0f} s"
