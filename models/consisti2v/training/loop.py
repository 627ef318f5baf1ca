"""The steps of a training (Section 5.1): everything between a configuration and a pipeline folder.

accelerate decides devices, processes and precision. Sample numbers, noise, timesteps and what is dropped are functions
of (seed, step, device batch, process), so a training that was killed goes on at the exact step: on a CPU with the
same losses bit for bit (tests/models/consisti2v/training/test_train.py).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from i2vbench.errors import UserError
from i2vbench.models.consisti2v.encoders import encode_prompts
from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
from i2vbench.models.consisti2v.training.checkpoints import Checkpoints
from i2vbench.models.consisti2v.training.clips import TrainingClip
from i2vbench.models.consisti2v.training.config import TrainConfig
from i2vbench.models.consisti2v.training.data import Batch, TrainingData, UnreadableClips, loader, sample_numbers
from i2vbench.models.consisti2v.training.log import CurveLog
from i2vbench.models.consisti2v.training.objective import Draws, Objective, drop_texts, training_step
from i2vbench.models.consisti2v.training.stopping import Stop, Stopped
from i2vbench.models.consisti2v.training.validation import Validation
from i2vbench.models.consisti2v.training.weights import Weights
from i2vbench.progress import Progress


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
        for network in (pipeline.vae, pipeline.text_encoder, pipeline.unet):
            network.to(accelerator.device)
        self._weights = Weights(pipeline.unet, config.ema_decay)
        optimizer = torch.optim.AdamW(
            self._weights.trained,
            lr=config.learning_rate,
            betas=(config.adam_beta1, config.adam_beta2),
            eps=config.adam_epsilon,
            weight_decay=config.weight_decay,
        )
        self._unet, self._optimizer = accelerator.prepare(pipeline.unet, optimizer)
        self._objective = Objective(
            prediction_type=config.prediction_type,  # type: ignore[arg-type]  # one of its choices
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
        if main:
            self._weights.write_pipeline(self._pipeline, self._out)

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
        self._check(mean, "loss")
        norm = float(accelerator.clip_grad_norm_(self._weights.trained, self._config.max_grad_norm))
        if self._config.mixed_precision != "fp16":  # there the scaler leaves out such a step, and tries a smaller scale
            self._check(norm, "gradient")
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._weights.after_step()
        return mean, norm

    def _check(self, value: float, what: str) -> None:
        if not math.isfinite(value):
            raise UserError(
                f"the {what} of step {self.step + 1} is {value}, and nothing of this step was taken over; the "
                f"checkpoints in {self._out} are of steps before. Begin again with a lower learning_rate or another "
                "mixed_precision"
            )

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
        if not self._validation.is_due(self.step):
            return
        unet = self._pipeline.unet
        if log and not self._validation.is_made(self.step):
            with self._weights.averaged(), self._accelerator.autocast():
                unet.eval()
                self._validation.make(self._pipeline, self.step, log)
                unet.train()
        self._accelerator.wait_for_everyone()

    def _resume(self) -> None:
        """Load the newest checkpoint, if there is one."""
        if self._accelerator.is_main_process:
            self._checkpoints.clean()
        self._accelerator.wait_for_everyone()
        newest = self._checkpoints.newest()
        if newest is None:
            return
        state = self._checkpoints.read_state(newest)
        self.step = int(state["step"])
        try:
            self._accelerator.load_state(str(newest))
        except UserError:
            raise
        except Exception as error:  # a file that is missing or cut short; torch, pickle and safetensors have their own
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise UserError(
                f"checkpoint {newest} is damaged ({reason}); remove it, and training goes on from the one before"
            ) from error
        self._unreadable = UnreadableClips(self._config.max_unreadable, state["reads"], state["unreadable"])
        spread = {"processes": self._accelerator.num_processes, "per_device_batch": self._config.per_device_batch}
        if self._accelerator.is_main_process:
            self._progress.say(f"going on at step {self.step} of {self._config.steps}")
            if any(state[name] != value for name, value in spread.items()):
                self._progress.say(
                    f"note: the steps before were made by {state['processes']} processes with device batches of "
                    f"{state['per_device_batch']}; the clips of each step stay the same, their noise does not"
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
        """accelerate's hook: its own names of the weights would depend on the number of devices."""
        weights.clear()
        if self._accelerator.is_main_process:
            self._weights.write(Path(folder))

    def _read_weights(self, models: list[Any], folder: str) -> None:
        """accelerate's hook: the counterpart of `_write_weights`."""
        models.clear()
        self._weights.read(Path(folder), self.step)


def _duration(seconds: float) -> str:
    """As "3 d 4 h", "5 h 6 min", "7 min" or "8 s"."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    if days >= 1:
        return f"{int(days)} d {int(hours % 24)} h"
    if hours >= 1:
        return f"{int(hours)} h {int(minutes % 60)} min"
    return f"{int(minutes)} min" if minutes >= 1 else f"{seconds:.0f} s"
