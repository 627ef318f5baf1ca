"""Pipelines in the layout of the diffusers library: which files one is made of, and which are here.

    model_index.json            the pipeline's class, and library and class of every part
    PART/config.json, ...       what a part is
    PART/*.safetensors          its weights, of one variant ("" or such as "fp16"), whole or in shards

Nothing is run that comes with a pipeline: weights are safetensors alone, parts are classes of diffusers and
transformers, and a folder that holds program code is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from i2vbench.errors import UserError
from i2vbench.parsing import parse_json

INDEX = "model_index.json"
PREFIX = "diffusers:"
"""Before the name of a pipeline, where checkpoints of all kinds are named."""

_LONGEST_NAME = 80
"""Of a part, which is the name of its folder."""

_TEXTS = frozenset({".json", ".txt", ".model", ".jinja", ".tiktoken"})
_WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|model)(?:\.(?P<variant>\w+))?(?:-(?P<shard>\d{5})-of-(?P<shards>\d{5}))?\.safetensors"
)
_SHARD_LIST = re.compile(r"(?:diffusion_pytorch_model|model)\.safetensors\.index(?:\.(?P<variant>\w+))?\.json")
_PICKLED = re.compile(r"(?:diffusion_pytorch_model|pytorch_model)\b.*\.bin")
_WITHOUT_WEIGHTS = re.compile(r".*(Tokenizer(Fast)?|Processor(Fast)?|Extractor|Scheduler|Guidance)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What is wanted of one folder or repository.

    Attributes:
        name: A folder, or OWNER/REPO[@REVISION].
        parts: (folder in it, library, class) of each part that is wanted; None takes those of its `model_index.json`.
        only: Of these, the ones that are wanted; None takes all.
    """

    name: str
    parts: Mapping[str, tuple[str, str, str]] | None = None
    only: frozenset[str] | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """What is needed before it is known what else is."""
        return (INDEX,) if self.parts is None else ()

    def index(self, folder: Path) -> Index:
        """What the pipeline has of it.

        Raises:
            UserError: It is not safe to load, or its `model_index.json` is missing or malformed.
        """
        if self.parts is None:
            index = read_index(folder, self.name)
            wanted = {part: what for part, what in index.parts.items() if self.only is None or part in self.only}
            return replace(index, parts=wanted)
        index = Index(
            self.name,
            "",
            {part: (library, cls) for part, (_, library, cls) in self.parts.items()},
            folders={part: inside for part, (inside, _, _) in self.parts.items()},
        )
        _refuse_code(folder, index)
        return index


@dataclass(frozen=True, slots=True)
class Index:
    """What `model_index.json` says.

    Attributes:
        name: The pipeline's name or folder, for messages.
        cls: The pipeline's class.
        parts: (library, class) of every part that it has.
        config: Its plain settings.
        folders: Where a part lies that is not in a folder of its name.
    """

    name: str
    cls: str
    parts: Mapping[str, tuple[str, str]]
    config: Mapping[str, Any] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)

    def path(self, part: str, file: str) -> str:
        """Where a file of a part lies."""
        folder = self.folders.get(part, part)
        return f"{folder}/{file}" if folder else file

    def weighty(self) -> list[str]:
        """The parts that have weights."""
        return [part for part, (_, cls) in self.parts.items() if not _WITHOUT_WEIGHTS.fullmatch(cls)]


def read_index(folder: Path, name: str = "") -> Index:
    """What a folder's `model_index.json` says, of parts that are safe to load.

    Raises:
        UserError: It is missing or malformed, names code that is in neither library, or the folder holds code.
    """
    name = name or str(folder)
    data = read_json(folder / INDEX, f"pipeline {name}")
    cls = data.pop("_class_name", None)
    parts, config = {}, {}
    for key, value in data.items():
        if key.startswith("_"):
            continue
        if isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value):
            parts[key] = (value[0], value[1])
        elif value != [None, None]:
            config[key] = value
    index = Index(name, cls if isinstance(cls, str) and cls else "?", parts, config)
    _refuse_code(folder, index)
    return index


def _refuse_code(folder: Path, index: Index) -> None:
    if index.cls and not index.cls.isidentifier():
        raise UserError(
            f"pipeline {index.name}: its {INDEX} names no class of the diffusers library; pipelines that bring their "
            "own code are not run"
        )
    for part, (library, cls) in index.parts.items():
        if not (
            part.isidentifier() and len(part) <= _LONGEST_NAME and cls.isidentifier() and re.fullmatch(r"\w+", library)
        ):
            raise UserError(
                f"pipeline {index.name}: part {part} is {library}.{cls}, which is not of diffusers or transformers; "
                "code that comes with a checkpoint is not run"
            )
        about = folder / index.path(part, "config.json")
        if cls.startswith("Auto") and about.is_file() and "auto_map" in read_json(about, f"pipeline {index.name}"):
            raise UserError(f"pipeline {index.name}: part {part} brings its own code (auto_map), which is not run")
    places = {folder, *((folder / index.path(part, "_")).parent for part in index.parts)}
    code = sorted(path for place in places for path in place.glob("*.py"))
    if code:
        raise UserError(
            f"pipeline {index.name} holds program code ({code[0].relative_to(folder).as_posix()}), which is never run: "
            "name a copy without it"
        )


def read_json(path: Path, what: str) -> dict[str, Any]:
    """A JSON object in a file of a pipeline.

    Raises:
        UserError: It is missing or no JSON object.
    """
    try:
        data = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{what}: there is no {path.name} in {path.parent}; expected a folder that a pipeline of diffusers was "
            "saved to"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"{what}: {path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise UserError(f"{what}: {path}: expected a JSON object, got {type(data).__name__}")
    return data


def read_configs(folder: Path, index: Index) -> dict[str, dict[str, Any]]:
    """The configuration of every part that has one, by part."""
    found = {}
    for part in index.parts:
        for name in ("config.json", "scheduler_config.json", "guider_config.json"):
            path = folder / index.path(part, name)
            if path.is_file():
                found[part] = read_json(path, f"pipeline {index.name}")
                break
    return found


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a pipeline, by their path in it.

    Attributes:
        variant: What its weights are called by, "" or such as "fp16", where a part has no plain ones.
        variants: The same of every part that has weights.
        texts: Configurations, tokenizers, lists of shards.
        weights: Safetensors.
        lacking: What is not there, by name.
    """

    variant: str
    variants: Mapping[str, str]
    texts: tuple[str, ...]
    weights: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.texts, *self.weights)


def files_of(index: Index, names: Collection[str]) -> Files:
    """Which of the files of a folder or repository the pipeline is made of.

    Args:
        index: The pipeline.
        names: Every file, by its path in it, with /.

    Raises:
        UserError: A part has pickled weights alone, or the parts have no variant in common.
    """
    by_part = {
        part: [name.removeprefix(index.path(part, "")) for name in names if name.startswith(index.path(part, ""))]
        for part in index.parts
    }
    groups = {part: _whole_variants(by_part[part]) for part in index.weighty()}
    variant = _common_variant(index, groups)
    needed = [INDEX] if index.cls else []
    variants, texts, weights, lacking = {}, needed, [], [name for name in needed if name not in names]
    for part, inside in by_part.items():
        own = "" if variant not in groups.get(part, {}) else variant
        found = [name for name in inside if _is_text(name, own)]
        texts += [index.path(part, name) for name in found]
        if part in groups:
            variants[part] = own
            whole = groups[part].get(own, [])
            if not whole and any(_PICKLED.fullmatch(name) for name in inside):
                raise UserError(
                    f"pipeline {index.name}: the weights of {part} are pickled (.bin), which can run code; expected "
                    "safetensors: convert them, or name another repository"
                )
            weights += [index.path(part, name) for name in whole]
            lacking += [] if whole else [index.path(part, "*.safetensors")]
        if not found:
            lacking.append(index.path(part, "*.json"))
    return Files(variant, variants, tuple(sorted(texts)), tuple(sorted(weights)), tuple(lacking))


def _is_text(name: str, variant: str) -> bool:
    """Whether a part's file is read beside its weights of this variant."""
    shards = _SHARD_LIST.fullmatch(name)
    return "/" not in name and Path(name).suffix in _TEXTS and (not shards or (shards["variant"] or "") == variant)


def _whole_variants(names: Iterable[str]) -> dict[str, list[str]]:
    """The files of every variant of one part's weights that is there whole."""
    single: dict[str, list[str]] = {}
    sharded: dict[str, list[str]] = {}
    whole: dict[str, list[str]] = {}
    for name in sorted(names):
        match = _WEIGHTS.fullmatch(name)
        if not match:
            continue
        variant = match["variant"] or ""
        if match["shards"] is None:
            single.setdefault(variant, []).append(name)
            continue
        shards = sharded.setdefault(variant, [])
        shards.append(name)
        if len(shards) == int(match["shards"]):
            whole[variant] = shards
    return single | whole  # where both are there, the shards are read


def _common_variant(index: Index, groups: Mapping[str, Mapping[str, list[str]]]) -> str:
    """The variant that every part without plain weights has; "" if all have plain ones, or one has none at all."""
    others = [set(variants) for variants in groups.values() if variants and "" not in variants]
    if not others:
        return ""
    common = set.intersection(*others)
    if not common:
        raise UserError(f"pipeline {index.name}: its parts' weights are of different variants; expected one for all")
    return "fp16" if "fp16" in common else sorted(common)[0]


def files_in(folder: Path, index: Index) -> Files:
    """Which of the files in a folder the pipeline is made of, and what is lacking."""
    names = [INDEX] if (folder / INDEX).is_file() else []
    for part in index.parts:
        place = (folder / index.path(part, "_")).parent
        names += [index.path(part, path.name) for path in place.glob("*") if path.is_file()]
    return files_of(index, names)
