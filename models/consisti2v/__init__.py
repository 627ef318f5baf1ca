"""ConsistI2V (Ren et al., TMLR 07/2024), the reference model: one file per section of the paper.

    unet.py, unet_blocks.py, transformer.py   the inflated U-Net                    Section 3.2
    spatial.py                                first frame in the spatial layers     Section 3.3
    temporal.py, positions.py                 first frame in the temporal layers    Section 3.4, Appendix A.1
    noise.py                                  correlated initial noise              Appendix A.1
    frameinit.py                              FrameInit                             Section 3.5
    camera.py, long_video.py                  camera motion, long videos            Section 5.5
    pipeline.py, denoise.py, sampling.py      sampling and its settings             Section 5.1
    adapter.py                                the harness
    cost.py, figures.py                       Table 3's cost, Figures 4, 6 and 7    Section 5.4
    checkpoint.py                             the published files
    tiny/                                     the small networks that come with i2vbench
    training/                                 Section 5.1, Appendix A.2

What is matched is the published implementation (TIGER-AI-Lab/ConsistI2V) that the published checkpoint was trained
with; where it and the paper disagree, docs/consisti2v.md says which of the two this is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i2vbench.models.consisti2v.pipeline import ConsistI2VPipeline
    from i2vbench.models.consisti2v.unet import ConsistI2VUNet

__all__ = ["ConsistI2VPipeline", "ConsistI2VUNet"]

_MODULES = {"ConsistI2VPipeline": "pipeline", "ConsistI2VUNet": "unet"}


def __getattr__(name: str) -> Any:
    # torch and diffusers take seconds to import, and the command line needs only the settings beside them.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
