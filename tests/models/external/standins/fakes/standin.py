"""What the stand-ins share: frames that tell what they were made of, a record of it, and an encoder."""

import hashlib
import json
import os

import numpy


def frames_of(picture, prompt, noise):
    """Frames [T, H, W, 3]: the picture, then greys that are drawn in the upper half, and the prompt's below."""
    frames = numpy.stack([picture] * len(noise))
    tint = hashlib.sha256(prompt.encode()).digest()[0]
    for t in range(1, len(frames)):
        frames[t, : frames.shape[1] // 2] = numpy.uint8(128 + 40 * numpy.tanh(noise[t]))
        frames[t, frames.shape[1] // 2 :] = tint
    record(prompt=prompt, first_frame=hashlib.sha256(picture.tobytes()).hexdigest())
    return frames


def record(**facts):
    """Add a line to the file that the test reads."""
    if "STANDIN_LOG" in os.environ:
        with open(os.environ["STANDIN_LOG"], "a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")


def encode(path, frames, fps):
    """H.264 in yuv420p, as torchvision and imageio write it."""
    import av

    with av.open(path, mode="w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width, stream.pix_fmt = frames[0].shape[0], frames[0].shape[1], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numpy.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
