"""Tokenizers that came with a model: SentencePiece, as Llama 2 has it, from tokenizer.json and from GGUF."""

import json

import pytest
import tokenizers

from lm.errors import RunProblem
from lm.interchange.gguf_tokenizer import CONTROL, tokenizer_of
from lm.tokenizers import ImportedTokenizer

WORDS = ("<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)))
PIECES = {  # of SentencePiece, with their scores: the higher, the earlier they are joined
    **{"\u2581t": -1.0, "he": -2.0, "\u2581the": -3.0, "in": -4.0, "\u2581in": -5.0, "ing": -6.0},
    **dict.fromkeys("\u2581thengi", -100.0),
}
VALUES = {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": [*WORDS, *PIECES],
    "tokenizer.ggml.scores": [0.0] * len(WORDS) + list(PIECES.values()),
    "tokenizer.ggml.token_type": [2, CONTROL, CONTROL] + [6] * 256 + [1] * len(PIECES),
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.unknown_token_id": 0,
}


@pytest.fixture
def made():
    return tokenizer_of(VALUES, "a file")


@pytest.mark.parametrize(
    "text", ["the thing in the engine", "then", "  two  spaces", "naïve 語 🙂\n", ""]
)
def test_a_text_comes_back_and_its_ids_are_the_librarys(made, text):
    ours = ImportedTokenizer(made[0])
    ids = ours.encode(text)
    library = tokenizers.Tokenizer.from_str(json.dumps(made[0]))
    assert ids.tolist() == library.encode(text, add_special_tokens=False).ids
    assert ours.decode(ids) == text == library.decode(ids.tolist(), skip_special_tokens=False)


def test_pieces_are_joined_by_their_scores(made):
    """ "then" is " the", n: the score of "he" comes before that of "en", which is no piece."""
    ours = ImportedTokenizer(made[0])
    assert [ours.token_text(id) for id in ours.encode("then in")] == [" the", "n", " in"]
    assert [ours.token_text(id) for id in ours.encode("ü")][1:] == ["<0xC3>", "<0xBC>"]


def test_the_ends_of_a_text_are_told(made):
    assert made[1:] == ("<s>", "</s>")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tokenizer.ggml.model": "bert"}, "kind 'bert'"),
        ({"tokenizer.ggml.tokens": None}, "no tokenizer"),
        ({"tokenizer.ggml.scores": None}, "no scores"),
        ({"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "olmo"}, "way 'olmo'"),
        ({"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2"}, "no merges"),
    ],
)
def test_other_tokenizers_are_refused_by_name(changed, said):
    with pytest.raises(RunProblem, match=said):
        tokenizer_of(VALUES | changed, "a file")
