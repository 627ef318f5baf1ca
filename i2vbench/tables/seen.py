"""What a metric saw in single frames of a clip (boxes with names, captions), as the page draws it over the video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from i2vbench.texts import clean


def seen_frames(details: Mapping[str, Any]) -> dict[str, Any] | None:
    """The frames that were looked at; None if the details are of no such metric, or not as one writes them.

    Returns:
        `size` (height, width) that boxes are in pixels of, the clip's `fps`, and `frames`: each with its place in the
        clip as `frame` and `seconds`, whether it is a `hit`, the `boxes` as [name, left, top, right, bottom, does it
        count], and its `text`.
    """
    try:
        hits = details["succeeded"][details["rule"]]
        wanted = set(details.get("counted_names", ()))
        sources = details.get("counted_from") or range(len(hits))
        frames = []
        for place, index in enumerate(details["frame_indices"]):
            boxes = [_box(found, wanted) for found in details["objects"][place]] if "objects" in details else []
            text = _listing(boxes) if "objects" in details else _told(details, place, sources[place])
            seconds = (index + 0.5) / details["fps"]  # amid the frame, where no rounding shows its neighbour
            frames.append(
                {"frame": int(index), "seconds": seconds, "hit": bool(hits[place]), "boxes": boxes, "text": text}
            )
        height, width = map(int, details["frame_size"])
        fps = float(details["fps"])
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
        return None  # a run's folder may be somebody else's
    return {"size": [height, width], "fps": fps, "frames": frames} if frames else None


def _box(found: Mapping[str, Any], wanted: set[str]) -> list[Any]:
    name = str(found["name"])
    return [clean(name), *(float(side) for side in found["box"]), name in wanted]


def _listing(boxes: Sequence[Sequence[Any]]) -> str:
    return ", ".join(box[0] or "(no name)" for box in boxes) or "no object"


def _told(details: Mapping[str, Any], place: int, source: int) -> str:
    text = clean(str(details["captions"][source])) or "(no caption)"
    return text if source == place else f"{text} (of frame {details['frame_indices'][source]})"
