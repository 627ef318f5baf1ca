"""Object and scene consistency: in how many frames of a clip what was asked for is seen (Appendix C; Tables 10, 11).

Matches VBench 0.1.5, `object_class` and `scene` (commit 45e79ec), given what the networks say of each frame; the two
metrics are still to come.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def object_successes(word: str, names_per_frame: Sequence[Collection[str]]) -> int:
    """Frames of which one name is the word exactly: "dog" is neither "a dog", "dogs", "Dog" nor "hot dog"."""
    return sum(word in set(names) for names in names_per_frame)


def scene_successes(words: str, captions: Sequence[str]) -> int:
    """Captions that hold every word, divided at single blanks, as part of one: "sky" is found in "skyscraper"."""
    return sum(all(word in caption for word in words.split(" ")) for caption in captions)
