"""Checks that import libraries, each in a process of its own: `python -m i2vbench.doctor.apart CHECK`.

A line of JSON is written for every finding, so that what was found before a library ended the process is kept.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from i2vbench.doctor.finding import Finding
from i2vbench.texts import amount

if TYPE_CHECKING:
    from i2vbench.weights import Checkpoint

ENCODERS = {"libx264rgb": "videos of runs, without loss", "libx264": "generate, previews"}
DECODERS = {"h264": ("h264",), "hevc": ("hevc",), "vp9": ("vp9", "libvpx-vp9"), "av1": ("libdav1d", "libaom-av1")}
"""What decodes each without a GPU: the decoder called av1 cannot."""

_DRIVER_SECONDS = 10.0


def torch() -> Iterator[Finding]:
    import torch

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
    yield Finding(
        name="torch", state="works", essential=True,
        says=f"{torch.__version__}, built with {build}; {amount(torch.get_num_threads(), 'thread')}",
    )  # fmt: skip
    if torch.cuda.is_available():
        from i2vbench.weights.catalogue import human_size

        for number in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(number)
            torch.ones(8, device=f"cuda:{number}").sum().item()  # a driver too old shows only here
            yield Finding(
                name=f"cuda:{number}", state="works", says=f"{facts.name}, {human_size(facts.total_memory)}, "
                f"compute capability {facts.major}.{facts.minor}",
            )  # fmt: skip
        return
    driver = _driver()
    if driver:
        get = "a torch built with CUDA" if not torch.version.cuda else "a driver as new as torch's CUDA asks for"
        yield Finding(name="GPU", state="broken", says=f"torch cannot use what the driver has: {driver}", get=get)
    elif torch.backends.mps.is_available():
        yield Finding(name="mps", state="works", says="Apple's GPU: --device mps")
    else:
        yield Finding(name="GPU", state="note", says="none: the profile tiny is quick without, the paper's is not")


def _driver() -> str:
    """The GPUs that NVIDIA's driver has, and its version; "" where there are none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    command = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DRIVER_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"nvidia-smi fails: {error}"
    return "; ".join(done.stdout.split("\n")).strip("; ")


def readers() -> Iterator[Finding]:
    """Decodes a clip that it has just written, which comes back exactly."""
    import numpy as np

    from i2vbench.types import Video
    from i2vbench.video import read_video, reader_version, write_video

    frames = np.random.default_rng(0).integers(0, 256, (4, 32, 48, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory(prefix="i2vbench-doctor-") as folder:
        path = Path(folder) / "clip.mp4"
        write_video(path, Video(frames, 8.0))
        good = np.array_equal(read_video(path).frames, frames)
        yield Finding(
            name="pyav", state="works" if good else "broken", essential=True, says=reader_version("pyav")
            + (": a clip comes back as it was written" if good else ": a clip does not come back as it was written"),
            get="" if good else "pip install --force-reinstall av",
        )  # fmt: skip
    for name, purpose in ENCODERS.items():
        yield _codec(name, [name], "w", f"encodes: {purpose}", essential=name == "libx264rgb")
    for name, known in DECODERS.items():
        yield _codec(name, known, "r", "decodes")


def _codec(name: str, known: Sequence[str], mode: Literal["r", "w"], does: str, *, essential: bool = False) -> Finding:
    """Whether this build of PyAV has one of the codecs that do it."""
    from av.codec.codec import Codec, UnknownCodecError

    for codec in known:
        try:
            Codec(codec, mode)
        except UnknownCodecError:
            continue
        return Finding(name=name, state="works", says=does, essential=essential)
    says = f"this build of PyAV has no {' or '.join(known)}"
    return Finding(name=name, state="broken", says=says, get="pip install --force-reinstall av", essential=essential)


def decord() -> Iterator[Finding]:
    """The other reader, on a clip as cameras make them."""
    import numpy as np

    from i2vbench.extras import installing, missing
    from i2vbench.types import Video
    from i2vbench.video import read_video, reader_version, write_mp4

    if missing("decord"):
        yield Finding(name="decord", state="missing", says="run --reader decord", get=installing("decord"))
        return
    says = reader_version("decord")
    with tempfile.TemporaryDirectory(prefix="i2vbench-doctor-") as folder:
        path = Path(folder) / "clip.mp4"
        write_mp4(path, Video(np.full((4, 32, 48, 3), 128, np.uint8), 8.0))
        num_frames = read_video(path, reader="decord").num_frames
    good = num_frames == 4
    yield Finding(name="decord", state="works" if good else "broken", says=f"{says}: reads {num_frames} of 4 frames")


def checkpoints() -> Iterator[Finding]:
    """Which metrics could be measured now, under each profile, and what the others lack."""
    from i2vbench.create import create_metrics
    from i2vbench.names import ALL
    from i2vbench.profiles import bundled_profiles, load_profile
    from i2vbench.settings import RunConfig
    from i2vbench.weights import load_catalogue, missing

    for name in bundled_profiles():
        profile = load_profile(name)
        made = create_metrics(RunConfig(models=(), metrics=(ALL,), profile=name), profile)
        infos = {id_: metric.info for id_, (metric, _) in made.items()}
        needed = {id_: infos.get(info.features_of, info).checkpoints for id_, info in infos.items()}
        yield _could_run(f"--profile {name}", {id_: list(names) for id_, names in needed.items()}, name == "tiny")
    users = {user for facts in load_catalogue().values() for user in facts.used_by if user.startswith("model ")}
    for user in sorted(users):
        names = [facts.name for facts in load_catalogue().values() if user in facts.used_by]
        gone = missing(names)
        yield Finding(
            name=user, state="missing" if gone else "works", says=_lacking(gone) if gone else "here",
            get=f"i2vbench weights fetch --for {user}" if gone else "",
        )  # fmt: skip


def _could_run(name: str, needed: dict[str, list[str]], essential: bool) -> Finding:
    from i2vbench.errors import UserError
    from i2vbench.weights import check_runnable, missing

    gone = missing(checkpoint for names in needed.values() for checkpoint in names)
    lost = {facts.name for facts in gone}
    untrusted = set()
    for checkpoint in {one for names in needed.values() for one in names} - lost:
        try:
            check_runnable(checkpoint)
        except UserError:
            untrusted.add(checkpoint)
    able = [id_ for id_, names in needed.items() if not (lost | untrusted).intersection(names)]
    says = f"{len(able)} of {len(needed)} metrics could be measured now"
    if len(able) == len(needed):
        return Finding(name=name, state="works", says=says, essential=essential)
    if able:
        says += f" ({', '.join(able)})"
    if gone:
        says += f"; {_lacking(gone)}"
    if untrusted:
        says += f"; not trusted to run: {', '.join(sorted(untrusted))}"
    fetched = " ".join(facts.name for facts in gone if not facts.extra)
    commands = [f"i2vbench weights fetch {fetched}"] if fetched else []
    commands += dict.fromkeys(facts.command for facts in gone if facts.extra)
    commands += [f"i2vbench weights trust {one} SHA256" for one in sorted(untrusted)]
    return Finding(name=name, state="missing", says=says, get="; ".join(commands), essential=essential)


def _lacking(gone: Sequence[Checkpoint]) -> str:
    """What is not here, with its size and whence it comes."""
    return "not here: " + ", ".join(f"{facts.name} ({facts.size_text}, {_source(facts)})" for facts in gone)


def _source(facts: Checkpoint) -> str:
    if facts.extra:
        return f"i2vbench[{facts.extra}]"
    return facts.repository or urlsplit(facts.sources[0]).hostname or "comes with i2vbench"


CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "torch": torch, "readers": readers, "decord": decord, "checkpoints": checkpoints,
}  # fmt: skip


def main(name: str) -> None:
    """Make one check; what a library prints goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for finding in CHECKS[name]():
        out.write(json.dumps(asdict(finding)) + "\n")
        out.flush()


if __name__ == "__main__":
    main(sys.argv[1])
