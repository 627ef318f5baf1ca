"""What kinds of recorded cases there are, and who checks each.

A kind is a function from a `Case` to the `Check`s of everything the case records. To add one: a module here, and a line
in `KINDS`. Modules are imported when a case of theirs is run.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable

from tests.reference.cases import Case, CaseError
from tests.reference.compare import Check

Kind = Callable[[Case], Iterable[Check]]

KINDS: dict[str, str | Kind] = {
    "clipsim": "clipsim:clipsim",
    "consisti2v/unet_forward": "consisti2v.unet:unet_forward",
    "consisti2v/frameinit": "consisti2v.parts:frameinit",
    "consisti2v/frameinit_step": "consisti2v.parts:frameinit_step",
    "consisti2v/initial_noise": "consisti2v.parts:noise",
    "consisti2v/ddim": "consisti2v.parts:ddim",
    "consisti2v/preprocess": "consisti2v.parts:preprocessing",
    "consisti2v/pipeline": "consisti2v.sampling:pipeline",
    "consisti2v/autoregressive_pipeline": "consisti2v.sampling:pipeline",
    "consisti2v/training_step": "consisti2v.training:training",
    "i3d": "feature_networks:i3d",
    "c3d": "feature_networks:c3d",
    "inception_fid": "feature_networks:inception_fid",
    "frechet": "frechet:frechet",
    "dino_vitb16": "dino:dino",
    "clip_vit_b32": "dino:clip_vit_b32",
    "vbench/background_consistency": "dino:background_consistency",
    "vbench/subject_consistency": "dino:subject_consistency",
    "viclip": "viclip:viclip",
    "vbench/overall_consistency": "viclip:overall_consistency",
    "vbench/temporal_flickering": "flickering:temporal_flickering",
    "amt_s": "amt:amt_s",
    "vbench/motion_smoothness": "amt:motion_smoothness",
    "raft": "raft:raft",
    "vbench/dynamic_degree": "raft:dynamic_degree",
    "vbench/rules": "rules:rules",
    "grit/backbone": "grit:backbone",
    "grit/proposals": "grit:proposals",
    "grit/roi": "grit:roi",
    "grit/text": "grit:text",
    "grit/e2e": "grit:e2e",
    "grit/e2e-densecap": "grit:e2e",
    "tag2text/swin": "tag2text:swin",
    "tag2text/tagging": "tag2text:tagging",
    "tag2text/tagenc": "tag2text:tagenc",
    "tag2text/caption": "tag2text:caption",
    "tag2text/scene": "tag2text:scene",
}
"""Folder, and the sidecar's kind, component or metric where it has one -> function, or module below here and name."""


def find_kind(case: Case) -> Kind:
    """The function that checks a case.

    Raises:
        CaseError: The kind is unknown.
    """
    entry = KINDS.get(case.kind)
    if entry is None:
        known = ", ".join(kind for kind in KINDS if kind.split("/")[0] == case.folder) or "none"
        raise CaseError(f"kind {case.kind or '(none)'} is unknown; known in folder {case.folder or '.'}: {known}")
    if callable(entry):
        return entry
    module, name = entry.split(":")
    kind: Kind = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    return kind
