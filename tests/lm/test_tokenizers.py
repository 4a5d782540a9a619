"""Tokenizers: round trips, unknown characters, damaged files."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm import tokenizers
from lm.errors import CorpusProblem, RunProblem, UnknownCharacter
from lm.tokenizers import CharacterTokenizer, characters

FROM_TEXT = [kind.from_text for kind in tokenizers.KINDS.values()]
SENTENCE = "Hello, world!\n"

any_text = st.text(min_size=1, max_size=200)  # also 🎭, combining marks, control characters


@pytest.fixture(params=FROM_TEXT)
def from_text(request):
    return request.param


@given(text=any_text, data=st.data())
@pytest.mark.parametrize("make", FROM_TEXT)
def test_round_trip(make, text, data):
    tokenizer = make(text)
    part = "".join(data.draw(st.lists(st.sampled_from(text), max_size=50)))
    for string in (text, part):
        ids = tokenizer.encode(string)
        assert ids.dtype == np.int64 and ids.ndim == 1
        assert ((ids >= 0) & (ids < tokenizer.vocab_size)).all()
        assert tokenizer.decode(ids) == string
        assert tokenizer.decode(ids.tolist()) == string
        assert b"".join(tokenizer.token_bytes(int(i)) for i in ids) == string.encode()
        assert tokenizer.count_characters(ids) == len(string)


@given(text=any_text)
@pytest.mark.parametrize("make", FROM_TEXT)
def test_saving_and_loading_gives_an_equal_tokenizer(make, text):
    tokenizer = make(text)
    again = tokenizers.load(json.loads(json.dumps(tokenizer.to_json())))
    assert again == tokenizer and type(again) is type(tokenizer)
    assert hash(again) == hash(tokenizer)
    assert (again.encode(text) == tokenizer.encode(text)).all()


@given(known=any_text, text=st.text(max_size=100))
def test_encode_known_drops_the_unknown_and_says_which(known, text):
    tokenizer = CharacterTokenizer.from_text(known)
    ids, dropped = tokenizer.encode_known(text)
    assert tokenizer.decode(ids) == "".join(c for c in text if c in known)
    assert dropped == "".join(dict.fromkeys(c for c in text if c not in known))
    if dropped:
        with pytest.raises(UnknownCharacter):
            tokenizer.encode(text)
    else:
        assert (tokenizer.encode(text) == ids).all()


@given(text=any_text)
def test_the_text_of_a_token_is_a_character(text):
    tokenizer = CharacterTokenizer.from_text(text)
    assert "".join(tokenizer.token_text(int(i)) for i in tokenizer.encode(text)) == text


def test_a_worked_example():
    tokenizer = CharacterTokenizer.from_text(SENTENCE)
    assert tokenizer.characters == "\n !,Hdelorw"
    assert tokenizer.vocab_size == 11
    assert tokenizer.encode("Hello").tolist() == [4, 6, 7, 7, 8]
    assert tokenizer.decode([4, 8, 10]) == "How"
    assert tokenizer.token_text(0) == "\n"


def test_an_unknown_character_is_named_with_its_position():
    tokenizer = CharacterTokenizer.from_text(SENTENCE)
    with pytest.raises(
        UnknownCharacter, match=r"'é' \(U\+00E9\) at position 2 .*11 characters of the corpus"
    ):
        tokenizer.encode("Héllo, Zoë")
    assert tokenizer.encode_known("Héllo, Zoëë")[1] == "éZë"


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "🎭", "\0"])
def test_unusual_characters_are_unknown_not_a_crash(text):
    tokenizer = CharacterTokenizer.from_text("abc")
    with pytest.raises(UnknownCharacter):
        tokenizer.encode(text)


def test_an_empty_text_has_no_ids_and_no_vocabulary(from_text):
    tokenizer = from_text(SENTENCE)
    assert tokenizer.encode("").shape == (0,) and tokenizer.decode([]) == ""
    assert tokenizer.encode_known("")[1] == ""
    with pytest.raises(CorpusProblem):
        from_text("")


def test_more_characters_than_a_model_can_hold_are_refused_in_one_sentence():
    """Also before anything of the size of the alphabet is made."""
    text = "".join(map(chr, range(0x10000, 0x10000 + characters.MOST_CHARACTERS + 1)))
    with pytest.raises(
        CorpusProblem, match=r"has 25,001 different characters, .* up to 25,000: choose"
    ):
        CharacterTokenizer.from_text(text)
    assert CharacterTokenizer.from_text(text[1:]).vocab_size == characters.MOST_CHARACTERS


def test_a_long_text_is_encoded_in_pieces(monkeypatch):
    tokenizer, text = CharacterTokenizer.from_text(SENTENCE), SENTENCE * 30 + "§"
    whole = tokenizer.encode_known(text)
    monkeypatch.setattr(characters, "PIECE", 7)
    ids, dropped = tokenizer.encode_known(text)
    assert ids.tolist() == whole[0].tolist() and dropped == whole[1] == "§"
    with pytest.raises(UnknownCharacter, match=f"position {len(text):,}"):
        tokenizer.encode(text)


@pytest.mark.parametrize("ids", [[-1], [11], [0, 99]])
def test_ids_outside_the_vocabulary_are_refused(ids):
    with pytest.raises(IndexError, match="0 to 10"):
        CharacterTokenizer.from_text(SENTENCE).decode(ids)


@pytest.mark.parametrize(
    "saved",
    [
        {},
        {"kind": "characters"},
        {"kind": "characters", "characters": ""},
        {"kind": "characters", "characters": "ba"},
        {"kind": "characters", "characters": "aab"},
        {"kind": "characters", "characters": ["a", "b"]},
        {"kind": "syllables", "characters": "ab"},
        {"kind": ["characters"], "characters": "ab"},
        [],
        None,
    ],
)
def test_a_damaged_file_is_a_problem_not_a_crash(saved):
    with pytest.raises(RunProblem):
        tokenizers.load(saved)
