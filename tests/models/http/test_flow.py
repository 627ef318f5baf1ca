"""From a request to its video, over APIs of every shape that the description knows."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from i2vbench.errors import UserError
from i2vbench.models.http.context import ClipError
from i2vbench.video import VideoError, read_video
from tests.models.http.api import FPS, FRAMES, HEIGHT, KEY, WIDTH, Api, Call, says, video_bytes, with_base64, with_body
from tests.models.http.conftest import Make, ask, videos

SYNCHRONOUS = {"submit__id": None, "poll": None}


def expected(seed: int, tmp_path: Path) -> np.ndarray:
    path = tmp_path / "expected.mp4"
    path.write_bytes(video_bytes(seed))
    return read_video(path).frames


def test_a_batch_comes_back_in_its_order_with_typed_values_in_the_body(make: Make, api: Api, tmp_path: Path) -> None:
    made = videos(make(), 3, 1, 2)
    for frames, seed in zip(made, (3, 1, 2), strict=True):
        assert np.array_equal(frames, expected(seed, tmp_path))
    body = json.loads(api.bodies[0])
    assert (body["prompt"], body["seed"]) == ("a dog", 3)
    assert body["image"].startswith("data:image/png;base64,iVBOR")
    assert dict(api.paid) == {"a dog/1": 1, "a dog/2": 1, "a dog/3": 1}


def test_requests_are_on_their_way_at_once_once_a_first_video_is_as_stated(make: Make, api: Api) -> None:
    model = make(concurrency=8)
    videos(model, 0)
    meeting = threading.Barrier(7, timeout=5)

    def meet(call: Call) -> None:
        meeting.wait()  # breaks unless seven requests are here together
        call.ordinary()

    api.always["submit"] = meet
    assert len(videos(model, *range(8))) == 8
    assert sum(api.paid.values()) == 8


def test_no_more_requests_are_on_their_way_than_stated(make: Make, api: Api) -> None:
    here, most = [], []

    def count(call: Call) -> None:
        here.append(1)
        most.append(len(here))
        time.sleep(0.02)
        here.pop()
        call.ordinary()

    api.always["submit"] = count
    videos(make(concurrency=2), *range(7))
    assert max(most) <= 2


@pytest.mark.parametrize(
    ("answers", "result"),
    [(with_base64, {"video": "video", "holds": "base64"}), (with_body, {"holds": "body"})],
    ids=["base64", "body"],
)
def test_an_api_that_answers_at_once(make: Make, api: Api, tmp_path: Path, answers, result) -> None:  # type: ignore[no-untyped-def]
    api.always["submit"] = answers
    model = make(**SYNCHRONOUS, result=result)
    assert np.array_equal(videos(model, 5)[0], expected(5, tmp_path))
    model = make(**SYNCHRONOUS, result=result)
    videos(model, 5)
    assert dict(api.paid) == {"a dog/5": 1}


def test_an_api_whose_codes_say_how_a_job_is_and_whose_result_is_the_video(
    make: Make, api: Api, tmp_path: Path
) -> None:
    """As Stability's: 202 while it is running, then 200 with the video."""
    api.faults["poll"].extend([says(202, {"status": "in-progress"})] * 2)
    model = make(
        poll={"url": f"{api.url}/poll/{{id}}", "running_codes": [202]},
        result={"url": f"{api.url}/video/{{id}}.mp4", "holds": "body"},
    )
    assert np.array_equal(videos(model, 5)[0], expected(5, tmp_path))
    assert api.kinds("poll") == 3


def test_an_api_whose_result_is_named_by_another_address(make: Make, api: Api, tmp_path: Path) -> None:
    """As fal's queue: a state, and the result elsewhere."""
    api.always["poll"] = says(200, {"status": "succeeded"})
    api.always["result"] = lambda call: call.answer(
        200, {"video": {"url": f"{api.other_url}/video/{call.handler.path[-5:]}"}}
    )
    model = make(result={"url": f"{api.url}/result/{{id}}", "video": "video.url"})
    assert np.array_equal(videos(model, 5)[0], expected(5, tmp_path))


def test_a_picture_that_is_uploaded_first(make: Make, api: Api) -> None:
    api.faults["upload"].append(says(500))
    model = make(
        upload={"url": f"{api.url}/upload", "method": "PUT"},
        submit__body={"prompt": "{prompt}", "seed": "{seed}", "image": {"kind": "url", "url": "{upload}"}},
    )
    videos(model, 0)
    assert json.loads(api.bodies[0])["image"] == {"kind": "url", "url": f"{api.url}/pictures/1"}
    assert api.kinds("upload") == 2
    assert sum(api.paid.values()) == 1


def test_a_multipart_form(make: Make, api: Api) -> None:
    model = make(submit__form="multipart", submit__body={"image": "{first_frame}", "seed": "{seed}", "strength": 1.8})
    api.always["poll"] = says(200, {"status": "failed"})
    with pytest.raises(ClipError):
        videos(model, 7)
    body, kind = api.bodies[0], api.calls[0][2]["Content-Type"]
    boundary = kind.partition("boundary=")[2].encode()
    parts = body.split(b"--" + boundary)
    assert len(parts) == 5
    assert b'name="image"; filename="first_frame.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG' in parts[1]
    assert parts[2].strip().endswith(b'name="seed"\r\n\r\n7')
    assert parts[3].strip().endswith(b'name="strength"\r\n\r\n1.8')


def test_the_key_goes_to_the_api_and_not_to_the_host_that_has_the_videos(make: Make, api: Api) -> None:
    videos(make(), 0)
    sent = {kind: headers.get("Authorization") for kind, _, headers in api.calls}
    assert sent == {"submit": f"Bearer {KEY}", "poll": f"Bearer {KEY}", "video": None}
    videos(make(result__send_key=True), 1)
    assert api.calls[-1][0] == "video"
    assert api.calls[-1][2].get("Authorization") == f"Bearer {KEY}"
    assert not any(KEY in path for _, path, _ in api.calls)


def test_the_key_does_not_follow_a_redirect_to_another_host(make: Make, api: Api) -> None:
    api.always["poll"] = lambda call: call.answer(302, b"", Location=f"{api.other_url}/moved/{call.handler.path[-5:]}")
    api.always["moved"] = lambda call: call.answer(
        200, {"status": "succeeded", "output": [f"{api.url}/video/{call.handler.path[-5:]}"]}
    )
    videos(make(), 0)
    sent = {kind: headers.get("Authorization") for kind, _, headers in api.calls}
    assert sent == {"submit": f"Bearer {KEY}", "poll": f"Bearer {KEY}", "moved": None, "video": f"Bearer {KEY}"}


def test_a_video_of_another_size_ends_the_sending_after_one_clip(make: Make, api: Api) -> None:
    model = make(num_frames=FRAMES + 1)
    requests = [_longer(seed) for seed in range(6)]
    with pytest.raises(ClipError, match=rf"it returned {FRAMES} frames of 32 x 48 at 8 fps, and my_api.toml states 5"):
        model.generate(requests)
    for request in requests[1:]:
        with pytest.raises(ClipError, match="nothing is sent any more: it returned 4 frames"):
            model.generate([request])
    assert sum(api.paid.values()) == 1


def test_one_odd_video_among_good_ones_is_one_clip_and_several_in_a_row_end_the_sending(make: Make, api: Api) -> None:
    odd = says(200, video_bytes(0, FRAMES - 1))
    model = make(concurrency=1)
    videos(model, 0)
    api.faults["video"].extend([odd, odd])
    with pytest.raises(ClipError, match="it returned 3 frames"):
        videos(model, 1, 2, 3)
    assert sum(api.paid.values()) == 4
    videos(model, 3)
    model = make(concurrency=1)  # what is here already is no news
    with pytest.raises(ClipError, match="it returned 3 frames"):
        videos(model, 1, 2)
    api.faults["video"].extend([odd] * 9)
    with pytest.raises(ClipError, match="it returned 3 frames"):
        videos(model, *range(10, 20))
    with pytest.raises(ClipError, match="nothing is sent any more: it returned 3 frames"):
        videos(model, 19)
    assert sum(api.paid.values()) == 7


def test_a_mistake_in_the_file_costs_one_clip(make: Make, api: Api) -> None:
    for number, changes in enumerate(({"result__video": "output.7"}, {"submit__id": "nr"}), 1):
        model = make(**changes)
        with pytest.raises(ClipError, match="it has no '"):
            videos(model, *range(number, 9))
        with pytest.raises(ClipError, match="nothing is sent any more: the first request that was paid for"):
            videos(model, 8)
        assert sum(api.paid.values()) == number
    videos(make(), *range(1, 9))
    assert set(api.paid.values()) == {1}


def _longer(seed: int):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(ask(seed), num_frames=FRAMES + 1)


def test_a_rate_that_the_container_rounds_is_the_stated_one(make: Make, api: Api) -> None:
    api.always["video"] = lambda call: call.answer(200, video_bytes(0, fps=7.99))
    (video,) = make().generate([ask(0)])
    assert video.fps == FPS


def test_another_size_than_the_stated_one_is_refused_before_anything_is_sent(make: Make, api: Api) -> None:
    from dataclasses import replace

    with pytest.raises(UserError, match="makes 4 frames of 32x48 at 8 fps, as my_api.toml states; asked for were 9 of"):
        make().generate([replace(ask(0), num_frames=9)])
    assert api.calls == []


def test_a_damaged_video_is_downloaded_again_and_then_lost_not_paid_again(make: Make, api: Api) -> None:
    whole = video_bytes(0)
    api.always["video"] = says(200, whole[: len(whole) // 2])
    model = make()
    with pytest.raises(ClipError, match="job job-0: its video cannot be had: the video is .*paid for"):
        videos(model, 0)
    assert api.kinds("video") == 3
    with pytest.raises(ClipError, match="cannot be had"):  # the harness asks again at once: nothing is done again
        videos(model, 0)
    assert api.kinds("video") == 3
    api.always.clear()
    videos(make(), 0)
    assert sum(api.paid.values()) == 1
    assert isinstance(ClipError("x"), UserError)
    assert issubclass(VideoError, UserError)
    assert (HEIGHT, WIDTH) == (32, 48)
