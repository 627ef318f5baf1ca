"""`i2vbench run`: the main job."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from i2vbench.cli import complete, options
from i2vbench.cli.arguments import check_choice, check_device, parse_dtype, run_folder, split
from i2vbench.cli.options import Json, QuietButJson
from i2vbench.errors import UserError
from i2vbench.names import ALL, ENGINE_NAMES, READERS
from i2vbench.profiles import load_profile
from i2vbench.run_file import read_settings
from i2vbench.storage.address import is_address
from i2vbench.timings import collecting

if TYPE_CHECKING:
    from i2vbench.settings import RunConfig


_what = partial(options.own, options.WHAT)
_how = partial(options.own, options.HOW)
_where = partial(options.own, options.WHERE)


def run(
    context: typer.Context,
    model: Annotated[list[str] | None, options.model("; repeat it for a column each.")] = None,
    metrics: Annotated[
        list[str] | None,
        options.metrics(
            ", or all (every built-in one). Default: the protocol's, else all. A finished run measures only what is "
            "new."
        ),
    ] = None,
    static_only: Annotated[
        bool,
        _what(
            "Temporal flickering of clips that RAFT finds static alone, as VBench's own protocol has it and the paper "
            "has not. A metric of its own.",
            "--static-only",
        ),
    ] = False,
    skip_missing: Annotated[bool, options.skip_missing("; cells say so.")] = False,
    dataset: Annotated[
        str | None,
        options.dataset(": what the models are shown. Default: the profile's (paper: i2v-bench; tiny: tiny)."),
    ] = None,
    first_frame: Annotated[
        str | None,
        _what(
            "generate:OWNER/REPO or generate:FOLDER (a text-to-image pipeline makes a picture of each prompt, as in "
            "Table 5), or images:FOLDER (ID.png each). Default: the data set's own. Another protocol; recorded.",
            metavar="FRAMES",
        ),
    ] = None,
    limit: Annotated[
        int | None, options.limit(": samples of the data set. Other clips, other numbers; n stands in every cell.")
    ] = None,
    categories: Annotated[list[str] | None, options.categories(": other clips, other numbers.")] = None,
    profile: Annotated[str, options.profile("what metrics look through, and under which protocol.")] = "paper",
    protocol: Annotated[
        str | None,
        _how(
            "i2v-bench, ucf101 or msrvtt: frames, sizes and metrics. Default: the data set's. Moves the numbers.",
            metavar="PROTOCOL",
        ),
    ] = None,
    seed: Annotated[
        list[int] | None,
        options.seed(
            "of the models' noise; repeat it to generate every sample under each. Default: 0. Moves the numbers."
        ),
    ] = None,
    batch_size: Annotated[
        int, _how("Clips a model generates at once. Changes rounding at most; part of the plan.", min=1)
    ] = 8,
    reader: Annotated[
        str,
        _how(
            "pyav or decord, which decode some files differently by a grey level or so; recorded.",
            metavar="READER",
            autocompletion=complete.words(*READERS),
        ),
    ] = "pyav",
    device: Annotated[str, options.device(" Networks round differently on each; recorded.")] = "auto",
    devices: Annotated[
        list[str] | None,
        _where(
            "A process on each of these, separated by commas: cuda:0,cuda:2 or cpu,cpu. Default: every GPU of one "
            "kind. Moves no number.",
            metavar="DEVICES",
        ),
    ] = None,
    dtype: Annotated[str, options.dtype(" for the models' networks. Moves the numbers; recorded.")] = "float32",
    engine: Annotated[
        str,
        _where(
            "local (this machine) or ray (a Ray cluster; docs/cluster.md). Moves no number.",
            metavar="ENGINE",
            autocompletion=complete.words(*ENGINE_NAMES),
        ),
    ] = "local",
    address: Annotated[
        str | None,
        _where(
            "HOST:PORT of a Ray cluster's head, or auto for the one that this machine is in. Default: RAY_ADDRESS, or "
            "a cluster begun on this machine for the run.",
            metavar="ADDRESS",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        _where("How many to ask Ray for. Default: as many as the cluster has room for now.", min=1),
    ] = None,
    gpus_per_worker: Annotated[
        float | None,
        _where("GPUs that Ray gives each worker; 0.5 has two share one. Default: 1.", min=0, max=1),
    ] = None,
    out: Annotated[
        str | None,
        options.out(
            "the run's folder, or an address of fsspec (s3://bucket/run, gs://...). Default: a readable name under "
            "runs/."
        ),
    ] = None,
    resume: Annotated[bool, options.resume("a run that is there (the same command without it does so too).")] = False,
    retry_failed: Annotated[bool, options.retry_failed("; without it, failures stand.")] = False,
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache",
            help="Make all anew, though another run has made the same, and keep nothing for others.",
            rich_help_panel=options.FILES,
        ),
    ] = False,
    quiet: QuietButJson = False,
    json_output: Json = False,
    timings: Annotated[
        bool,
        typer.Option(
            "--timings",
            help="Say on standard error where the time went. Takes a little itself.",
            rich_help_panel=options.SHOWN,
        ),
    ] = False,
) -> None:
    """Generate videos from first frames and prompts, measure them, print the tables.

    Stopped at any moment, it goes on where it was when the same command is given again.

    Example: i2vbench run --model static --metrics all --dataset demo --skip-missing

    Example: i2vbench run --resume --out runs/mine --metrics fvd
    """
    check_choice("--reader", reader, READERS)
    dtype = parse_dtype(dtype)
    _check_where(device, split(devices))
    models, wanted = tuple(model or ()), tuple(split(metrics))
    folder, storage = _place(out, resume)
    # Neither what a run is nor its numbers depend on these: they hold for this command alone.
    anew: dict[str, Any] = {
        "storage": storage, "retry_failed": retry_failed, "engine": engine, "devices": tuple(split(devices)),
        "address": address, "workers": workers, "gpus_per_worker": gpus_per_worker, "timings": timings,
        "cache": not no_cache,
    }  # fmt: skip
    if not models:
        if not (resume and folder is not None):
            raise UserError(
                "name at least one --model (or --resume --out RUN to go on with a run); see `i2vbench models`"
            )
        _check_given(context)
        _check_metrics(wanted)
        config = _recorded(folder, wanted, skip_missing, anew)
    else:
        dataset = _dataset(dataset, protocol, profile)
        _check_names(models, wanted, dataset, first_frame)
        from i2vbench.settings import RunConfig

        config = RunConfig(
            models=models, metrics=wanted, static_only=static_only, dataset=dataset, first_frame=first_frame,
            profile=profile, protocol=protocol, seeds=tuple(seed or (0,)), limit=limit,
            categories=tuple(categories) if categories else None, device=device, dtype=dtype, batch_size=batch_size,
            reader=reader, out=folder, resume=resume, skip_missing=skip_missing, **anew,
        )  # fmt: skip
    _carry_out(config, json_output, quiet)


def _carry_out(config: RunConfig, json_output: bool, quiet: bool) -> None:
    from i2vbench import progress as progress_module
    from i2vbench.cli.ended import tell
    from i2vbench.run import run as run_job

    # What a model or metric prints is not the result: standard output is for the tables alone.
    with collecting() if config.timings else nullcontext():
        with redirect_stdout(sys.stderr), progress_module.choose(quiet) as progress:
            outcome = run_job(config, progress)
        tell(outcome, json_output, quiet)


def _recorded(folder: Path, metrics: tuple[str, ...], skip_missing: bool, anew: Mapping[str, Any]) -> RunConfig:
    """What a run that is there was asked for, and these metrics too."""
    from i2vbench.settings import config_of

    recorded = config_of(folder)
    return replace(
        recorded, metrics=(*recorded.metrics, *metrics), skip_missing=skip_missing or recorded.skip_missing, **anew
    )


def _dataset(dataset: str | None, protocol: str | None, profile: str) -> str:
    """The data set that is meant.

    Raises:
        UserError: The protocol is another one's, and that one is not named.
    """
    if protocol in ("ucf101", "msrvtt") and dataset in (None, "i2v-bench"):
        raise UserError(f"--protocol {protocol}: name its data too, --dataset {protocol}:PATH")
    return load_profile(profile).dataset if dataset is None else dataset


def _place(out: str | None, resume: bool) -> tuple[Path | None, str | None]:
    """The run's folder, and the address where it is kept; one that is resumed is brought here.

    Raises:
        UserError: It is to be gone on with, and is not there; or it would lie among other things.
    """
    if out is None:
        return None, None
    storage = out if is_address(out) else None
    if resume:
        folder = run_folder(out, ())
        read_settings(folder)
        return folder, storage
    if str(Path(out)) == ".":
        raise UserError("--out .: expected the name of a folder of its own")
    if storage is None and Path(out).is_file():
        raise UserError(f"--out {out}: is a file, not a folder")
    return (None if storage else Path(out)), storage


def _check_where(device: str, devices: Sequence[str]) -> None:
    """Refuse what no device is called, and two options that say different things.

    Raises:
        UserError: With what is expected instead.
    """
    check_device(device)
    for each in devices:
        check_device(each, "--devices")
    if devices and device not in ("auto", devices[0].partition(":")[0]):
        raise UserError(f"--device {device}: --devices {','.join(devices)} says where the work is; leave --device out")


def _check_given(context: typer.Context) -> None:
    """A run that is gone on with by its folder alone has its options already.

    Raises:
        UserError: For an option that would change them.
    """
    free = {"resume", "out", "metrics", "retry_failed", "skip_missing", "quiet", "json_output"}
    free |= {"engine", "devices", "address", "workers", "gpus_per_worker", "timings", "no_cache"}
    given = [
        f"--{name.replace('_', '-')}"
        for name in context.params
        if name not in free and context.get_parameter_source(name).name == "COMMANDLINE"  # type: ignore[union-attr]
    ]
    if given:
        raise UserError(f"{', '.join(given)}: a run that is gone on with by --out alone has its own; leave it out")


def _check_names(models: tuple[str, ...], metrics: tuple[str, ...], dataset: str, first_frame: str | None) -> None:
    """Refuse unknown names before anything heavy is imported."""
    from i2vbench.registry import DATASETS, FIRST_FRAMES, MODELS

    for spec in models:
        MODELS.check_name(spec)
    _check_metrics(metrics)
    DATASETS.check_name(dataset)
    if first_frame is not None:
        FIRST_FRAMES.check_name(first_frame)


def _check_metrics(metrics: Sequence[str]) -> None:
    from i2vbench.registry import METRICS

    for spec in metrics:
        if spec != ALL:
            METRICS.check_name(spec)
