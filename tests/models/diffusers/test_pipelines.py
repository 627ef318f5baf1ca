"""Every image-to-video pipeline of diffusers goes through the adapter: saved, loaded, and held to the contract."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import numpy as np
import pytest

from i2vbench.adapter.check import check_model
from i2vbench.generate import build_request
from tests.models.diffusers.parts import FPS, PROMPTS, frames_of, make_model, make_samples, picture, protocol_of
from tests.models.diffusers.tiny import TINY, Tiny


@pytest.fixture
def tiny(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    one = TINY[request.param]
    if one.guarded:
        # As if the package cosmos_guardrail were installed, with a checker of no weights that passes everything.
        from tests.models.diffusers.tiny.cosmos import Guardrail

        monkeypatch.setattr(inspect.getmodule(one.cls()), "CosmosSafetyChecker", Guardrail)
    return one


@pytest.mark.parametrize("tiny", TINY, indirect=True)
def test_a_pipeline_keeps_the_contract(tiny: Tiny, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "checkpoint")
    samples, protocol = make_samples(tmp_path), protocol_of(tiny)

    report = check_model(make_model(tiny, folder), samples, protocol)

    assert not report.faults, report
    assert f"returns {tiny.num_frames} frames of {tiny.height} x {tiny.width} at {FPS:g} fps" in report.passed
    assert "another seed gives another video" in report.notes

    model = make_model(tiny, folder)
    model.load("cpu", "float32")
    request = build_request(samples[0], 7, model.info, protocol, "pyav")
    frames = frames_of(model, request)
    model.unload()
    again = make_model(tiny, folder)
    again.load("cpu", "float32")
    assert np.array_equal(frames_of(again, request), frames), "another instance makes another video"
    assert frames.std() > 5, "the video is nearly of one grey: the tiny weights tell nothing"
    other_picture = dataclasses.replace(request, first_frame=picture(5, tiny.height, tiny.width))
    assert not np.array_equal(frames_of(again, other_picture), frames), "the first frame does not reach the pipeline"
    other_prompt = frames_of(again, dataclasses.replace(request, prompt=PROMPTS[1]))
    assert np.array_equal(other_prompt, frames) == (not tiny.prompted), "the prompt does not reach the pipeline"
