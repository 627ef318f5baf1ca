"""The picture of the human study's page in the docs: real clips beside videos that are made from their first frames.

    python benchmarks/human_page.py docs/images/human.png

Five stand-ins for models: the real clip, the first frame held, panned over, zoomed into, and the real clip's motion
in a blur that grows. Chromium, its driver, selenium and the extra `server` are needed.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from i2vbench.clips import read_to_protocol
from i2vbench.datasets.demo import bundled_samples
from i2vbench.human.guard import Access
from i2vbench.human.questions import DEFAULT, questions_of
from i2vbench.human.server import make_app
from i2vbench.human.study import Item, Source, Study, first_frame_path, video_path, write_study
from i2vbench.human.votes import Votes
from i2vbench.models.baselines import Pan, Static
from i2vbench.profiles import load_profile
from i2vbench.types import Frames, Request, Video
from i2vbench.video import encode_png, write_mp4
from i2vbench.web import Server, listen

WIDTH_PX, HEIGHT_PX = 1440, 940


def zoomed(frame: np.ndarray, num_frames: int) -> Frames:
    """uint8 [T, H, W, 3]: each frame shows less of the first one, larger."""
    picture, (height, width) = Image.fromarray(frame), frame.shape[:2]
    cuts = [0.012 * i for i in range(num_frames)]
    boxes = [(width * c, height * c, width * (1 - c), height * (1 - c)) for c in cuts]
    return np.stack([np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS, box)) for box in boxes])


def blurred(frames: Frames) -> Frames:
    """uint8 [T, H, W, 3]: each frame less sharp than the one before."""
    pictures = [Image.fromarray(frame).filter(ImageFilter.GaussianBlur(0.2 * i)) for i, frame in enumerate(frames)]
    return np.stack([np.asarray(picture) for picture in pictures])


def make_study(folder: Path) -> Study:
    """A study of the bundled clips, on the disk."""
    profile = load_profile("paper")
    protocol = profile.protocol
    items = []
    for index, sample in enumerate(bundled_samples()):
        assert sample.reference is not None
        real = read_to_protocol(sample.reference, protocol)
        first = real.frames[0]
        request = Request(sample.id, first, sample.prompt, *real.frames.shape[:3], real.fps, 0)
        made = [model.generate([request])[0].frames for model in (Static(), Pan())]
        videos = [real.frames, blurred(real.frames), zoomed(first, real.num_frames), *made]
        (folder / first_frame_path(index)).parent.mkdir(parents=True)
        (folder / first_frame_path(index)).write_bytes(encode_png(first))
        for number, frames in enumerate(videos):
            write_mp4(folder / video_path(index, number), Video(frames, real.fps))
        items.append(Item(0, sample.id, 0, sample.category, sample.prompt, ("",) * len(videos), None))
    study = Study(
        mode="choice", questions=questions_of(DEFAULT, "choice"), models=("real", "blurred", "zoom", "static", "pan"),
        sources=(Source("demo", "", None, ""),), items=tuple(items), per_rater=50, checks=0, seed=0,
        profile="paper", height=protocol.height, width=protocol.width, num_frames=protocol.num_frames,
        fps=protocol.fps, consent=("You are shown videos.",),
    )  # fmt: skip
    write_study(folder, study)
    return study


def photograph(address: str) -> Image.Image:
    """The page with two questions answered, once its videos have played for a while."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for name in ("headless=new", "no-sandbox", "hide-scrollbars", f"window-size={WIDTH_PX},{HEIGHT_PX}"):
        options.add_argument(f"--{name}")
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as browser:
        size = {"width": WIDTH_PX, "height": HEIGHT_PX, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.implicitly_wait(20)
        browser.get(address)
        browser.find_element("id", "go").click()
        browser.find_element("id", "consents").click()
        for pick in (0, 5, 6):
            browser.find_elements("css selector", ".pick")[pick].click()
        browser.find_element("css selector", "#save:enabled")
        browser.find_element("xpath", "//button[text()='Pause']")
        time.sleep(1.4)
        return Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")


def main() -> None:
    out = Path(sys.argv[1])
    listener = listen(0)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    access = Access(
        hosts=frozenset({origin.removeprefix("http://")}), origins=frozenset({origin}), enrol=1, admin="admin",
        behind_proxy=False, links=origin,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, Votes(Path(folder)) as votes:
        server = Server(make_app(make_study(Path(folder)), Path(folder), votes, access))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            # 96 colours are enough for a page, and a third of the size.
            photograph(f"{origin}/").quantize(96, dither=Image.Dither.NONE).save(out, optimize=True)
        finally:
            server.stop()
            thread.join()


if __name__ == "__main__":
    main()
