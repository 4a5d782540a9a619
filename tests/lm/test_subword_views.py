"""How the text is cut, as data: places, merges and candidates are those of the tokenizers themselves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.tokenizers import BPETokenizer, CharacterTokenizer, TokenizerConfig, UnigramTokenizer, views
from tests.lm.strings import WHAT_HURTS, random_strings

TEXTS = [*WHAT_HURTS, *random_strings(30)]


@pytest.fixture(scope="module")
def bpe(play):
    return BPETokenizer.from_text(play.text, TokenizerConfig(vocab_size=600))


@pytest.fixture(scope="module")
def unigram(play):
    return UnigramTokenizer.from_text(play.text, TokenizerConfig(vocab_size=600))


def test_every_character_is_part_of_a_token(bpe, unigram):
    """And a whole token's characters are its text."""
    for text in TEXTS:
        for tokenizer in (bpe, unigram, CharacterTokenizer.from_text(text or "a")):
            found = views.cut(tokenizer, text)
            assert [token.id for token in found.tokens] == tokenizer.encode(text).tolist()
            covered = {i for token in found.tokens for i in range(token.start, token.end)}
            assert covered == set(range(len(text))) and found.characters == len(text)
            for token in found.tokens:
                assert token.start < token.end
                if token.whole:
                    assert text[token.start : token.end] == token.text
                else:
                    assert "<0x" in token.text


def test_a_character_of_four_bytes_is_cut_into_four(bpe):
    """Each of the tokens points at it; the count is that of the text."""
    found = views.cut(bpe, "a🎭🎭")
    assert [(token.start, token.end, token.whole) for token in found.tokens] == [
        (0, 1, True),
        *[(1, 2, False)] * 4,
        *[(2, 3, False)] * 4,
    ]
    assert [token.count for token in found.tokens] == [1, *[2] * 8]
    assert found.tokens[1].text == "<0xF0>"
    assert found.characters_per_token == pytest.approx(3 / 9)
    assert views.cut(bpe, "").characters_per_token == 0


@given(text=st.text(st.sampled_from("ab é"), max_size=60))
def test_each_step_joins_the_most_frequent_pair(text):
    """Up to the last: then no pair is left. The merges are those that a tokenizer of this text learns."""
    steps = list(views.learn_steps(text))
    for step in steps[:-1]:
        assert step.joined == step.pairs[0][:2]
    assert steps[-1].pairs == () and steps[-1].joined is None
    learned = BPETokenizer.from_text(text or "a", TokenizerConfig(vocab_size=8192))
    assert len(steps) - 1 == len(learned.merges)


def test_the_counts_change_with_each_step():
    first, second, third, *_ = views.learn_steps("the then thee")
    assert first.pieces[0] == ("t", "h", "e") and first.joined == ("h", "e") and first.rank == 0
    assert first.pairs[:2] == (("h", "e", 3), ("t", "h", 3))
    assert second.pieces == (("t", "he"), (" ", "t", "he", "n"), (" ", "t", "he", "e"))
    assert second.joined == ("t", "he") and ("t", "h", 3) not in second.pairs
    assert third.pieces[0] == ("the",)
    assert (first.made, second.made) == ("he", "the")
    umlaut = next(iter(views.learn_steps("ü")))
    assert umlaut.joined == ("<0xC3>", "<0xBC>") and umlaut.made == "ü"


def test_encoding_does_the_merges_in_their_order(bpe):
    for text in [*TEXTS, "What news, my lord? The king is come again."]:
        steps = list(views.encode_steps(bpe, text))
        ranks = [step.rank for step in steps[:-1]]
        assert ranks == sorted(ranks)
        ends = [piece for row in steps[-1].pieces for piece in row]
        assert ends == [bpe.token_text(id) for id in bpe.encode(text)]
        assert (
            b"".join(bpe.tokens[id] for row in text for id in views.bytes_of(row)) == text.encode()
        )


def test_a_pair_is_told_with_its_rank_among_the_merges(bpe):
    """Encoding joins the pair of the lowest rank, which need not be the most frequent; learning knows none."""
    for step in list(views.encode_steps(bpe, "the king thinks the thing"))[:-1]:
        known = dict(zip([pair[:2] for pair in step.pairs], step.ranks, strict=True))
        assert step.rank == min(rank for rank in known.values() if rank is not None)
        assert known[step.joined] == step.rank
    first, *_ = views.learn_steps("the then")
    assert set(first.ranks) == {None}


def test_the_loss_of_counts_alone_is_told_per_token_and_per_character():
    """Of two equally likely tokens it is ln 2; a token of two characters halves it for each of them."""
    found = views.usage(np.array([0, 1, 1, 0]), 3, characters=8)
    assert found.counts.tolist() == [2, 2, 0] and found.unused == 1
    assert found.nats_per_token == pytest.approx(math.log(2))
    assert found.nats_per_character == pytest.approx(math.log(2) / 2)


def test_the_best_cut_of_a_lattice_is_the_tokenizers(unigram):
    for text in TEXTS:
        found = views.lattices(unigram, text)
        assert "".join(lattice.word for lattice in found) == text
        best = [one for lattice in found for one in lattice.candidates if one.best]
        assert [one.id for one in best] == unigram.encode(text).tolist()
    (lattice,) = views.lattices(unigram, "king")
    assert {one.text for one in lattice.candidates} > {"k", "i", "n", "g"}
    assert lattice.score == pytest.approx(sum(one.score for one in lattice.candidates if one.best))
    assert 0 < lattice.probability < 1
