"""tokenizer.json is standard: other programs read it to the same ids, and ours refuses what loses text."""

import copy
import json

import pytest
import tokenizers as library
import transformers
from hypothesis import given
from hypothesis import strategies as st

from lm import tokenizers
from lm.errors import CorpusProblem, RunProblem
from lm.tokenizers import BPETokenizer, CharacterTokenizer, TokenizerConfig, UnigramTokenizer
from lm.tokenizers.streaming import Stream, written
from tests.lm.strings import WHAT_HURTS, random_strings

SUBWORDS = [BPETokenizer, UnigramTokenizer]


@pytest.fixture(scope="module", params=SUBWORDS, ids=[kind.kind for kind in SUBWORDS])
def subwords(request, play):
    """A tokenizer of 600 pieces of a play."""
    return request.param.from_text(play.text, TokenizerConfig(vocab_size=600))


def test_transformers_reads_the_file_to_the_same_ids(subwords, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(subwords.to_json()), "utf-8")
    other = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path))
    assert len(other) == subwords.vocab_size
    for text in [*random_strings(100), *WHAT_HURTS]:
        ids = subwords.encode(text).tolist()
        assert other(text).input_ids == ids
        assert other.decode(ids, clean_up_tokenization_spaces=False) == text


def test_the_library_writes_what_it_read(subwords):
    saved = subwords.to_json()
    again = json.loads(library.Tokenizer.from_str(json.dumps(saved)).to_str())
    assert again == saved
    assert tokenizers.load(again) == subwords


def without_bytes(saved):
    model = saved["model"]
    model["vocab"] = model["vocab"][100:] if isinstance(model["vocab"], list) else {"a": 0}


def changed(**parts):
    return lambda saved: saved.update(parts)


def changed_model(**parts):
    return lambda saved: saved["model"].update(parts)


FOREIGN = {
    "word-level": (
        changed_model(type="WordLevel"),
        "of the kind 'WordLevel'; byte-level BPE and Unigram",
    ),
    "no type": (changed_model(type=None), "of the kind None"),
    "normalizer": (changed(normalizer={"type": "NFKC"}), "normalizer .NFKC. changes texts"),
    "lowercase": (changed(normalizer={"type": "Sequence", "normalizers": []}), "normalizer"),
    "metaspace": (changed(pre_tokenizer={"type": "Metaspace"}), "not made of bytes"),
    "no pre-tokenizer": (changed(pre_tokenizer=None), "not made of bytes"),
    "another pattern": (
        changed(pre_tokenizer={"type": "ByteLevel", "use_regex": False}),
        "another way than by GPT-2's pattern",
    ),
    "added space": (
        changed(pre_tokenizer={"type": "ByteLevel", "add_prefix_space": True}),
        "another way",
    ),
    "special tokens": (
        changed(added_tokens=[{"id": 0, "content": "<s>"}]),
        r"special tokens \(<s>\)",
    ),
    "odd special tokens": (changed(added_tokens="abc"), "special tokens"),
    "truncation": (changed(truncation={"max_length": 5}), "truncates"),
    "template": (changed(post_processor={"type": "TemplateProcessing"}), "adds tokens"),
    "fallback": (changed_model(byte_fallback=True), "byte_fallback"),
    "bytes missing": (without_bytes, "bytes"),
    "no vocabulary": (changed_model(vocab=None), "damaged"),
    "a list of numbers": (changed_model(vocab=[1, 2]), "damaged"),
    "no model": (changed(model=[]), "unknown kind"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_or_damaged_file_is_refused_in_a_sentence(subwords, name):
    change, sentence = FOREIGN[name]
    saved = copy.deepcopy(subwords.to_json())
    change(saved)
    with pytest.raises(RunProblem, match=sentence) as problem:
        tokenizers.load(saved)
    assert str(problem.value).endswith(".") and "\n" not in str(problem.value)


@pytest.mark.parametrize(
    "change",
    [
        {"merges": [["a", "zz"]]},
        {"merges": [["a"]]},
        {"merges": [[1, 2]]},
        {"merges": "ab"},
        {"merges": []},
        {"dropout": 0.1},
        {"end_of_word_suffix": "</w>"},
    ],
)
def test_merges_that_do_not_fit_their_vocabulary_are_refused(corpus, change):
    saved = BPETokenizer.from_text(corpus.text, TokenizerConfig(vocab_size=300)).to_json()
    saved["model"] |= change
    with pytest.raises(RunProblem):
        tokenizers.load(saved)


@pytest.mark.parametrize(
    "piece", [["a", 0.0], ["日", -1.0], ["", -1.0], ["ab", None], ["ab", float("nan")], 3]
)
def test_pieces_that_are_none_are_refused(corpus, piece):
    saved = UnigramTokenizer.from_text(corpus.text, TokenizerConfig(vocab_size=300)).to_json()
    saved["model"]["vocab"].append(piece)
    with pytest.raises(RunProblem):
        tokenizers.load(saved)


def test_merges_may_be_lines_as_in_older_files(corpus):
    tokenizer = BPETokenizer.from_text(corpus.text, TokenizerConfig(vocab_size=300))
    saved = tokenizer.to_json()
    saved["model"]["merges"] = [" ".join(pair) for pair in saved["model"]["merges"]]
    assert tokenizers.load(saved) == tokenizer


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_vocabulary_larger_than_the_text_allows_is_refused_with_the_largest(kind):
    text = "to be or not to be, that is the question\n" * 10
    with pytest.raises(
        CorpusProblem, match=r"different pieces, not 8,192: choose .* at most (\d+)"
    ) as problem:
        tokenizers.train(TokenizerConfig(tokenizer=kind, vocab_size=8192), text)
    largest = int(str(problem.value).split("at most ")[1].split(",")[0])
    assert (
        tokenizers.train(TokenizerConfig(tokenizer=kind, vocab_size=largest), text).vocab_size
        == largest
    )
    with pytest.raises(CorpusProblem, match="hold no pieces"):
        tokenizers.train(TokenizerConfig(tokenizer=kind), "a")


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_only_the_training_split_is_learned_from(kind):
    text, held_out = "to be or not to be, that is the question\n" * 30, "zyzzyva " * 300
    config = TokenizerConfig(tokenizer=kind, vocab_size=258)
    assert tokenizers.train(config, text + held_out, text) == tokenizers.train(config, text)
    assert tokenizers.train(config, text + held_out) != tokenizers.train(config, text)


def test_a_tokenizer_is_not_trained_again(monkeypatch):
    """A page that changes another setting asks for the same again. Kept are only the latest."""
    text, calls = "what is learned once is not learned twice\n" * 30, []
    once = BPETokenizer.from_text
    monkeypatch.setattr(BPETokenizer, "from_text", lambda *a: calls.append(a) or once(*a))
    config = TokenizerConfig(tokenizer="bpe", vocab_size=258)
    first = tokenizers.train(config, text)
    assert tokenizers.train(config, text) is first and len(calls) == 1
    for other in range(tokenizers.MOST_KEPT):
        tokenizers.train(config, f"{other} {text}")
    assert tokenizers.train(config, text) == first and len(calls) == tokenizers.MOST_KEPT + 2


@given(ids=st.lists(st.integers(0, 299), max_size=40))
def test_a_stream_tells_the_text_of_its_tokens(ids):
    """Whatever a model writes, also bytes that spell no character."""
    tokenizer = BPETokenizer.from_text("größer 日本語 🎭🎭 " * 9, TokenizerConfig(vocab_size=300))
    ids = [id for id in ids if id < tokenizer.vocab_size]
    stream = Stream(tokenizer)
    parts = [stream.text(id) for id in ids]
    assert "".join([*parts, stream.end()]) == tokenizer.decode(ids)
    assert written(tokenizer, ids) == "".join(parts)


def test_half_a_character_is_not_told_before_its_other_half():
    tokenizer = BPETokenizer.from_text("abc")
    ids = tokenizer.encode("a🎭b").tolist()
    stream = Stream(tokenizer)
    assert [stream.text(id) for id in ids] == ["a", "", "", "", "🎭", "b"]
    assert written(tokenizer, ids[:4]) == "a"
    assert written(CharacterTokenizer.from_text("🎭"), [0]) == "🎭"
