"""The synthetic plays: one derivation per text, and an entropy that agrees with the generated text."""

import hashlib
import math
import random
from collections import Counter, defaultdict

import pytest

from lm import corpora
from lm.corpora import own_text, play_grammar, play_words, synthetic_plays
from lm.corpora.grammar import Grammar, NotInLanguage


@pytest.fixture(scope="module")
def plays():
    return synthetic_plays.generate()


def test_the_plays_are_a_corpus_with_a_floor(plays):
    corpus = corpora.load("synthetic_plays")
    assert corpus.text == "".join(text for text, _ in plays)
    assert corpus.floor == synthetic_plays.entropy_rate()
    assert 900_000 < len(corpus.text) < 1_200_000
    assert 50 < len(set(corpus.text)) < 80
    assert own_text.checked(corpus.text, "the plays") == (corpus.text, None)


def test_the_plays_are_the_same_on_every_machine(plays):
    text = "".join(text for text, _ in plays)
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "ec9e18ba1b712c469080ae2c0f5dd0151c9289ed4ec9790ee7e3d7402d26195d"
    )
    assert synthetic_plays.generate(plays=2) == plays[:2]
    assert synthetic_plays.generate(seed=1, plays=2) != plays[:2]


def test_no_choice_can_be_read_in_two_ways():
    """The proof that no text is ambiguous: no first string of an alternative is a prefix of another."""
    grammar = Grammar(play_grammar.expand, ("play",))
    assert grammar.conflicts() == []
    assert len(grammar.rules) > 10_000  # all rules were visited


@pytest.mark.parametrize(
    "rules",
    [
        {"S": [("a",), ("a",)]},
        {"S": [("a",), ("ab",)]},
        {"S": [(("A",), "c"), ("b",)], "A": [("b",), ("d",)]},
        {"S": [("a",), ()]},
        {"S": [("a", ("A",)), ("b",)], "A": [("x",), ("xy",)]},
        {"S": [("a", ""), ("b",)]},
    ],
)
def test_ambiguous_grammars_are_reported(rules):
    grammar = Grammar(lambda symbol: [(1, parts) for parts in rules[symbol[0]]], ("S",))
    assert grammar.conflicts()


def test_a_small_grammar_by_hand():
    """Heads (3 in 4) give yes; tails give no and a second throw: every text and its probability."""
    rules = {
        ("throw", 0): [(3, ("yes ",)), (1, ("no ", ("throw", 1)))],
        ("throw", 1): [(1, ("aye!",)), (1, ("nay!",))],
    }
    grammar = Grammar(lambda symbol: rules[symbol], ("throw", 0))
    expected = {"yes ": 3 / 4, "no aye!": 1 / 8, "no nay!": 1 / 8}
    for text, p in expected.items():
        derivation, end = grammar.parse(text)
        assert end == len(text)
        assert grammar.log_probability(derivation) == pytest.approx(math.log(p))
    entropy, length = grammar.measure()
    assert entropy == pytest.approx(-sum(p * math.log(p) for p in expected.values()))
    assert length == pytest.approx(sum(p * len(text) for text, p in expected.items()))
    source = random.Random(0)
    counts = Counter(grammar.generate(source)[0] for _ in range(8_000))
    assert set(counts) == set(expected)
    assert all(abs(counts[t] / 8_000 - p) < 0.02 for t, p in expected.items())


def test_parsing_recovers_the_derivation_that_generated_each_play(plays):
    text = "".join(text for text, _ in plays)
    assert synthetic_plays.parse(text) == [derivation for _, derivation in plays]


def test_the_entropy_rate_agrees_with_the_text(plays):
    """-ln p over the megabyte against the analytic rate, within four standard errors of the mean."""
    rate = synthetic_plays.entropy_rate()
    surprises = [-synthetic_plays.log_probability(text) for text, _ in plays]
    characters = sum(len(text) for text, _ in plays)
    excess = [s - rate * len(text) for s, (text, _) in zip(surprises, plays, strict=True)]
    standard_error = math.sqrt(sum(e * e for e in excess)) / characters
    assert standard_error < 0.01 * rate, "too little text to test anything"
    assert abs(sum(surprises) / characters - rate) < 4 * standard_error
    _, expected_length = synthetic_plays.grammar().measure()
    lengths = [len(text) for text, _ in plays]
    mean = characters / len(plays)
    spread = math.sqrt(sum((n - mean) ** 2 for n in lengths)) / len(plays)
    assert abs(mean - expected_length) < 4 * spread


def test_every_choice_is_taken_as_often_as_its_probability_says(plays):
    """Pearson's chi-squared for each frequent symbol, with a bound wide enough for so many tests."""
    counts = defaultdict(Counter)
    for _, derivation in plays:
        for symbol, index in derivation:
            counts[symbol][index] += 1
    tested = 0
    for symbol, count in counts.items():
        rule = synthetic_plays.grammar().rule(symbol)
        met = count.total()
        p = [rule.probability(index) for index in range(len(rule.alternatives))]
        if met * min(p) < 5:
            continue
        tested += 1
        chi2 = sum((count[i] - met * q) ** 2 / (met * q) for i, q in enumerate(p))
        freedom = len(p) - 1
        assert chi2 < freedom + 4.5 * math.sqrt(2 * freedom) + 10, symbol
    assert tested > 50


def test_a_text_that_is_no_play_has_probability_0(plays):
    text = plays[0][0]
    assert synthetic_plays.log_probability(text) < 0
    assert synthetic_plays.log_probability("") == 0
    for broken in (text[:-1], text + "x", text.replace("Exeunt", "Exit", 1), "Nobody speaks.\n"):
        assert synthetic_plays.log_probability(broken) == -math.inf
        with pytest.raises(NotInLanguage, match=r"at \d+"):
            synthetic_plays.parse(broken)


def test_the_plays_have_the_structure_that_is_documented(plays):
    """Speakers address the previous one; couplets rhyme; scenes and plays end as they began."""
    rhymes = {word: row for row in play_words.RHYMES for word in row}
    addressed = rhymed = scenes = 0
    for text, _ in plays[:40]:
        for scene in text.split("SCENE ")[1:]:
            place = scene.split(" A ")[1].split(".")[0]
            assert f"The {place} is empty.\n" in scene
            scenes += 1
            before = None
            for block in scene.split("Exeunt")[0].split("\n\n")[1:-1]:
                speaker, first, *verses = block.split("\n")
                speaker = speaker.removesuffix(":").capitalize()
                assert speaker not in first
                if before is not None:
                    assert f"{before}, " in first
                    addressed += 1
                before = speaker
                for one, other in pairs(verses):
                    ends = [line.split()[-1].strip(",.?!") for line in (one, other)]
                    assert ends[1] in rhymes[ends[0]] and ends[0] != ends[1]
                    rhymed += 1
        title = text.split("\n")[0].removeprefix("THE ")
        assert text.rstrip().endswith(f"{title.split()[-1].capitalize()}.")
    assert addressed > 500 and rhymed > 1_000 and scenes > 100


def pairs(lines):
    assert len(lines) % 2 == 0
    return zip(lines[::2], lines[1::2], strict=True)


def test_no_word_is_in_two_rows_of_rhymes():
    listed = [word for row in play_words.RHYMES for word in row]
    assert len(listed) == len(set(listed))
    assert all(len(row) >= 2 for row in play_words.RHYMES)
