"""`i2vbench reproduce`: the paper's Figures 4, 6 and 7 as picture grids, and its Table 3."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from i2vbench.cli import options
from i2vbench.cli.arguments import check_device, check_writable, parse_dtype, parse_size
from i2vbench.cli.options import Device, Dtype, Quiet
from i2vbench.cli.shape import add, new_group
from i2vbench.cli.table3 import reproduce_table3
from i2vbench.errors import UserError
from i2vbench.names import nearest

if TYPE_CHECKING:
    from i2vbench.models.consisti2v.figures import Row
    from i2vbench.types import Frames, FrameSource, Image, Sample

_SAMPLED = {
    "figure6": """One first frame, prompt and seed with ConsistI2V and without its parts.

    Row by row it is without FrameInit, without temporal conditioning too, and without spatial conditioning too. A grid
    of pictures as PNG.

    Example: i2vbench reproduce figure6 --image dog.png --prompt "a dog swimming" --out dog.png""",
    "figure7": """One first frame, prompt and seed with six settings of FrameInit.

    (1) is the default, tau 850 and D0 0.25, (4) is without. The paper does not print the others; they are 750 and 0.5
    in (2), 700 and 0.75 in (3), 850 and 0.5 in (5), 750 and 0.25 in (6). A grid of pictures as PNG.

    Example: i2vbench reproduce figure7 --image dog.png --prompt "a dog swimming" --seed 7""",
}
"""The figures that are of one picture, and their help."""

_what = partial(options.own, options.WHAT)

_Model = Annotated[str, options.model(": consisti2v alone.")]
_Data = Annotated[str, options.dataset()]
_Sample = Annotated[str | None, _what("Id of a sample. Default: the first that will do.", "--sample", metavar="ID")]
_Seed = Annotated[int, options.seed("the noise of every row alike.")]
_Checkpoint = Annotated[str | None, options.checkpoint()]
_Frames = Annotated[int, options.frames(min=2)]
_Size = Annotated[str, options.size()]
_Columns = Annotated[int, options.own(options.HOW, "Frames shown of each clip, evenly spaced.", "--columns", min=2)]
_Out = Annotated[Path | None, options.out("the picture, NAME.png. Default: the figure's name.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What a figure is made of, and how."""

    figure: str
    image: Path | None
    prompt: str | None
    video: Path | None
    dataset: str
    sample: str | None
    seed: int
    frames: int
    size: tuple[int, int]
    device: str
    dtype: str
    options: Mapping[str, object]
    columns: int
    quiet: bool


app = new_group(
    "Make a figure or a table of the paper again, with ConsistI2V.\n\nExample: i2vbench reproduce table3 --profile tiny"
)


def figure4(
    model: _Model = "consisti2v",
    video: Annotated[Path | None, _what("The clip, instead of a sample's.", "--video")] = None,
    dataset: _Data = "demo",
    sample: _Sample = None,
    seed: _Seed = 0,
    checkpoint: _Checkpoint = None,
    frames: _Frames = 16,
    size: _Size = "256x256",
    columns: _Columns = 5,
    device: Device = "auto",
    dtype: Dtype = "float32",
    out: _Out = None,
    quiet: Quiet = False,
) -> None:
    """A real clip decoded from its latents, from their high and low frequencies.

    A grid of pictures as PNG.

    Example: i2vbench reproduce figure4 --video dog.mp4 --out dog.png
    """
    given = {} if checkpoint is None else {"checkpoint": checkpoint}
    job = _Job(
        figure="figure4", image=None, prompt=None, video=video, dataset=dataset, sample=sample, seed=seed,
        frames=frames, size=parse_size(size), device=device, dtype=parse_dtype(dtype), options=given, columns=columns,
        quiet=quiet,
    )  # fmt: skip
    _reproduce(job, model, out, _figure4)


def _sampled(
    context: typer.Context,
    model: _Model = "consisti2v",
    image: Annotated[Path | None, options.image(", instead of a sample's.")] = None,
    prompt: Annotated[str | None, options.prompt(", instead of the sample's prompt.")] = None,
    dataset: _Data = "demo",
    sample: _Sample = None,
    seed: _Seed = 0,
    steps: Annotated[int | None, options.steps(". Default: the model's, 50.", min=1)] = None,
    checkpoint: _Checkpoint = None,
    frames: _Frames = 16,
    size: _Size = "256x256",
    columns: _Columns = 5,
    device: Device = "auto",
    dtype: Dtype = "float32",
    out: _Out = None,
    quiet: Quiet = False,
) -> None:
    figure = str(context.info_name)
    given: dict[str, object] = {"checkpoint": checkpoint, "steps": steps}
    job = _Job(
        figure=figure, image=image, prompt=prompt, video=None, dataset=dataset, sample=sample, seed=seed,
        frames=frames, size=parse_size(size), device=device, dtype=parse_dtype(dtype), columns=columns, quiet=quiet,
        options={name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    _reproduce(job, model, out, {"figure6": _figure6, "figure7": _figure7}[figure])


def _reproduce(job: _Job, model: str, out: Path | None, make: Callable[[_Job], _Made]) -> None:
    if model != "consisti2v":
        raise UserError(f"model '{model}': the figures are of consisti2v; --checkpoint names a folder")
    check_device(job.device)
    out = out or Path(f"{job.figure}.png")
    if out.suffix.lower() != ".png" or out.is_dir():
        raise UserError(f"--out {out}: expected the name of a picture, ending in .png")
    check_writable("--out", out)

    from i2vbench.machine import resolve_device

    job = replace(job, device=resolve_device(job.device))
    rows, caption, settings = make(job)
    written = _write(out, rows, caption, job.columns, _record(job, settings))
    if not job.quiet:
        print(written)


_Made = tuple[list["Row"], str, dict[str, Any]]
"""Rows, what stands below them, and what is recorded of them."""


def _figure4(job: _Job) -> _Made:
    from i2vbench.clips import read_to_protocol
    from i2vbench.models.consisti2v.figures import decode_bands
    from i2vbench.profiles import load_profile
    from i2vbench.types import ClipSource

    if job.video is not None:
        source, name = ClipSource(job.video), job.video.name
    else:
        sample = _sample(job, lambda sample: sample.reference is not None, "a clip")
        assert sample.reference is not None
        source, name = sample.reference, sample.id
    height, width = job.size
    protocol = replace(load_profile("paper").protocol, num_frames=job.frames, height=height, width=width)
    clip = read_to_protocol(source, protocol)
    checkpoint = job.options.get("checkpoint")
    rows = decode_bands(clip.frames, None if checkpoint is None else str(checkpoint), job.device, job.dtype, job.seed)
    return rows, f"Clip: {name}", {"clip": name, "D0": 0.25, "filter": "gaussian"}


def _figure6(job: _Job) -> _Made:
    from i2vbench.models.consisti2v.figures import FIGURE6, Row

    first = _first_frame(job)
    rows = []
    for number, (variant, label) in enumerate(FIGURE6, start=1):
        _tell(job, number, len(FIGURE6), label)
        (clip,) = _clips(job, f"consisti2v:{variant}" if variant else "consisti2v", first, [{}])
        rows.append(Row(label, clip))
    variants = [variant or "full" for variant, _ in FIGURE6]
    return rows, _caption(first.prompt), {"first_frame": first.name, "prompt": first.prompt, "variants": variants}


def _figure7(job: _Job) -> _Made:
    from i2vbench.models.consisti2v.figures import FIGURE7, Row

    first = _first_frame(job)
    wanted: list[dict[str, object]] = [
        {"frameinit": False} if row.tau is None else {"frameinit": True, "tau": row.tau, "d0": row.d0}
        for row in FIGURE7
    ]
    rows: list[Row] = []
    for row, clip in zip(FIGURE7, _clips(job, "consisti2v", first, wanted), strict=True):
        _tell(job, len(rows) + 1, len(FIGURE7), row.label.replace("\n", " "))
        rows.append(Row(row.label, clip))
    return rows, _caption(first.prompt), {"first_frame": first.name, "prompt": first.prompt, "frameinit": wanted}


@dataclass(frozen=True, slots=True)
class _First:
    """The first frame of Figures 6 and 7, and where it is from."""

    path: Path
    picture: Image
    prompt: str
    name: str


def _first_frame(job: _Job) -> _First:
    from i2vbench.video import read_image

    if job.image is not None:
        if job.sample is not None:
            raise UserError("--image and --sample: expected one of them")
        picture = read_image(job.image)
        if not job.prompt and not job.quiet:
            print("note: no --prompt; nothing but the picture says what is to happen", file=sys.stderr)
        return _First(job.image, picture, job.prompt or "", job.image.name)
    sample = _sample(job, lambda sample: bool(sample.prompt or job.prompt), "a prompt")
    picture = _full_size(sample.first_frame)
    return _First(sample.first_frame.path, picture, job.prompt or sample.prompt, sample.id)


def _full_size(source: FrameSource) -> Image:
    """A sample's first frame at the size it has."""
    from i2vbench.video import probe, read_image, read_video, shown_frames

    if source.seconds is None:
        return read_image(source.path)
    info = probe(source.path)
    frame: Image = read_video(source.path, [shown_frames(info, source.seconds, None).start], info=info).frames[0]
    return frame


def _sample(job: _Job, will_do: Callable[[Sample], bool], needed: str) -> Sample:
    """The sample that was named, or the first that will do."""
    from i2vbench.registry import DATASETS

    samples = {sample.id: sample for sample in DATASETS.create(job.dataset).samples()}
    if job.sample is not None and job.sample not in samples:
        raise UserError(f"data set '{job.dataset}' has no sample '{job.sample}': {nearest(job.sample, samples)}")
    chosen = [samples[job.sample]] if job.sample is not None else samples.values()
    for sample in chosen:
        if will_do(sample):
            return sample
    what = f"sample '{job.sample}'" if job.sample is not None else f"no sample of data set '{job.dataset}'"
    raise UserError(f"{what} has {'no ' if job.sample is not None else ''}{needed.removeprefix('a ')}")


def _clips(job: _Job, spec: str, first: _First, settings: list[dict[str, object]]) -> Iterator[Frames]:
    """One clip for each setting, by one model, loaded once."""
    from i2vbench import one_clip

    model = one_clip.make_model(spec, job.options)
    request = one_clip.make_request(
        model.info, first.picture, first.prompt, job.seed, num_frames=job.frames, size=job.size
    )
    for number, setting in enumerate(settings):
        if setting:
            model.configure(setting)
        if number == 0:
            one_clip.load(model, request, first.path, job.device, job.dtype)
        yield one_clip.make(model, request, job.device).video.frames
    model.unload()


def _caption(prompt: str) -> str:
    return f"Text Prompt: {prompt}" if prompt else ""


def _tell(job: _Job, number: int, total: int, label: str) -> None:
    if not job.quiet:
        print(f"row {number} of {total}: {label}", file=sys.stderr, flush=True)


def _record(job: _Job, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the picture does not say of itself."""
    from i2vbench import __version__
    from i2vbench.machine import versions

    given = {name: Path(str(value)).name if name == "checkpoint" else value for name, value in job.options.items()}
    return {
        "figure": job.figure, "i2vbench": __version__, "seed": job.seed, "frames": job.frames,
        "size": "x".join(map(str, job.size)), "device": job.device, "dtype": job.dtype,
        **given, **settings, "versions": versions(job.device),
    }  # fmt: skip


def _write(out: Path, rows: list[Row], caption: str, columns: int, record: Mapping[str, Any]) -> str:
    """Write the picture, and beside it how it was made. Returns what was written."""
    from i2vbench.files import write_bytes, write_json
    from i2vbench.models.consisti2v.figures import draw_grid
    from i2vbench.video import encode_png

    picture = draw_grid(rows, caption, columns)
    beside = out.with_suffix(".json")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, encode_png(picture))
        write_json(beside, {**record, "rows": [row.label.replace("\n", " ") for row in rows]})
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written: {error.strerror or error}") from error
    return f"{out}: {len(rows)} rows, {picture.shape[1]} x {picture.shape[0]} pixels; its settings are in {beside}"


add(app, "figure4", figure4)
for _name, _help in _SAMPLED.items():
    add(app, _name, _sampled, help=_help)
add(app, "table3", reproduce_table3)
