"""How a text is cut, and how merges go: data of the tokenizers themselves, and words that they bear out."""

import re

import pytest

from lm.errors import Problem
from lm.tokenizers import BPETokenizer, TokenizerConfig, UnigramTokenizer
from lm.tokenizers.views import learn_steps
from playground.cutting import player, words
from playground.cutting.cut import MOST, checked, cut
from playground.cutting.examples import EXAMPLES, PASSAGE, example, titles
from playground.cutting.facts import count_words, facts

CHARACTERS, PIECES = "characters", "bpe:300"


@pytest.fixture
def both(services, own_text):
    """`both("a text")`: it, cut into characters and into pieces."""
    return lambda text: [cut(services.texts, own_text, one, text) for one in (CHARACTERS, PIECES)]


def test_every_example_is_cut_into_the_ids_of_the_tokenizer(both, services, own_text):
    corpus = services.texts.get(own_text).corpus
    for name, _ in titles():
        text = example(name, corpus)
        assert 0 < len(text) <= MOST
        for found in both(text):
            known = "".join(one for one in text if one not in found.unknown)
            if not found.unknown:
                assert [one.id for one in found.pieces] == found.tokenizer.encode(text).tolist()
            assert {at for one in found.pieces for at in range(one.start, one.end)} == set(
                range(len(text))
            )
            assert found.each * len(found.known) == pytest.approx(len(known))
    assert example(PASSAGE, corpus) in corpus.validation_text
    assert example("none", corpus) is None and PASSAGE not in EXAMPLES


def test_a_character_that_was_never_seen_has_no_token_or_is_cut_into_bytes(both):
    characters, pieces = both("a你你b")
    assert [one.id is None for one in characters.pieces] == [False, True, True, False]
    assert [one.here for one in characters.pieces] == [1, 2, 2, 1]
    assert (characters.unknown, characters.cut_apart) == ("你", "")
    assert (pieces.unknown, pieces.cut_apart) == ("", "你")
    assert [one.whole for one in pieces.pieces] == [True, *[False] * 6, True]
    told = " ".join(words.about(characters, pieces))
    assert "1 character here is none of the" in told and "read nor write it." in told
    assert "no piece for “你”: its 3 bytes are cut apart, so some" in told


def test_the_counts_are_those_of_the_training_text(both, services, own_text):
    text = services.texts.get(own_text).corpus.train_text
    characters, pieces = both("the ee")
    for one in characters.pieces:
        assert one.learned == text.count(one.text)
    assert sum(pieces.usage.counts) == len(pieces.tokenizer.encode(text))
    assert [one.here for one in characters.pieces] == [1, 1, 3, 1, 3, 3]


def test_the_sentence_on_losses_holds_both_numbers_of_both_sides(both):
    """And says that the order turns round only if it does."""
    left, right = both("x")
    told = words.about_losses(left, right)
    for cut_ in (left, right):
        assert f"{cut_.usage.nats_per_token:.2f}" in told
        assert f"{cut_.usage.nats_per_character:.2f}" in told
    assert left.usage.nats_per_token < right.usage.nats_per_token
    turned = left.usage.nats_per_character > right.usage.nats_per_character
    assert ("turns round" in told) == turned
    assert words.about_losses(left, left) == ""


def test_a_vocabulary_is_bytes_and_merges_and_no_special_tokens(both):
    left, right = both("x")
    assert words.vocabulary(right).startswith(
        "300 pieces = 256 bytes + 44 that merges made + 0 special tokens"
    )
    assert right.usage.unused > 100 and f"{right.usage.unused} never occur" in words.vocabulary(
        right
    )
    assert "no bytes" in words.vocabulary(left)


def test_the_hardest_word_is_told_with_its_pieces(both):
    left, right = both("the extraordinarily king")
    word, pieces = right.hardest
    assert word.strip() == "extraordinarily" and "".join(one.text for one in pieces) == word
    (sentence,) = [one for one in words.about(left, right) if "extraordinarily" in one]
    assert sentence.startswith(f"“{word.replace(' ', '␣')}” is {len(pieces)} pieces with BPE 300: ")
    assert both("   ")[1].hardest == ("", ())


def test_the_facts_of_the_guide_are_numbers_of_the_cuts(both, services, own_text):
    corpus = services.texts.get(own_text).corpus
    left, right = both("the extraordinarily king")
    counted = count_words(corpus)
    found = facts(left, right, counted)
    assert found["left_tokens"] == 24 and found["right_tokens"] == len(right.pieces)
    assert found["right_merges"] == 44 and found["left_merges"] == 0
    assert found["first_merge"] == "“{}” + “{}”".format(
        *(right.tokenizer.token_text(id).replace(" ", "␣") for id in right.tokenizer.merges[0])
    )
    assert counted.once <= counted.different and 0 < counted.unseen < counted.validation
    assert found["unseen_share"] == counted.unseen / counted.validation


def test_half_a_surrogate_pair_is_refused_and_a_nul_is_not(both):
    with pytest.raises(Problem, match=re.escape("U+D800 at position 2")):
        checked("a\ud800")
    assert checked("a\0") == "a\0" and checked(None) == ""
    assert both("a\0")[1].pieces[1].text == "\0"


def test_each_step_of_learning_says_what_it_joins_and_how_many_tokens_are_left():
    told = player.learn("the then thee")["steps"]
    steps = list(learn_steps("the then thee"))
    assert len(told) == len(steps)
    for at, step in enumerate(told[:-1]):
        now, then = (sum(map(len, one["pieces"])) for one in told[at : at + 2])
        assert f"{now} tokens are {then} then" in step["words"]
        assert step["made"] == "".join(step["joined"])
        assert ("by heart" in step["words"]) == (step["pairs"][0][2] == 1)
    assert "stands here 3 times" in told[0]["words"]
    assert told[-1]["words"].startswith("No pair is left") and told[-1]["joined"] is None


def test_the_player_says_where_it_stops():
    """A hundred different letters in one word: after the last step that is played pairs are left."""
    text = "".join(chr(0x400 + n) for n in range(110))
    told = player.learn(text[: player.MOST])["steps"]
    assert len(told) == player.MOST_STEPS + 1
    assert re.match(r"The player stops here; \d+ different pairs are left\.", told[-1]["words"])


def test_encoding_lists_the_pair_that_was_learned_first_on_top(services, own_text):
    tokenizer = services.texts.get(
        own_text, TokenizerConfig(tokenizer="bpe", vocab_size=300)
    ).tokenizer
    assert isinstance(tokenizer, BPETokenizer)
    told = player.encode(tokenizer, "the king thinks")
    assert told["ids"] == tokenizer.encode("the king thinks").tolist()
    for step in told["steps"][:-1]:
        assert step["joined"] == step["pairs"][0][:2] and step["pairs"][0][3] == step["rank"]
        assert f"merge {step['rank'] + 1:,} of 44" in step["words"]
    assert f"reads these {len(told['ids'])} tokens" in told["steps"][-1]["words"]


def test_the_likeliest_path_is_told_with_its_sum():
    scored = [(bytes([n]), -9.0) for n in range(256)] + [
        (b"ki", -3.0),
        (b"ng", -4.0),
        (b"kin", -6.5),
    ]
    told = player.best_paths(UnigramTokenizer(scored), "king")["words"]
    (word,) = told
    assert [piece[0] for piece in word["pieces"] if piece[4]] == ["ki", "ng"]
    assert word["words"] == (
        "7 pieces fit into “king”. The likeliest path is ki · ng: −3.00 − 4.00 = −7.00. Byte by byte it "
        "would be −36.00."
    )


def test_a_sentence_is_shortened_and_an_empty_one_refused():
    assert player.sentence("a") == ("a", "")
    text, note = player.sentence("a" * player.MOST, 200_000)
    assert len(text) == player.MOST and "first 120 of 200,000 characters" in note
    with pytest.raises(Problem, match="type a sentence"):
        player.sentence("")
