"""`i2vbench run`: the main job."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from i2vbench.cli.options import DEVICE_HELP, DTYPE_HELP, check_choice, check_device, parse_dtype, run_folder, split
from i2vbench.errors import UserError
from i2vbench.names import ALL, READERS
from i2vbench.profiles import load_profile
from i2vbench.run_file import read_settings
from i2vbench.storage.address import is_address
from i2vbench.timings import collecting


def register(app: typer.Typer) -> None:
    app.command("run")(run)


def run(
    context: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="NAME, NAME:ARGUMENT or FILE.py:Class; repeat it for a column each."),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            help="'all' (every built-in one), or names separated by commas. Default: the protocol's, else all. A "
            "finished run measures only what is new."
        ),
    ] = None,
    static_only: Annotated[
        bool,
        typer.Option(
            "--static-only",
            help="Temporal flickering of clips that RAFT finds static alone, as VBench's own protocol has it and the "
            "paper has not. A metric of its own.",
        ),
    ] = False,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="NAME, folder:PATH or FILE.py:Class: what the models are shown. Default: the profile's (paper: "
            "i2v-bench; tiny: tiny)."
        ),
    ] = None,
    first_frame: Annotated[
        str | None,
        typer.Option(
            help="generate:OWNER/REPO or generate:FOLDER (a text-to-image pipeline makes a picture of each prompt, as "
            "in Table 5), or images:FOLDER (ID.png each). Default: the data set's own. Another protocol; recorded."
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(help="What metrics look through, and under which protocol: a name or a TOML file."),
    ] = "paper",
    protocol: Annotated[
        str | None,
        typer.Option(
            help="i2v-bench, ucf101 or msrvtt: frames, sizes and metrics. Default: the data set's. Moves the numbers."
        ),
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            max=2**31 - 1,
            help="Noise of the models; repeat it to generate every sample under each. Moves the numbers.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Only the first N samples: other clips, other numbers; n stands in every cell."),
    ] = None,
    categories: Annotated[
        list[str] | None, typer.Option(help="Only these categories, separated by commas: other clips, other numbers.")
    ] = None,
    device: Annotated[str, typer.Option(help=f"{DEVICE_HELP} Networks round differently on each; recorded.")] = "auto",
    devices: Annotated[
        list[str] | None,
        typer.Option(
            help="A process on each of these, separated by commas: cuda:0,cuda:2 or cpu,cpu. Default: every GPU of one "
            "kind. Moves no number."
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local (this machine) or ray (a Ray cluster; docs/cluster.md). Moves no number.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT of a Ray cluster's head, or auto for the one that this machine is in. Default: "
            "RAY_ADDRESS, or a cluster begun on this machine for the run."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="How many to ask Ray for. Default: as many as the cluster has room for now."),
    ] = None,
    gpus_per_worker: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="GPUs that Ray gives each worker; 0.5 has two share one. Default: 1."),
    ] = None,
    dtype: Annotated[
        str, typer.Option(help=f"{DTYPE_HELP} for the models' networks. Moves the numbers; recorded.")
    ] = "float32",
    batch_size: Annotated[
        int, typer.Option(min=1, help="Clips a model generates at once. Changes rounding at most; part of the plan.")
    ] = 8,
    reader: Annotated[
        str,
        typer.Option(help="pyav or decord, which decode some files differently by a grey level or so; recorded."),
    ] = "pyav",
    out: Annotated[
        str | None,
        typer.Option(
            help="The run's folder, or an address of fsspec (s3://bucket/run, gs://...). Default: a readable name "
            "under runs/."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a run that is there (the same command without it does so too)."),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Do again what failed before; without it, failures stand.")
    ] = False,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave metrics out whose checkpoints are not here; cells say so.")
    ] = False,
    timings: Annotated[
        bool, typer.Option("--timings", help="Say on standard error where the time went. Takes a little itself.")
    ] = False,
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache", help="Make all anew, though another run has made the same, and keep nothing for others."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print the final tables as JSON on standard output.")
    ] = False,
) -> None:
    """Show models the first frame and prompt of every clip, measure the videos, and print a table per metric.

    Stopped at any moment, it goes on where it was when the same command is given again.

    Example: i2vbench run --model static --metrics all --dataset demo --skip-missing
    """
    check_choice("--reader", reader, READERS)
    dtype = parse_dtype(dtype)
    _check_devices(device, split(devices))
    models, wanted = tuple(m for m in model or () if m), tuple(split(metrics))
    folder, storage = _place(out, resume)
    if not models and not (resume and out is not None):
        raise UserError("name at least one --model (or --resume --out RUN to go on with a run); see `i2vbench models`")
    if not models:
        _check_given(context)
    if protocol in ("ucf101", "msrvtt") and dataset in (None, "i2v-bench"):
        raise UserError(f"--protocol {protocol}: name its data too, --dataset {protocol}:PATH")
    if dataset is None:
        dataset = load_profile(profile).dataset
    _check_names(models, wanted, dataset, first_frame)

    from i2vbench import progress as progress_module
    from i2vbench.cli.ended import tell
    from i2vbench.run import run as run_job
    from i2vbench.settings import RunConfig, config_of

    # Neither what a run is nor its numbers depend on these: they hold for this command alone.
    anew: dict[str, Any] = {
        "storage": storage,
        "retry_failed": retry_failed,
        "engine": engine,
        "devices": tuple(split(devices)),
        "address": address,
        "workers": workers,
        "gpus_per_worker": gpus_per_worker,
        "timings": timings,
        "cache": not no_cache,
    }
    if models:
        config = RunConfig(
            models=models,
            metrics=wanted,
            static_only=static_only,
            dataset=dataset,
            first_frame=first_frame,
            profile=profile,
            protocol=protocol,
            seeds=tuple(seed or (0,)),
            limit=limit,
            categories=tuple(categories) if categories else None,
            device=device,
            dtype=dtype,
            batch_size=batch_size,
            reader=reader,
            out=folder,
            resume=resume,
            skip_missing=skip_missing,
            **anew,
        )
    else:
        assert folder is not None
        recorded = config_of(folder)
        measured, skips = (*recorded.metrics, *wanted), skip_missing or recorded.skip_missing
        config = replace(recorded, metrics=measured, skip_missing=skips, **anew)
    # What a model or metric prints is not the result: standard output is for the tables alone.
    with collecting() if timings else nullcontext():
        with redirect_stdout(sys.stderr), progress_module.choose(quiet) as progress:
            outcome = run_job(config, progress)
        tell(outcome, json_output, quiet)


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
        raise UserError("--out: expected the name of a folder of its own")
    return (None if storage else Path(out)), storage


def _check_devices(device: str, devices: Sequence[str]) -> None:
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
    from i2vbench.registry import DATASETS, FIRST_FRAMES, METRICS, MODELS

    for spec in models:
        MODELS.check_name(spec)
    for spec in metrics:
        if spec != ALL:
            METRICS.check_name(spec)
    DATASETS.check_name(dataset)
    if first_frame is not None:
        FIRST_FRAMES.check_name(first_frame)
