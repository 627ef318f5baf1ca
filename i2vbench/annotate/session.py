"""One person's work on one folder: its clips, their annotations as they are on disk, and what is decided about them.

Clips go by their position among those chosen at the start, so nothing that a browser sends is ever used as a name.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from i2vbench.annotate import rules
from i2vbench.annotate.background import Background
from i2vbench.annotate.previews import frame_preview, video_preview
from i2vbench.annotate.proposals import Proposal, Seen
from i2vbench.annotate.proposing import Proposed, contents
from i2vbench.annotate.store import Store
from i2vbench.datasets.annotations import Annotation, save_annotation
from i2vbench.datasets.metadata import METADATA, read_folder
from i2vbench.errors import UserError
from i2vbench.profiles import Protocol
from i2vbench.types import Sample

State = Literal["left", "annotated", "rejected"]
"""left: there is something to decide; rejected: no words, on purpose; annotated: everything else.

To decide are a prompt that a machine proposed, words or not, and words where there are none and no person has looked at
the prompt either. A rejected clip's prompt stays as it is, proposed too.
"""

_MOST_CHIPS = 12


class _Former(NamedTuple):
    """What a decision was made on, to go back to."""

    annotation: Annotation
    state: State
    decided: State | None


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
        self._annotations: Mapping[str, Annotation] = {}
        self._former: dict[int, _Former] = {}
        self._stamp: tuple[int, ...] | None = None
        self._trouble = ""  # with the table on disk
        self._rejected = _still_rejected(samples, store)
        self._refresh()
        self.background = background(lambda index: self.state(index) == "left")

    def annotation(self, index: int) -> Annotation:
        """As it was last read; of a row that is gone, what the clip was chosen with."""
        sample = self.samples[index]
        found = self._annotations.get(sample.id)
        return Annotation(sample.prompt, sample.objects, sample.scene) if found is None else found

    def state(self, index: int) -> State:
        return self._state(index, self.annotation(index))

    def _state(self, index: int, now: Annotation) -> State:
        if now.has_words:
            return "left" if now.prompt_state == "proposed" else "annotated"
        if self.samples[index].id in self._rejected:
            return "rejected"
        return "annotated" if now.prompt_state == "checked" else "left"

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
                    "has_words": self.annotation(index).has_words,
                }
                for index, sample in enumerate(self.samples)
            ],
            **self._common(),
        }

    def clip(self, index: int) -> dict[str, Any]:
        """One clip, with its proposal as far as it is."""
        self._refresh()
        sample, now = self.samples[index], self.annotation(index)
        clip = sample.reference
        return {
            "index": index,
            "id": sample.id,
            "category": sample.category,
            "file": sample.first_frame.path.name,
            "section": [clip.start, clip.end] if clip and (clip.start or clip.end is not None) else None,
            "is_video": clip is not None,
            "state": self.state(index),
            **now._asdict(),
            "proposal": self._proposal(sample, self.background.look_at(index)),
            **self._common(),
        }

    def check(self, index: int, prompt: str, objects: str, scene: str) -> dict[str, Any]:
        """What is to be said of a prompt and words before they are saved."""
        before = self.annotation(index)
        try:
            wanted = rules.decide(before, prompt, objects, scene)
        except rules.Refused as error:
            return {"fault": str(error), "prompt": [], "objects": [], "scene": []}
        sample, seen = self.samples[index], self.background.look_at(index).proposal
        lines = [self._about_object(sample, word, seen) for word in wanted.objects]
        if len(wanted.objects) > 1:
            lines.append(("", "the paper's protocol takes one object word a clip"))
        scene_lines = [self._about_scene(sample, wanted.scene, seen)] if wanted.scene else []
        prompt_lines = _about_prompt(before, wanted.prompt, seen)
        said = {"prompt": prompt_lines, "objects": lines, "scene": scene_lines}
        return {"fault": "", **{name: _lines(found) for name, found in said.items()}}

    def video(self, index: int) -> bytes:
        """See `video_preview`."""
        return video_preview(self.samples[index])

    def frame(self, index: int) -> bytes:
        """See `frame_preview`."""
        return frame_preview(self.samples[index], self._protocol)

    # -- what a person decides ----------------------------------------------------------------------------------

    def annotate(self, index: int, prompt: str, objects: str, scene: str, before: Annotation) -> None:
        """Write a prompt and words into metadata.csv; on return they are on the disk.

        Args:
            index: The clip.
            prompt: As typed.
            objects: As typed, separated by ";".
            scene: As typed.
            before: The clip's annotation as the page showed it.

        Raises:
            Refused: What was typed cannot be taken.
            UserError: `Conflict`, or the rejection that is undone by this cannot be deleted.
            OSError: metadata.csv cannot be written.
        """
        wanted = rules.decide(before, prompt, objects, scene)
        if not wanted.has_words and wanted.prompt_state != "checked":
            raise rules.Refused("there is no word to save; reject the clip, or skip it")
        self._decide(index, before, wanted, "annotated")

    def reject(self, index: int, before: Annotation) -> None:
        """Leave the clip without words, its prompt as it is, and do not ask again. Raises: as `annotate`."""
        self._decide(index, before, before._replace(objects=(), scene=""), "rejected")

    def undo(self, index: int, before: Annotation) -> None:
        """Go back to what the last decision about the clip was made on. Raises: as `annotate`."""
        with self._lock:
            former = self._former.get(index)
            if former is None:
                raise rules.Refused("there is nothing to undo")
            self._save(index, before, former.annotation)
            self._settle(index, former.state, former.decided)
            del self._former[index]

    # -- inside -------------------------------------------------------------------------------------------------

    def _decide(self, index: int, before: Annotation, after: Annotation, state: State) -> None:
        with self._lock:
            former = _Former(before, self._state(index, before), self.decided.get(self.samples[index].id))
            self._save(index, before, after)
            self._settle(index, state, state)
            self._former[index] = former

    def _save(self, index: int, before: Annotation, after: Annotation) -> None:
        sample = self.samples[index]
        try:
            save_annotation(self._folder, sample, before, after)
        finally:
            self._refresh()

    def _settle(self, index: int, state: State, decided: State | None) -> None:
        """Record what metadata.csv cannot say."""
        sample = self.samples[index]
        if state == "rejected":
            self._store.reject(sample.id, contents(sample))
            self._rejected = self._rejected | {sample.id}
        else:
            self._store.unreject(sample.id)
            self._rejected = self._rejected - {sample.id}
        if decided is None:
            self.decided.pop(sample.id, None)
        else:
            self.decided[sample.id] = decided

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
                self._annotations = {row.sample.id: Annotation.of(row) for row in rows}

    def _table_stamp(self) -> tuple[int, ...]:
        try:
            facts = os.stat(self._folder / METADATA)
        except OSError:
            return ()
        return facts.st_mtime_ns, facts.st_size, facts.st_ino

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


def _about_prompt(before: Annotation, prompt: str, seen: Proposal | None) -> list[tuple[str, str]]:
    """(warning, note) of a prompt; there are no warnings."""
    notes = []
    if before.prompt_state == "proposed" and prompt == before.prompt:
        notes.append("a machine wrote this; accepting says that it is right")
    frames = next((caption.frames for caption in seen.captions if caption.text == prompt), 0) if seen else 0
    if seen and frames:
        notes.append(f"the caption of {frames} of {seen.frames} frames")
    return [("", note) for note in notes]


def _lines(found: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """(warning, note) as the page shows them: the note, unless there is a warning."""
    return [{"text": warning or note, "bad": bool(warning)} for warning, note in found if warning or note]


def _still_rejected(samples: Sequence[Sample], store: Store) -> frozenset[str]:
    """Ids of clips that were rejected and show the same since."""
    clips = store.rejections()
    return frozenset(s.id for s in samples if s.id in clips and contents(s) == clips[s.id])
