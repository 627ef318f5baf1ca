"""What the networks see in a clip's frames, counted, and the words and the caption that it suggests."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from i2vbench.metrics.frame_success import tells_scene
from i2vbench.parsing import parse_json
from i2vbench.types import Video

_SHORT = (
    "a an and are as at be by for from has in into is it its near next of on or over that the their there to up with"
)
_NO_SCENE = frozenset([*_SHORT.split(), "picture", "close", "view", "photo", "image", "video", "two", "three"])


@dataclass(frozen=True, slots=True)
class Seen:
    """A text, and in how many of the frames it was seen."""

    text: str
    frames: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was seen in a clip; most frequent first.

    Attributes:
        frames: How many were looked at: 16, where the metrics take so many.
        objects: The detector's names.
        captions: Of whole frames.
        tags: What the captions were made with.
        faults: Why frames could not be looked at.
    """

    frames: int
    objects: tuple[Seen, ...] = ()
    captions: tuple[Seen, ...] = ()
    tags: tuple[Seen, ...] = ()
    faults: tuple[Seen, ...] = ()

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Proposal:
        """Raises: ValueError, TypeError, KeyError for anything but what `as_json` makes."""
        data: dict[str, Any] = parse_json(text)
        frames = data.pop("frames")
        return cls(frames, **{name: tuple(Seen(**seen) for seen in found) for name, found in data.items()})

    def seen_object(self, word: str) -> int:
        """In how many frames the detector wrote exactly this name."""
        return next((seen.frames for seen in self.objects if seen.text == word), 0)

    def seen_scene(self, scene: str) -> int:
        """In how many frames' captions every word stands, be it inside of another one."""
        return sum(seen.frames for seen in self.captions if scene and tells_scene(scene, seen.text))

    def scene_words(self) -> list[Seen]:
        """Words of the captions, and tags that stand in one; those in most captions first, and tags before words."""
        tags = [seen.text for seen in self.tags]
        words = [word for seen in self.captions for word in re.findall(r"[^\W\d_]+", seen.text)]
        found = [Seen(text, self.seen_scene(text)) for text in dict.fromkeys([*tags, *words]) if text not in _NO_SCENE]
        return sorted((seen for seen in found if seen.frames), key=lambda seen: (-seen.frames, seen.text not in tags))

    def first_caption(self) -> str:
        """The prompt that is proposed: the caption of most frames, or ""."""
        return self.captions[0].text if self.captions else ""

    def first_object(self) -> str:
        """The word that is proposed: the name seen in most frames, or ""."""
        return self.objects[0].text if self.objects else ""

    def first_scene(self) -> str:
        """The word that is proposed: of the tags in the captions the most frequent one that names no object, or ""."""
        things, tags = {seen.text for seen in self.objects}, {seen.text for seen in self.tags}
        return next((s.text for s in self.scene_words() if s.text in tags and s.text not in things), "")


class Proposer(Protocol):
    """What looks at clips.

    Attributes:
        identity: Names all that decides its proposals; those of another identity are made anew.
    """

    identity: str

    def load(self) -> None:
        """Bring the networks into memory; called once, before `propose`."""

    def propose(self, video: Video) -> Proposal:
        """What is seen in a clip that was brought to the protocol, or in a picture, a clip of one frame."""


def count(frames: Iterable[Iterable[str]]) -> tuple[Seen, ...]:
    """In how many frames each text is; most frequent first, then in the order of their first frame."""
    counted = Counter(text for texts in frames for text in dict.fromkeys(texts) if text)
    return tuple(Seen(text, frames) for text, frames in counted.most_common())


class ObjectsSeen(Protocol):
    """What the object metric's `look` says of one frame."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def fault(self) -> str: ...


class SceneSeen(Protocol):
    """What the scene metric's `look` says of one frame."""

    @property
    def text(self) -> str: ...
    @property
    def tags(self) -> Sequence[str]: ...
    @property
    def fault(self) -> str: ...


def summarise(objects: Sequence[ObjectsSeen], scenes: Sequence[SceneSeen]) -> Proposal:
    """A clip's proposal, of what was seen in each of its frames."""
    faults = [*(f"objects: {s.fault}" for s in objects if s.fault), *(f"scene: {s.fault}" for s in scenes if s.fault)]
    return Proposal(
        frames=max(len(objects), len(scenes)),
        objects=count(seen.names for seen in objects if not seen.fault),
        captions=count([seen.text] for seen in scenes if not seen.fault),
        tags=count(seen.tags for seen in scenes if not seen.fault),
        faults=count([fault] for fault in faults),
    )
