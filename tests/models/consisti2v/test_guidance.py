"""How the passes of a sampling step come together, and how many chunks a long video has."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.models.consisti2v.guidance import Guidance
from i2vbench.models.consisti2v.long_video import chunks_needed


def predictions(passes: int) -> list[torch.Tensor]:
    return [torch.randn(2, 4, 3, 2, 2, generator=torch.Generator().manual_seed(i)) * (i + 1) for i in range(passes)]


@pytest.mark.parametrize(
    ("guidance", "passes"),
    [(Guidance(1.0), 1), (Guidance(0.5), 1), (Guidance(7.5), 2), (Guidance(7.5, 2.0), 3), (Guidance(0.0, 2.0), 3)],
)
def test_guidance_above_one_takes_a_pass_more(guidance: Guidance, passes: int) -> None:
    assert guidance.passes == passes
    negative, positive = torch.zeros(2, 5, 3), torch.ones(2, 5, 3)
    assert guidance.repeat_text(negative, positive)[:, 0, 0].tolist() == [0.0] * 2 * (passes - 1) + [1.0] * 2
    shown = guidance.repeat_first_frame(torch.ones(2, 4, 1, 2, 2), torch.zeros(2, 4, 1, 2, 2))
    assert shown[:, 0, 0, 0, 0].tolist() == ([0.0] * 2 if passes == 3 else [1.0] * 2) + [1.0] * 2 * (passes - 1)


def test_passes_are_weighed_as_the_published_code_does() -> None:
    nothing, image, both = predictions(3)
    assert torch.equal(Guidance(1.0).combine(both), both)
    two, three = torch.cat((nothing, both)), torch.cat((nothing, image, both))
    torch.testing.assert_close(Guidance(7.5).combine(two), nothing + 7.5 * (both - nothing))
    expected = nothing + 2 * (image - nothing) + 7.5 * (both - image)
    torch.testing.assert_close(Guidance(7.5, 2.0).combine(three), expected)


@pytest.mark.parametrize("image", [1.0, 2.0])
def test_rescaling_brings_each_clip_to_the_deviation_with_text(image: float) -> None:
    parts = predictions(3 if image > 1 else 2)
    whole = torch.cat(parts)
    plain, full = (Guidance(7.5, image, share).combine(whole) for share in (0.0, 1.0))
    for clip in range(2):
        assert full[clip].std().item() == pytest.approx(parts[-1][clip].std().item(), rel=1e-4)
        torch.testing.assert_close(full[clip] / full[clip].std(), plain[clip] / plain[clip].std())
    torch.testing.assert_close(Guidance(7.5, image, 0.3).combine(whole), 0.3 * full + 0.7 * plain)


@given(st.integers(2, 500), st.integers(2, 40))
def test_chunks_are_as_many_as_needed_and_no_more(num_frames: int, chunk_frames: int) -> None:
    chunks = chunks_needed(num_frames, chunk_frames)
    assert (chunks - 1) * (chunk_frames - 1) + 1 < num_frames <= chunks * (chunk_frames - 1) + 1


def test_the_papers_long_videos() -> None:
    assert [chunks_needed(n, 16) for n in (2, 16, 17, 31, 32, 61, 62)] == [1, 1, 2, 2, 3, 4, 5]
