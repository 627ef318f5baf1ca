"""`i2vbench generate`: one picture and one prompt become one video."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from i2vbench import __version__
from i2vbench.cli import options
from i2vbench.cli.arguments import check_device, check_writable, parse_dtype, parse_size
from i2vbench.cli.options import Device, Dtype, Quiet
from i2vbench.errors import UserError
from i2vbench.names import is_hub_name
from i2vbench.parsing import parse_toml

if TYPE_CHECKING:
    from i2vbench.types import Video

_FOLDERS = re.compile(r"[^:=]*/(?=[^/])")

MODELS_OWN = "The model's own"


_own = partial(options.own, MODELS_OWN)


def generate(
    model: Annotated[str, options.model("; see `i2vbench models`.")],
    image: Annotated[Path, options.image(": a picture of any size.")],
    out: Annotated[
        str, options.out("NAME.mp4 (H.264, crf 10) or NAME.gif, written over; or a folder for PNGs, ending in /.")
    ],
    prompt: Annotated[str, options.prompt()] = "",
    seed: Annotated[int, options.seed("the noise's, and so the video's.")] = 0,
    frames: Annotated[int | None, options.frames(". Default: as many as the model was made for, or 16.", min=2)] = None,
    size: Annotated[str | None, options.size(". Default: what the model was made for, or 256x256.")] = None,
    fps: Annotated[float | None, options.fps(" of the file. Default: what the model was made for, or 8.")] = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    checkpoint: Annotated[str | None, options.checkpoint(panel=MODELS_OWN)] = None,
    steps: Annotated[int | None, options.steps(panel=MODELS_OWN)] = None,
    guidance: Annotated[float | None, _own("Scale of classifier-free guidance by the text.")] = None,
    image_guidance: Annotated[float | None, _own("Scale of guidance by the image; 1 is none.")] = None,
    guidance_rescale: Annotated[float | None, _own("0 (none) to 1: holds back overexposure.")] = None,
    negative_prompt: Annotated[str | None, _own("What is not to be seen.")] = None,
    fps_stride: Annotated[
        int | None, _own("Source frames per frame (1 to 5 in training): more of it, faster motion.")
    ] = None,
    frameinit: Annotated[
        bool | None, _own("Lay the first frame under the initial noise.", "--frameinit/--no-frameinit")
    ] = None,
    tau: Annotated[int | None, _own("FrameInit: steps of noise on the first frame, 0 to 999.")] = None,
    d0: Annotated[float | None, _own("FrameInit: stop frequency in space and time, 0 to 1.")] = None,
    noise: Annotated[
        str | None, _own("pyoco_mixed, pyoco_progressive or vanilla: how frames share their noise.")
    ] = None,
    noise_alpha: Annotated[float | None, _own("How much they share.")] = None,
    eta: Annotated[float | None, _own("DDIM's own noise: 0 is none.")] = None,
    camera: Annotated[str | None, _own("pan-left, pan-right, zoom-in, zoom-out or rotate: moves the layout.")] = None,
    autoregressive: Annotated[
        bool | None, _own("Long video: each chunk begins with the last one's end.", "--autoregressive")
    ] = None,
    compile_: Annotated[bool | None, _own("torch.compile: minutes at first, then faster.", "--compile")] = None,
    set_: Annotated[
        list[str] | None,
        _own("Any other option of the model's, as TOML; repeat it.", "--set", metavar="NAME=VALUE"),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make one video of a picture and a prompt, with any model.

    The model's own options are its own business: one that it does not have is refused.

    Example: i2vbench generate --model consisti2v --image dog.png --prompt "a dog swimming" --seed 0 --out dog.mp4
    """
    named = {
        "checkpoint": checkpoint, "steps": steps, "guidance": guidance, "image_guidance": image_guidance,
        "guidance_rescale": guidance_rescale, "negative_prompt": negative_prompt, "frame_stride": fps_stride,
        "frameinit": frameinit, "tau": tau, "d0": d0, "noise": noise, "noise_alpha": noise_alpha, "eta": eta,
        "camera": camera, "autoregressive": autoregressive, "compile": compile_,
    }  # fmt: skip
    given = {name: value for name, value in named.items() if value is not None} | parse_options(set_ or ())
    dtype = parse_dtype(dtype)
    check_device(device)
    if fps is not None and fps <= 0:
        raise UserError(f"--fps {fps:g}: expected a positive number")
    pixels = parse_size(size) if size else None
    check_out(out)

    from i2vbench.registry import MODELS

    MODELS.check_name(model)

    from i2vbench import one_clip
    from i2vbench.machine import resolve_device
    from i2vbench.video import read_image

    picture = read_image(image)
    maker = one_clip.make_model(MODELS.absolute(model), given)
    request = one_clip.make_request(maker.info, picture, prompt, seed, num_frames=frames, size=pixels, fps=fps)
    device = resolve_device(device)
    if not prompt.strip() and not quiet:
        print("note: the prompt is empty; nothing but the picture says what is to happen", file=sys.stderr)
    one_clip.load(maker, request, image, device, dtype)
    made = one_clip.make(maker, request, device)
    settings = {
        "model": model, "image": str(image), "prompt": prompt, "seed": seed,
        "size": f"{request.height}x{request.width}", "frames": request.num_frames, "fps": f"{request.fps:g}",
        "device": device, "dtype": dtype, **given,
    }  # fmt: skip
    if "frame_stride" in settings:
        settings["fps_stride"] = settings.pop("frame_stride")
    line = describe(settings)
    write(out, made.video, line)
    if quiet:
        return
    print(f"made by {line}")
    print(
        f"{out}: {made.video.num_frames} frames of {made.video.height} x {made.video.width} at {made.video.fps:g} fps, "
        f"made in {made.cost}"
    )


def parse_options(texts: Sequence[str]) -> dict[str, Any]:
    """Options as they are written after --set: NAME=VALUE, where VALUE is TOML, or a plain word.

    Raises:
        UserError: Something else, or a name twice.
    """
    given: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UserError(f"--set {text}: expected NAME=VALUE, as --set motion_bucket_id=127")
        if name in given:
            raise UserError(f"--set {text}: {name} is set twice")
        try:
            given[name] = parse_toml(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            given[name] = value  # a word without its quotation marks, as people write it
    return given


def check_out(out: str) -> None:
    """Refuse a name that no video can be written to, before one is made.

    Raises:
        UserError: An unknown format, a folder where a file is meant, or one that holds something already.
    """
    path = Path(out)
    if _is_folder(out):
        if path.exists() and not path.is_dir():
            raise UserError(f"--out {out}: is a file; expected a folder for PNGs, or a name ending in .mp4 or .gif")
        if path.is_dir() and any(path.iterdir()):
            raise UserError(f"--out {out}: the folder is not empty; name a new one for the frames")
    elif path.suffix.lower() not in (".mp4", ".gif"):
        raise UserError(f"--out {out}: expected a name ending in .mp4 or .gif, or a folder for PNGs, ending in /")
    elif path.is_dir():
        raise UserError(f"--out {out}: is a folder; expected a file to write, or a name ending in / for PNGs in it")
    check_writable("--out", path)


def write(out: str, video: Video, comment: str) -> None:
    """Write a video as the name's ending says.

    Raises:
        UserError: It cannot be written there.
    """
    from i2vbench.video import write_frames, write_gif, write_mp4

    path = Path(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _is_folder(out):
            write_frames(path, video)
        elif path.suffix.lower() == ".gif":
            write_gif(path, video)
        else:
            write_mp4(path, video, comment)
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written: {error.strerror or error}") from error


def describe(settings: Mapping[str, object]) -> str:
    """What decided a video, on one line; of paths their last part only, for the line goes into the file."""
    paths = {"model": "./", "image": "", "checkpoint": ""}  # of a model, ./NAME is a folder and NAME a variant
    words = [f"i2vbench {__version__}:"]
    for name, value in settings.items():
        text = " ".join(str(value).splitlines())
        if name in paths and not (name == "model" and is_hub_name(text.partition(":")[2].rpartition("=")[2])):
            text = _FOLDERS.sub(paths[name], str(value))
        words.append(f"{name}={shlex.quote(text)}")
    return " ".join(words)


def _is_folder(out: str) -> bool:
    return out.endswith("/") or not Path(out).suffix
