"""A driver for serve.py. The file FAULT beside it says how it misbehaves by itself."""

import os
import sys
import time

from faults import before, make
from standin import record

answered = 0
fault = ""


def load(job):
    global fault
    path = os.path.join(job["repository"], "FAULT")
    if os.path.exists(path):
        with open(path) as file:
            fault = file.read()
    record(loaded=os.getpid(), config=job["config"])
    print("weights are loaded")
    if fault == "no start":
        raise RuntimeError("no weights")
    if fault == "slow start":
        time.sleep(600)
    if fault == "dies at start":
        sys.exit("no GPU")


def generate(request):
    global answered
    answered += 1
    if fault == "hangs at second" and answered == 2:
        before("children")
    if fault == "dies at third" and answered == 3:
        os._exit(9)
    if fault == "broken from second" and answered >= 2:
        raise RuntimeError("CUDA error: device-side assert triggered")
    out = os.path.join(request["out_dir"], "video.npy")
    make(request["first_frame"], request["prompt"], request["seed"], request["num_frames"], out)
    return out
