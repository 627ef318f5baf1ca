"""Bringing the parts of a pipeline into memory: safetensors alone, no code of its own, every tensor from its file."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.models.diffusers.place import Place, Source
from i2vbench.models.diffusers.quiet import quiet_libraries

_log = logging.getLogger("i2vbench")

_FAULTS = ("missing_keys", "mismatched_keys")
"""Of a network's tensors, as both libraries report them."""


def assemble(cls: Any, place: Place, dtypes: Mapping[str, Any], **options: Any) -> Any:
    """A pipeline in evaluation mode, on the CPU.

    Args:
        cls: Its class.
        place: Its files.
        dtypes: torch's dtype by part, and that of all others under "default".
        options: Further arguments of its `from_pretrained`.

    Raises:
        UserError: It cannot be loaded, or a tensor of it is missing or of another shape.
    """
    folder, variant = place.check_here(), place.variant()
    with quiet_libraries():
        try:
            return cls.from_pretrained(
                folder,
                dtype=dict(dtypes),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                **({"variant": variant} if variant else {}),
                **_parts(place, dtypes),
                **options,
            )
        except (OSError, ValueError, ImportError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            _log.exception("%s: loading failed", place.where)
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise UserError(f"pipeline {place.where} cannot be loaded by {cls.__name__}: {reason}") from error


def _parts(place: Place, dtypes: Mapping[str, Any]) -> dict[str, Any]:
    """All networks, and whatever lies in other repositories than the pipeline's base."""
    import torch

    loaded: dict[str, Any] = {}
    for source in place.sources:
        assert source.index is not None
        for part, (library, name) in source.index.parts.items():
            cls = _class_of(library, name)
            if isinstance(cls, type) and issubclass(cls, torch.nn.Module):
                loaded[part] = _load_network(cls, source, part, dtypes.get(part, dtypes["default"]))
            elif source is not place.sources[0]:
                loaded[part] = cls.from_pretrained(_folder_of(source, part), local_files_only=True)
    return loaded


def _class_of(library: str, name: str) -> Any:
    """A part's class; None where the library calls it otherwise today, which `from_pretrained` knows of."""
    import diffusers

    if library in ("diffusers", "transformers"):
        return getattr(importlib.import_module(library), name, None)
    # A part of one pipeline alone, such as Stable Diffusion's safety checker.
    return getattr(getattr(diffusers.pipelines, library, None), name, None)


def _load_network(cls: Any, source: Source, part: str, dtype: Any) -> Any:
    """A network with every tensor from its file: either library would fill a missing one with noise."""
    variant = source.files().variants[part]  # a part with plain weights alone may stand beside one without
    network, report = cls.from_pretrained(
        _folder_of(source, part),
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        output_loading_info=True,
        **({"variant": variant} if variant else {}),
    )
    faults = [f"{len(report[kind])} {kind.removesuffix('_keys')}" for kind in _FAULTS if report.get(kind)]
    if faults:
        first = next(str(key) for kind in _FAULTS for key in sorted(map(str, report.get(kind) or ())))
        raise UserError(f"pipeline {source.bundle.name}: {part}: tensors {' and '.join(faults)}, such as {first}")
    return network.eval()


def _folder_of(source: Source, part: str) -> Path:
    assert source.folder is not None
    assert source.index is not None
    return (source.folder / source.index.path(part, "_")).parent
