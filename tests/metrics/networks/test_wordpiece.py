"""BERT's word pieces, beside the tokenizer of transformers."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2vbench.metrics.networks import wordpiece

PUBLISHED_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
APOSTROPHES = [
    wordpiece.pieces().index(piece) for piece in ["'", "s", "t", "m", "ve", "re", ".", ",", "!", "?", "n", "do", "not"]
]


@pytest.fixture(scope="module")
def transformers_tokenizer():
    from transformers import BertTokenizer

    return BertTokenizer(vocab={piece: i for i, piece in enumerate(wordpiece.pieces())})


def test_the_vocabulary_is_the_published_one():
    assert hashlib.sha256(wordpiece.VOCAB_FILE.read_bytes()).hexdigest() == PUBLISHED_SHA256
    assert len(wordpiece.pieces()) == wordpiece.NUM_PIECES
    assert [wordpiece.pieces()[i] for i in (0, 100, 101, 102, 103)] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@given(ids=st.lists(st.sampled_from(APOSTROPHES) | st.integers(0, wordpiece.NUM_PIECES - 1), max_size=12))
def test_text_is_joined_and_cleaned_up_as_by_transformers(transformers_tokenizer, ids):
    kept = [i for i in ids if i not in wordpiece.SPECIAL]
    tokens = transformers_tokenizer.convert_ids_to_tokens(kept)
    joined = " ".join(tokens).replace(" ##", "").strip()
    assert wordpiece.decode(ids) == transformers_tokenizer.clean_up_tokenization(joined)


@given(text=st.text(max_size=40))
def test_ids_are_those_of_transformers(transformers_tokenizer, text):
    assert wordpiece.encode(text) == transformers_tokenizer(text)["input_ids"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("hot dog", "hot dog"),
        ("Hot  Dog", "hot dog"),
        ("Café", "cafe"),
        ("t-shirt", "t - shirt"),
        ("child's", "child's"),
        ("skateboarding", "skateboarding"),
        ("", ""),
    ],
)
def test_a_word_as_a_decoder_would_write_it(text, written):
    assert wordpiece.as_written(text) == written


def test_a_text_that_begins_with_a_continuing_piece_keeps_its_marks():
    assert wordpiece.decode([2015, 3899]) == "##s dog"


def test_ids_past_the_vocabulary_are_not_written():
    assert wordpiece.decode([30522, 1037, 3861, 30523]) == "a picture"


# From 4,161 on, every letter has its pieces.
@given(text=st.text(alphabet="abcdefghijklmnopqrstuvwxyz ,.'", max_size=40), size=st.integers(4161, 9000))
def test_a_smaller_vocabulary_spells_rare_words_and_reads_them_back(text, size):
    ids = wordpiece.encode(text, size)
    assert max(ids) < size
    assert wordpiece.decode(ids, size) == wordpiece.as_written(text)


def test_a_smaller_vocabulary_leaves_frequent_words_whole():
    assert wordpiece.encode("a desert", 6000) == wordpiece.encode("a desert") == [101, 1037, 5532, 102]
    assert [wordpiece.pieces()[i] for i in wordpiece.encode("desert", 5000)[1:-1]] == ["des", "##er", "##t"]
    # Its own special ids are words to the whole vocabulary.
    assert wordpiece.decode([5000, 1037, 5001], 5000) == "a"
