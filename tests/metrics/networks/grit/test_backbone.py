"""GRiT's shortcuts around its backbone change no result."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import Resize

from i2vbench.metrics.networks import grit
from i2vbench.metrics.networks.grit.backbone import Attention, relative
from tests.metrics.networks.grit.small import SMALL, assert_same, drawn, frames, network, state


class TestShrinking:
    @pytest.mark.parametrize(("height", "width"), [(769, 800), (1080, 1920), (1300, 1079), (1100, 769)])
    def test_large_frames_are_resized_as_torchvision_does(self, height: int, width: int) -> None:
        large = frames()[:2].repeat(1, 1, height // 70 + 1, width // 90 + 1)[..., :height, :width]
        scale = 720.0 / min(height, width)
        expected = Resize((int(scale * height), int(scale * width)))(large.float())
        torch.testing.assert_close(grit.shrink(large), expected, rtol=0, atol=1e-3)

    def test_others_stay_as_they_are(self) -> None:
        large = torch.zeros(1, 3, 768, 2000, dtype=torch.uint8)
        assert grit.shrink(large) is large


class TestBackbone:
    @pytest.mark.parametrize("window", [0, 3])
    @pytest.mark.parametrize("size", [(3, 3), (6, 3), (4, 4), (2, 7), (8, 5)])
    def test_attention_is_that_of_padded_windows_with_a_table_of_logits(
        self, window: int, size: tuple[int, int]
    ) -> None:
        attention = Attention(SMALL, window).requires_grad_(False)
        for seed, parameter in enumerate(attention.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=seed) * 0.3)
        x = drawn(2, *size, SMALL.width)
        torch.testing.assert_close(attention(x), published_attention(attention, x), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(("rows", "size"), [(7, 4), (7, 9), (13, 3), (127, 16)])
    def test_a_table_of_relative_positions_is_resized_linearly(self, rows: int, size: int) -> None:
        table = drawn(rows, 5)
        wanted = 2 * size - 1
        places = (np.arange(wanted) + 0.5) * rows / wanted - 0.5
        columns = [np.interp(places, np.arange(rows), column) for column in table.T.numpy()]
        resized = torch.from_numpy(np.stack(columns, axis=1)).float()
        expected = torch.stack([torch.stack([resized[i - j + size - 1] for j in range(size)]) for i in range(size)])
        torch.testing.assert_close(relative(table, size), expected, rtol=0, atol=1e-4)

    def test_positions_are_the_tables_own_at_224_pixels_and_kept(self) -> None:
        vit = network().backbone.bottom_up
        table = vit._positions(14, 14)
        assert torch.equal(table[0].flatten(0, 1), vit.pos_embed[0, 1:])
        assert vit._positions(14, 14) is table
        assert vit._positions(6, 5).shape == (1, 6, 5, SMALL.width)

    def test_what_is_kept_of_one_size_does_not_serve_another(self) -> None:
        small, large = frames()[:1, :, :40], frames()[:1]
        expected = [grit.load(state(), SMALL).detect(x)[0] for x in (small, large)]
        for i in (0, 1, 0, 1):
            assert_same(network().detect((small, large)[i])[0], expected[i])


def published_attention(attention: Attention, x: Tensor) -> Tensor:
    """ViTDet's, with windows padded before the layer of queries, keys and values, and L x L logits."""
    height, width = x.shape[1:3]
    high, wide = (attention.window, attention.window) if attention.window else (height, width)
    x = F.pad(x, (0, 0, 0, -width % wide, 0, -height % high))
    tall, broad = x.shape[1:3]
    seen = torch.zeros_like(x)
    down, across = relative(attention.rel_pos_h, high), relative(attention.rel_pos_w, wide)
    for top in range(0, tall, high):
        for left in range(0, broad, wide):
            window = x[:, top : top + high, left : left + wide]
            query, key, value = attention.qkv(window).unflatten(-1, (3, attention.heads, -1)).unbind(3)
            logits = torch.einsum("nabhd,nijhd->nhabij", query, key) / math.sqrt(query.shape[-1])
            logits += torch.einsum("nabhd,aid->nhabi", query, down)[..., None]
            logits += torch.einsum("nabhd,bjd->nhabj", query, across)[..., None, :]
            shares = logits.flatten(-2).softmax(-1).view_as(logits)
            mixed = torch.einsum("nhabij,nijhd->nabhd", shares, value).flatten(3)
            seen[:, top : top + high, left : left + wide] = mixed
    result: Tensor = attention.proj(seen[:, :height, :width])
    return result
