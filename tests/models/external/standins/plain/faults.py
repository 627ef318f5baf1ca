"""A repository that misbehaves as its prompt says."""

import os
import signal
import subprocess
import sys
import time

import numpy
from PIL import Image
from standin import encode, frames_of, record


def make(image, prompt, seed, num_frames, out):
    """Write the video of one request to `out`; a suffix of .npy keeps it without loss."""
    record(pid=os.getpid(), asked=prompt)
    before(prompt)
    picture = numpy.asarray(Image.open(image))
    frames = frames_of(picture, prompt, numpy.random.RandomState(seed).standard_normal(num_frames))
    if prompt == "short":
        frames = frames[:-1]
    if prompt == "small":
        frames = frames[:, ::2, ::2]
    if prompt == "none":
        return
    save(out, frames, 25 if prompt == "fast" else 8)
    if prompt == "two":
        save(out.replace("video", "another"), frames, 8)
    if prompt == "cut":
        os.truncate(out, os.path.getsize(out) // 2)
    if prompt == "dies":
        print("RuntimeError: CUDA error: an illegal memory access was encountered", file=sys.stderr)
        os._exit(3)


def before(prompt):
    if prompt == "crash":
        print("about to crash")
        print("RuntimeError: CUDA out of memory", file=sys.stderr)
        os._exit(3)
    if prompt == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if prompt == "raise":
        raise ValueError("the network has no such thing")
    if prompt == "flood":
        for i in range(20000):
            print("line", i, "x" * 50)
        print("y" * 3_000_000)
    if prompt == "chatter":
        print('{"id": "made up", "video": "made up"}')
        sys.stderr.write(
            "50%\r75%\r\x1b[31m100%\x1b[0m\n\x00\x07 odd \udcff bytes\n".encode("utf-8", "replace").decode()
        )
        os.write(1, b"\xff\xfe no line end")
    if prompt == "eat":
        eaten = []
        while True:
            eaten.append(numpy.ones(5_000_000))
            time.sleep(0.02)
    if prompt in ("stubborn", "children"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if prompt == "children":  # one in this session, one that has left it, and whose parent is gone
        sleeper = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-S", "-c", sleeper])
        away = (
            "import subprocess as s, sys; print(s.Popen([sys.executable, '-S', '-c', sys.argv[1]], stdout=s.DEVNULL, "
            "start_new_session=True).pid)"
        )
        grandchild = subprocess.check_output([sys.executable, "-S", "-c", away, sleeper])
        record(children=[child.pid, int(grandchild)])
    if prompt in ("hang", "stubborn", "children"):
        time.sleep(600)


def save(path, frames, fps):
    if path.endswith(".npy"):
        numpy.save(path, frames)
    elif path.endswith(".gif"):
        pictures = [Image.fromarray(frame) for frame in frames]
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=125, loop=0)
    elif path.endswith(".mp4"):
        encode(path, frames, fps)
    else:
        os.makedirs(path)
        for i, frame in enumerate(frames):
            Image.fromarray(frame).save(os.path.join(path, f"frame_{i}.png"))
