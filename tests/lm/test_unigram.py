"""Unigram: lossless on any text, the same pieces every time, cut where the probability is greatest."""

import json
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.errors import UnknownCharacter
from lm.tokenizers import TokenizerConfig, UnigramTokenizer, byte_level, unigram
from tests.lm.strings import WHAT_HURTS, random_strings


@pytest.fixture(scope="module")
def tokenizer(play):
    return UnigramTokenizer.from_text(play.text, TokenizerConfig(vocab_size=600))


def test_it_has_so_many_pieces_and_all_bytes(tokenizer):
    assert tokenizer.vocab_size == 600 == len(set(tokenizer.tokens))
    assert set(byte_level.ALPHABET) < set(tokenizer.tokens)
    assert tokenizer.scores == sorted(tokenizer.scores, reverse=True) and max(tokenizer.scores) < 0


def test_any_text_is_encoded_without_loss(tokenizer):
    """Of Unicode every 31st character; `test_bpe.py` has all of them, through the same bytes."""
    unicode = "".join(chr(code) for code in range(0, 0x110000, 31) if not 0xD800 <= code < 0xE000)
    for text in [unicode, *random_strings(200), *WHAT_HURTS, "x" * 100_000]:
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert tokenizer.count_characters(ids) == len(text)
    with pytest.raises(UnknownCharacter, match="half of a surrogate pair"):
        tokenizer.encode("\udfff")


def test_it_cuts_where_the_sum_of_scores_is_greatest(tokenizer, corpus):
    scores = dict(zip(tokenizer.tokens, tokenizer.scores, strict=True))
    words = {*byte_level.pieces(corpus.text), *byte_level.pieces("".join(random_strings(50)))}
    for word in sorted(words):
        cut = [tokenizer.token_bytes(id) for id in tokenizer.encode_piece(word)]
        assert unigram.best_cut(word.encode(), scores) == cut


@given(st.text(st.sampled_from("abc"), min_size=1, max_size=7), st.data())
def test_the_best_cut_is_the_best_of_all(word, draw):
    pieces = draw.draw(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.floats(-9, -1)))
    scores = {
        piece.encode(): score for piece, score in ({"a": -5, "b": -5, "c": -5} | pieces).items()
    }

    def cuts(rest):
        if not rest:
            yield 0.0
        for end in range(1, len(rest) + 1):
            if rest[:end] in scores:
                yield from (scores[rest[:end]] + other for other in cuts(rest[end:]))

    best = unigram.best_cut(word.encode(), scores)
    assert b"".join(best) == word.encode()
    assert sum(scores[piece] for piece in best) == pytest.approx(max(cuts(word.encode())))


def test_another_process_learns_the_same(tokenizer, corpus, tmp_path):
    """The library's own order and last digits change from process to process."""
    (tmp_path / "text.txt").write_text(corpus.text, "utf-8")
    code = (
        "import sys, pathlib, json; from lm.tokenizers import UnigramTokenizer, TokenizerConfig\n"
        "text = pathlib.Path(sys.argv[1]).read_text('utf-8')\n"
        "made = UnigramTokenizer.from_text(text, TokenizerConfig(vocab_size=600))\n"
        "print(json.dumps(made.to_json()))"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "text.txt")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == tokenizer.to_json()


def test_it_is_sent_to_another_process(tokenizer):
    again = pickle.loads(pickle.dumps(tokenizer))
    assert (
        again == tokenizer and again.encode("to be").tolist() == tokenizer.encode("to be").tolist()
    )


@pytest.mark.parametrize("text", ["a", "\n", " " * 50_000, "ab" * 20_000, "\0" * 100])
def test_a_text_without_words_is_no_crash(text):
    tokenizer = UnigramTokenizer.from_text(text)
    assert tokenizer.vocab_size >= 256
    assert tokenizer.decode(tokenizer.encode(text)) == text
