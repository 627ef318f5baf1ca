"""BERT's word pieces (bert-base-uncased), which GRiT and Tag2Text read and write.

bert_vocab.txt is the published vocabulary: 30,522 lines, a piece's id is its line. Decoding is that of transformers
4.33, with which the published scores were made: the decoder of the tokenizers library cleans up spaces around
apostrophes in another way.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import BertWordPieceTokenizer

VOCAB_FILE = Path(__file__).with_name("bert_vocab.txt")

PAD, UNKNOWN, CLS, SEP, MASK = 0, 100, 101, 102, 103
SPECIAL = frozenset({PAD, UNKNOWN, CLS, SEP, MASK})

NUM_PIECES = 30522

_CLOSED_UP = (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're")
"""What loses its spaces, in this order; of an apostrophe between spaces both go."""


@cache
def pieces() -> tuple[str, ...]:
    """Every piece, by id."""
    return tuple(VOCAB_FILE.read_text(encoding="utf-8").split("\n")[:NUM_PIECES])


def decode(ids: Iterable[int], size: int = NUM_PIECES) -> str:
    """The text of ids: special ones left out, pieces joined, spaces before punctuation closed up.

    Ids past the vocabulary are a network's own special ones. A text that begins with a continuing piece keeps its "##".

    Args:
        size: How many of the pieces the network knows: the first, which are the more frequent ones.
    """
    known = pieces()
    text = " ".join(known[i] for i in ids if i not in SPECIAL and i < size).replace(" ##", "").strip()
    for spaced in _CLOSED_UP:
        text = text.replace(spaced, spaced.strip() if spaced == " ' " else spaced[1:])
    return text


def encode(text: str, size: int = NUM_PIECES) -> list[int]:
    """The ids of a text between `CLS` and `SEP`: lower case, accents taken off, the longest known pieces first.

    Args:
        size: As `decode` takes it; other words are spelled in shorter pieces.
    """
    ids: list[int] = _tokenizer(size).encode(text).ids
    return ids


def as_written(text: str) -> str:
    """How a decoder would write this text, if it is to say it: "Café" as "cafe", "t-shirt" as "t - shirt"."""
    return decode(encode(text))


@cache
def _tokenizer(size: int) -> BertWordPieceTokenizer:
    from tokenizers import BertWordPieceTokenizer

    return BertWordPieceTokenizer({piece: i for i, piece in enumerate(pieces()[:size])}, lowercase=True)
