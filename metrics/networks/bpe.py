"""CLIP's byte-pair encoding, whole or cut to its first merges."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from open_clip.tokenizer import SimpleTokenizer

VOCABULARY = 49408
"""Of the published networks: 512 bytes, at the end of a word or not, 48,894 merges, the start and the end."""
_BYTES = 512
_SPECIAL = 2


@functools.cache
def tokenizer(vocabulary: int, context_length: int) -> SimpleTokenizer:
    """Open_clip's tokenizer with the first tokens of its vocabulary; the start and the end are the last ids.

    Merges are in the order in which they were learnt, so a smaller vocabulary has any text too, in more tokens.

    Args:
        vocabulary: Number of ids, 514 to 49,408.
        context_length: Ids of a text, the start and the end among them.

    Raises:
        ValueError: Another size of vocabulary.
    """
    from open_clip.tokenizer import SimpleTokenizer

    made = SimpleTokenizer(context_length=context_length)
    if not _BYTES + _SPECIAL <= vocabulary <= made.vocab_size:
        raise ValueError(f"byte-pair encoding: expected 514 to {made.vocab_size} tokens, got {vocabulary}")
    if vocabulary < made.vocab_size:
        tokens, merges = list(made.encoder), list(made.bpe_ranks)
        kept = tokens[: vocabulary - _SPECIAL] + tokens[-_SPECIAL:]
        made.encoder = {token: number for number, token in enumerate(kept)}
        made.decoder = dict(enumerate(kept))
        made.bpe_ranks = {merge: rank for rank, merge in enumerate(merges[: vocabulary - _BYTES - _SPECIAL])}
        made.vocab_size = vocabulary
        made.sot_token_id, made.eot_token_id = made.all_special_ids = [vocabulary - 2, vocabulary - 1]
    return made
