"""CLIP's byte-pair encoding, cut to its first merges, still has any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i2vbench.metrics.networks import clip, viclip
from i2vbench.metrics.networks.bpe import VOCABULARY, tokenizer


def test_the_whole_vocabulary_is_open_clips() -> None:
    import open_clip

    texts = ["a dog", "an espresso, 4K!", "it's café"]
    assert clip.tokenize(texts).equal(open_clip.get_tokenizer("ViT-B-32-quickgelu")(texts))
    assert tokenizer(VOCABULARY, 77).vocab_size == VOCABULARY


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=40), vocabulary=st.sampled_from([514, 1000, 2048]))
def test_a_cut_vocabulary_spells_the_same_text_in_its_own_ids(text: str, vocabulary: int) -> None:
    whole, cut = tokenizer(VOCABULARY, 77), tokenizer(vocabulary, 77)
    ids = cut.encode(text)
    assert all(0 <= number < vocabulary - 2 for number in ids) or "_of_text>" in text
    assert "".join(cut.decoder[i] for i in ids) == "".join(whole.decoder[i] for i in whole.encode(text))
    assert len(ids) >= len(whole.encode(text))


def test_start_and_end_are_the_last_ids_and_too_long_texts_keep_their_end() -> None:
    with pytest.warns(UserWarning, match=r"'dog dog .* has more than 6 tokens; CLIP does not see its end"):
        tokens = clip.tokenize(["dog " * 100, "a"], vocabulary=600, context_length=8)
    assert tokens[:, 0].tolist() == [598, 598]
    assert tokens.argmax(dim=1).tolist() == [7, 2]
    assert int(tokens.max()) == 599
    same, cut = viclip.tokenize(["dog " * 100, "a"], vocabulary=600, context_length=8)
    assert same.equal(tokens)
    assert cut == [len(tokenizer(600, 8).encode("dog " * 100)) - 6, 0]


@pytest.mark.parametrize("vocabulary", [513, 49409])
def test_other_sizes_are_refused(vocabulary: int) -> None:
    with pytest.raises(ValueError, match=f"expected 514 to 49408 tokens, got {vocabulary}"):
        tokenizer(vocabulary, 77)
