"""One person's work on one folder: its clips, their words as they are on disk, and what is decided about them.

Clips go by their position among those chosen at the start, so nothing that a browser sends is ever used as a name.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from i2vbench.annotate import rules
from i2vbench.annotate.background import Background, Proposed, contents
from i2vbench.annotate.previews import frame_preview, video_preview
from i2vbench.annotate.proposals import Proposal, Seen
from i2vbench.annotate.store import Store
from i2vbench.datasets.metadata import METADATA, read_folder
from i2vbench.datasets.words import Words, save_words
from i2vbench.errors import UserError
from i2vbench.profiles import Protocol
from i2vbench.types import Sample

State = Literal["left", "annotated", "rejected"]
"""left: no words and nothing decided; annotated: there are words, whoever wrote them; rejected: none, on purpose."""

_MOST_CHIPS = 12


class Session:
    """What the page asks for and does; safe to use from several threads.

    Args:
        folder: Of the metadata.csv.
        samples: The clips chosen.
        store: Proposals and rejections.
        background: Proposes.
        protocol: What models are shown first frames by.
        warn: What is wrong with a sample's words by what the networks can write at all, or "".
    """

    def __init__(
        self,
        folder: Path,
        samples: Sequence[Sample],
        store: Store,
        background: Callable[[Callable[[int], bool]], Background],
        protocol: Protocol,
        warn: Callable[[Sample], str],
    ) -> None:
        self.samples = samples
        self.decided: dict[str, State] = {}
        self._folder, self._store, self._protocol, self._warn = folder, store, protocol, warn
        self._lock = threading.RLock()
        self._words: Mapping[str, Words] = {sample.id: Words.of(sample) for sample in samples}
        self._stamp = self._table_stamp()
        self._trouble = ""  # with the table on disk
        self._rejected = _still_rejected(samples, store)
        self.background = background(lambda index: self.state(index) == "left")

    def state(self, index: int) -> State:
        id_ = self.samples[index].id
        if self._words.get(id_, Words()) != Words():
            return "annotated"
        return "rejected" if id_ in self._rejected else "left"

    def count(self, state: State) -> int:
        return sum(self.state(index) == state for index in range(len(self.samples)))

    # -- what the page shows ------------------------------------------------------------------------------------

    def overview(self) -> dict[str, Any]:
        """All clips in short."""
        self._refresh()
        return {
            "clips": [
                {
                    "id": sample.id,
                    "category": sample.category,
                    "is_video": sample.reference is not None,
                    "state": self.state(index),
                }
                for index, sample in enumerate(self.samples)
            ],
            **self._common(),
        }

    def clip(self, index: int) -> dict[str, Any]:
        """One clip, with its proposal as far as it is."""
        self._refresh()
        sample, words = self.samples[index], self._words_of(index)
        clip = sample.reference
        return {
            "index": index,
            "id": sample.id,
            "category": sample.category,
            "prompt": sample.prompt,
            "file": sample.first_frame.path.name,
            "section": [clip.start, clip.end] if clip and (clip.start or clip.end is not None) else None,
            "is_video": clip is not None,
            "state": self.state(index),
            "objects": list(words.objects),
            "scene": words.scene,
            "proposal": self._proposal(sample, self.background.look_at(index)),
            **self._common(),
        }

    def check(self, index: int, objects: str, scene: str) -> dict[str, Any]:
        """What is to be said of words before they are saved."""
        try:
            words = rules.parse_words(objects, scene)
        except rules.RefusedWords as error:
            return {"fault": str(error), "objects": [], "scene": []}
        sample, seen = self.samples[index], self.background.look_at(index).proposal
        lines = [self._about_object(sample, word, seen) for word in words.objects]
        if len(words.objects) > 1:
            lines.append(("", "the paper's protocol takes one object word a clip"))
        scene_lines = [self._about_scene(sample, words.scene, seen)] if words.scene else []
        return {"fault": "", "objects": _lines(lines), "scene": _lines(scene_lines)}

    def video(self, index: int) -> bytes:
        """See `video_preview`."""
        return video_preview(self.samples[index])

    def frame(self, index: int) -> bytes:
        """See `frame_preview`."""
        return frame_preview(self.samples[index], self._protocol)

    # -- what a person decides ----------------------------------------------------------------------------------

    def annotate(self, index: int, objects: str, scene: str, before: Words) -> None:
        """Write words into metadata.csv; on return they are on the disk.

        Args:
            index: The clip.
            objects: As typed, separated by ";".
            scene: As typed.
            before: The clip's words as the page showed them.

        Raises:
            RefusedWords: What was typed cannot be taken.
            UserError: `Conflict`, or the rejection that is undone by this cannot be deleted.
            OSError: metadata.csv cannot be written.
        """
        words = rules.parse_words(objects, scene)
        if words == Words():
            raise rules.RefusedWords("there is no word to save; reject the clip, or skip it")
        with self._lock:
            self._save(index, before, words)
            self._settle(index, "annotated")

    def reject(self, index: int, before: Words) -> None:
        """Leave the clip without words, and do not ask again. Raises: as `annotate`."""
        with self._lock:
            self._save(index, before, Words())
            self._settle(index, "rejected")

    def clear(self, index: int, before: Words) -> None:
        """Make the clip one that is left. Raises: as `annotate`."""
        with self._lock:
            self._save(index, before, Words())
            self._settle(index, "left")

    # -- inside -------------------------------------------------------------------------------------------------

    def _save(self, index: int, before: Words, after: Words) -> None:
        sample = self.samples[index]
        try:
            save_words(self._folder, sample, before, after)
        finally:
            self._refresh()

    def _settle(self, index: int, state: State) -> None:
        """Record what metadata.csv cannot say."""
        sample = self.samples[index]
        if state == "rejected":
            self._store.reject(sample.id, contents(sample))
            self._rejected = self._rejected | {sample.id}
        else:
            self._store.unreject(sample.id)
            self._rejected = self._rejected - {sample.id}
        if state == "left":
            self.decided.pop(sample.id, None)
        else:
            self.decided[sample.id] = state

    def _refresh(self) -> None:
        """Take over what other programs have written into metadata.csv; while it is faulty, the former stays."""
        with self._lock:
            stamp = self._table_stamp()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                rows, faults, _ = read_folder(self._folder)
            except UserError as error:
                self._trouble = str(error)
                return
            self._trouble = f"{METADATA} is not valid any more: {faults[0]}" if faults else ""
            if not faults:
                self._words = {row.sample.id: Words.of(row.sample) for row in rows}

    def _table_stamp(self) -> tuple[int, ...]:
        try:
            facts = os.stat(self._folder / METADATA)
        except OSError:
            return ()
        return facts.st_mtime_ns, facts.st_size, facts.st_ino

    def _words_of(self, index: int) -> Words:
        return self._words.get(self.samples[index].id, Words())

    def _common(self) -> dict[str, Any]:
        return {"trouble": self._trouble, "proposed": self.background.num_done}

    def _proposal(self, sample: Sample, proposed: Proposed) -> dict[str, Any]:
        """A proposal as the page draws it."""
        seen = proposed.proposal
        if seen is None:
            return {"state": proposed.state, "reason": proposed.reason}
        return {
            "state": "done",
            "frames": seen.frames,
            "first": {"objects": seen.first_object(), "scene": seen.first_scene()},
            "objects": [self._chip(s, self._about_object(sample, s.text, None)) for s in seen.objects[:_MOST_CHIPS]],
            "scene": [self._chip(s, self._about_scene(sample, s.text, None)) for s in seen.scene_words()[:_MOST_CHIPS]],
            "captions": [self._chip(s, ("", "")) for s in seen.captions],
            "faults": [self._chip(s, ("", "")) for s in seen.faults],
        }

    def _chip(self, seen: Seen, about: tuple[str, str]) -> dict[str, Any]:
        return {"text": seen.text, "frames": seen.frames, "warning": about[0]}

    def _about_object(self, sample: Sample, word: str, seen: Proposal | None) -> tuple[str, str]:
        """(warning, note) of one object word."""
        warning = self._warn(replace(sample, objects=(word,), scene=""))
        note = f"'{word}' was seen in {seen.seen_object(word)} of {seen.frames} frames" if seen else ""
        return warning, note

    def _about_scene(self, sample: Sample, scene: str, seen: Proposal | None) -> tuple[str, str]:
        """(warning, note) of the scene words."""
        warning = self._warn(replace(sample, objects=(), scene=scene))
        what = "all words stand" if " " in scene else f"'{scene}' stands"
        note = f"{what} in the captions of {seen.seen_scene(scene)} of {seen.frames} frames" if seen else ""
        return warning, note


def _lines(found: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """(warning, note) as the page shows them: the note, unless there is a warning."""
    return [{"text": warning or note, "bad": bool(warning)} for warning, note in found if warning or note]


def _still_rejected(samples: Sequence[Sample], store: Store) -> frozenset[str]:
    """Ids of clips that were rejected and show the same since."""
    clips = store.rejections()
    return frozenset(s.id for s in samples if s.id in clips and contents(s) == clips[s.id])
