"""Corpora of pairs: exact answers, splits that keep the held-out lines unseen, a sentence for each fault."""

import copy
import hashlib
import io
import pickle
import urllib.error
import urllib.request
import zipfile

import pytest
from num2words import num2words

from lm import corpora
from lm.corpora import PairCorpus, english_french, number_words, pairs, pronunciation, sums
from lm.errors import CorpusProblem

GENERATED = ("number_words", "sums", "sums:reverse", "sums:sort", "pronunciation")


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_held_out_was_never_seen(name):
    """Neither its pair nor its source with another target: else "exactly right" would count what is known."""
    corpus = corpora.load(name)
    assert isinstance(corpus, PairCorpus)
    learned = {source for source, _ in corpus.train}
    for source, _ in (*corpus.validation, *corpus.longer):
        assert source not in learned
    assert corpus.name == name
    assert len(corpus.validation) >= 1000


@pytest.mark.parametrize("name", GENERATED)
def test_a_corpus_of_pairs_is_the_same_each_time(name):
    """A run is opened with the checksum of its corpus: a draw that depends on the process would refuse it."""
    module, _, choice = name.partition(":")
    make = {"number_words": number_words, "sums": sums, "pronunciation": pronunciation}[module]
    again = make.corpus.__wrapped__(*([choice] if choice else []))
    assert again.sha256 == corpora.load(name).sha256


def test_number_words_are_those_of_the_package():
    """The quick copy of a converter says what the package says, in every language that it can ask."""
    for language in number_words.languages():
        for number in (0, 7, 84, 100, 999, 1000, 21_001, 345_678, 999_999):
            try:
                right = num2words(number, lang=language)
            except (NotImplementedError, OverflowError, TypeError, KeyError):
                continue  # the package itself cannot say it
            assert number_words.in_words(number, language) == right, (language, number)


def test_german_swaps_ones_and_tens():
    corpus = corpora.load("number_words")
    assert corpus.answers["forty-two"] == ("zweiundvierzig",)
    assert corpora.load("number_words:fr-en").answers["quatre-vingt-quatre"] == ("eighty-four",)


def test_sums_are_right_and_the_longer_ones_longer():
    for kind, right in (
        ("sums", lambda line: str(sum(map(int, line.split("+"))))),
        ("sums:reverse", lambda line: line[::-1]),
        ("sums:sort", lambda line: "".join(sorted(line))),
    ):
        corpus = corpora.load(kind)
        for source, target in (*corpus.train[:500], *corpus.validation[:100], *corpus.longer[:100]):
            assert target == right(source)
        longest = max(len(source) for source, _ in corpus.train)
        assert min(len(source) for source, _ in corpus.longer) > longest


def test_the_right_answer_is_known_also_of_lines_that_are_not_in_the_corpus():
    """Somebody types a line of his own, and wants to know whether the model is right."""
    words = corpora.load("number_words")
    for number in (0, 21, 100, 813, 3004, 70_000, 123_456, 999_999):
        said = (num2words(number, lang="en"), num2words(number, lang="de"))
        assert words.right(said[0]) == (said[1],)
    for nonsense in ("", "and", "hundred", "forty two", "one million", "thousand one", "word"):
        assert words.right(nonsense) == ()
    assert corpora.load("sums").right("123456+1") == ("123457",)
    assert corpora.load("sums:sort").right("97531" * 3) == ("111333555777999",)
    assert corpora.load("sums:reverse").right("120") == ("021",)
    for nonsense in ("", "1+", "1+2+3", "a+b", "12"):
        assert corpora.load("sums").right(nonsense) == ()
    assert corpora.load("pronunciation").right("read") == ("R EH D", "R IY D")
    assert corpora.load("pronunciation").right("qqq") == ()


def test_a_word_has_all_its_pronunciations_without_stress():
    corpus = corpora.load("pronunciation")
    assert corpus.answers["read"] == ("R EH D", "R IY D")
    assert not set("0123456789") & {letter for _, said in corpus.train for letter in said}
    assert corpus.unit == "word"  # a sound is one or two letters


def test_pairs_have_the_interface_of_a_text():
    corpus = corpora.load("sums")
    source, target = corpus.train[0]
    assert corpus.train_text.startswith(f"{source}\t{target}\n")
    assert corpus.sha256 == hashlib.sha256(corpus.text.encode()).hexdigest()
    assert corpus.text.startswith(corpus.train_text + corpus.validation_text)
    assert corpora.holds_pairs("sums")
    assert not corpora.holds_pairs("tiny_shakespeare")
    assert set(corpora.pair_names()).isdisjoint(corpora.names())  # the page offers the latter


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("number_words:en", "needs two different languages"),
        ("number_words:en-en", "needs two different languages"),
        ("number_words:en-xx", "'xx' is none of"),
        ("number_words:am-en", "cannot say all numbers below a million"),  # a fault of the package
        ("sums:divide", "sums has no kind 'divide': choose sums:add"),
        ("pronunciation:de", "has no kinds"),
        ("english_french:9", "10 to 400 characters"),
        ("english_french:many", "not 'many'"),
    ],
)
def test_a_choice_that_is_none_is_refused(name, sentence):
    with pytest.raises(CorpusProblem, match=sentence):
        corpora.load(name)


# One's own pairs

LINES = "".join(f"word {n}\tWort {n}\n" for n in range(40))


def test_own_pairs_from_one_file_and_from_two_are_the_same(tmp_path):
    one = tmp_path / "words.tsv"
    one.write_text("\ufeff" + LINES.replace("\n", "\r\n") + "\n\n", "utf-8")
    sides = [tmp_path / "english.txt", tmp_path / "german.txt"]
    for number, side in enumerate(sides):
        side.write_text("".join(line.split("\t")[number] + "\n" for line in LINES.splitlines()))
    both = f"{sides[0]},{sides[1]}"
    first, second = corpora.load(str(one)), corpora.load(both)
    assert first.text == second.text
    assert (len(first.train), len(first.validation)) == (36, 4)
    assert second.path == both
    assert corpora.exists(both)
    sides[1].unlink()
    assert not corpora.exists(both)


def test_pairs_with_one_source_are_held_out_together():
    """With "go" → "va" learned, "go" → "allez" would not be unseen."""
    lines = "".join(f"go {n % 7}\tva {n}\n" for n in range(70))
    corpus = pairs.from_tsv(lines)
    assert {s for s, _ in corpus.train}.isdisjoint(s for s, _ in corpus.validation)
    assert len(corpus.answers["go 1"]) == 10


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Your own pairs is empty: choose one with something in it."),
        ("  \n ", "holds only white space"),
        ("one\teins\n", "only one different first side: give at least two"),
        ("one\teins\none\tein\n", "only one different first side"),
        ("one\teins\ntwo\n", "Line 2 of Your own pairs has no tab"),
        ("one\teins\ntwo\tzwei\tdeux\n", "Line 2 of Your own pairs has 2 tabs"),
        ("one\teins\n\tzwei\n", "The first side of pair 2 of Your own pairs is empty"),
        ("one\teins\ntwo\t \n", "The second side of pair 2 of Your own pairs is empty"),
        ("one\teins\n" + "x" * 10_000 + "\tzwei\n", "pair 2 of Your own pairs has 10,000 char"),
        ("one\teins\0\n" * 9, "is not plain text"),
    ],
)
def test_own_pairs_that_cannot_be_learned_from(text, sentence):
    with pytest.raises(CorpusProblem, match=sentence):
        pairs.from_tsv(text)


def test_two_texts_that_do_not_fit_each_other():
    with pytest.raises(CorpusProblem, match="The first text has 2 lines and the second text has 3"):
        pairs.from_two_texts("a\nb\n", "x\ny\nz\n")
    with pytest.raises(CorpusProblem, match="Line 2 of the second text holds a tab"):
        pairs.from_two_texts("a\nb\n", "x\ny\tz\n")
    with pytest.raises(CorpusProblem, match="The second side of pair 2 of Your own pairs is empty"):
        pairs.from_two_texts("a\nb\nc\n", "x\n\nz\n")


def test_a_name_that_is_taken_is_changed(tmp_path):
    """A run knows its corpus by name and path: `sums` of a file must not be taken for the built-in one."""
    file = tmp_path / "sums.tsv"
    file.write_text(LINES)
    assert corpora.load(str(file)).name == "sums_file"


def test_missing_and_empty_files_of_pairs_are_named(tmp_path):
    with pytest.raises(CorpusProblem, match=r"There is no file .*none\.tsv"):
        corpora.load(str(tmp_path / "none.tsv"))
    empty = tmp_path / "empty.tsv"
    empty.touch()
    with pytest.raises(CorpusProblem, match=r"empty\.tsv is empty"):
        corpora.load(str(empty))


# Sentences, downloaded


@pytest.fixture
def sentences(monkeypatch, tmp_path):
    """A small archive in the place of the real one; returns its bytes. There is no network."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        lines = "".join(f"I am {n}.\tJ'ai {n}\u202fans.\n" for n in range(50))
        archive.writestr("fra-eng/fra.txt", lines + "x" * 50 + "\ttoo long\n")
    data = packed.getvalue()
    monkeypatch.setattr(english_french, "SHA1", hashlib.sha1(data).hexdigest())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LM_CORPORA", raising=False)
    english_french.corpus.cache_clear()
    answers = [urllib.error.URLError("Name or service not known")]

    def urlopen(url, timeout):
        answer = answers[0]
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    yield data, answers
    english_french.corpus.cache_clear()


def test_sentences_are_downloaded_once_and_cut_to_the_limit(sentences):
    data, answers = sentences
    answers[0] = data
    corpus = corpora.load("english_french")
    assert len(corpus.train) + len(corpus.validation) == 50  # not the long one
    assert corpus.answers["I am 7."] == ("J'ai 7 ans.",)
    answers[0] = urllib.error.URLError("offline")
    english_french.corpus.cache_clear()
    assert corpora.load("english_french").sha256 == corpus.sha256


@pytest.mark.parametrize("damage", [lambda data: data[:-10], lambda data: data + b"!"])
def test_a_download_that_is_cut_or_altered_is_refused(sentences, damage):
    data, answers = sentences
    answers[0] = damage(data)
    with pytest.raises(CorpusProblem, match="is not the expected file") as refused:
        corpora.load("english_french")
    assert "number_words, which needs no download" in str(refused.value)


def test_sentences_without_a_network(sentences, tmp_path, monkeypatch):
    data, _ = sentences
    with pytest.raises(CorpusProblem, match="Name or service not known"):
        corpora.load("english_french")
    (tmp_path / english_french.FILE_NAME).write_bytes(data)
    monkeypatch.setenv("LM_CORPORA", str(tmp_path))
    assert len(corpora.load("english_french").train) == 45


def test_pairs_go_to_another_process():
    """The page sends data to the process that trains."""
    corpus = corpora.load("sums:sort")
    assert pickle.loads(pickle.dumps(copy.copy(corpus))) == corpus
