"""The handlers of the Tokens tab: an answer or one sentence, whatever a page sends."""

import json

import pytest

from playground.cutting.cut import MOST
from playground.tabs.tokens_tab import TokensTab, faults

SIDES = {"left": "characters", "right": "bpe:300"}


@pytest.fixture
def tab(services):
    return TokensTab(services)


@pytest.fixture
def ask(own_text):
    """`ask(text="a")`: what a page sends."""
    return lambda **changed: (
        {"key": own_text, "example": None, "text": "the king", **SIDES} | changed
    )


def test_a_text_is_cut_on_both_sides(tab, ask):
    answer = tab.cut(ask())
    left, right = answer["panes"]
    assert len(left["pieces"]) == 8 > len(right["pieces"])
    assert "".join(piece[1] for piece in right["pieces"]) == answer["text"] == "the king"
    assert answer["words"] and "per character" in answer["losses"] and answer["note"] == ""
    json.dumps(answer)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"text": ""}, "There is nothing to cut: type a text"),
        ({"text": None}, "There is nothing to cut: type a text"),
        ({"text": "a\ud83d"}, "The character U+D83D at position 2 is half of a surrogate pair"),
        ({"example": "<b>"}, "There is no example called '<b>'"),
    ],
)
def test_a_text_that_cannot_be_cut_is_refused_in_a_sentence(tab, ask, changed, sentence):
    assert tab.cut(ask(**changed))["error"].startswith(sentence)


@pytest.mark.parametrize(
    "data", [None, [], "x", {}, {"example": 7}, {"text": ["a"], "length": "9"}]
)
def test_rubbish_is_answered_with_a_sentence(tab, data):
    for handler in (tab.cut, tab.play):
        answer = handler(data)
        assert answer["error"].endswith("."), answer
    assert tab.happened(data)["text"] == "The guide has no such step."
    assert tab.happened([0, data])["text"].endswith(".")


def test_only_the_beginning_of_a_long_text_is_cut(tab, ask):
    """Work and answer are bounded, whatever is pasted; also if a page sends all of it."""
    for sent, length in (("ab " * 2000, 6000), ("ab" * (MOST // 2), 200_000)):
        answer = tab.cut(ask(text=sent, length=200_000 if length == 200_000 else None))
        assert answer["note"] == f"The text has {length:,} characters; the first {MOST:,} are cut."
        assert len(answer["text"]) == len(answer["panes"][0]["pieces"]) == MOST
    nul = tab.cut(ask(text="a\0b"))
    assert nul["panes"][0]["pieces"][1][:2] == [None, "\0"] and "error" not in nul


def test_tokens_that_a_text_cannot_have_leave_the_other_side(tab, ask):
    """A text of twenty thousand characters holds no 8,192 pieces."""
    answer = tab.cut(ask(right="bpe:8192"))
    left, right = answer["panes"]
    assert left["pieces"] and "choose a vocabulary of at most" in right["error"]
    assert answer["words"][0].endswith(f"with {left['name']}.") and answer["losses"] == ""
    assert "from 257 to 8,192" in tab.cut(ask(left="bpe:256"))["panes"][0]["error"]


def test_a_page_is_told_whether_it_is_worth_asking_again(tab, ask, monkeypatch):
    """Pieces that are still learned come in a moment; a vocabulary that is too large never does."""
    monkeypatch.setattr("playground.texts.PATIENCE", 0.0)
    late, never = (tab.cut(ask(left=one))["panes"][0] for one in ("unigram:300", "bpe:256"))
    assert "still being cut" in late["error"] and late["again"] is True
    assert never["again"] is False


def test_the_player_takes_the_tokenizer_of_a_side(tab, ask, own_text):
    asked = {"key": own_text, "sentence": "the king", "tokens": ["bpe:290", "bpe:300"]}
    titles = [tab.play(asked | {"mode": mode})["title"] for mode in ("learn", "encode")]
    assert "sentence itself" in titles[0] and titles[1].startswith("44 merges of BPE 300")
    other = tab.play(asked | {"mode": "encode", "tokens": ["bpe:290", "characters"]})
    assert other["title"].startswith("34 merges of BPE 290")
    paths = tab.play(asked | {"mode": "unigram", "tokens": ["unigram:300", "characters"]})
    assert [word["word"] for word in paths["words"]] == ["the", " king"]


def test_each_step_of_the_guide_can_be_done_and_is_told_with_numbers(tab, own_text):
    """On a text of twenty thousand characters, as on Tiny Shakespeare."""
    now = {"key": own_text, "example": "passage", **SIDES}
    for index, step in enumerate(tab.shown()):
        now |= {name: value for name, value in step["cut"].items() if name in ("example", *SIDES)}
        answer = tab.cut(now | ({"right": "bpe:400"} if now["right"] == "bpe:1024" else {}))
        assert all("error" not in pane for pane in answer["panes"]), step["id"]
        told = tab.happened([index, now | {"right": "bpe:400"}])["text"]
        assert told and "{" not in told and "There is nothing to tell" not in told, step["id"]


def test_a_link_says_what_the_tab_does_not_have():
    assert faults({"left": "bpe:512", "example": "german", "player": "unigram"}) == []
    found = faults({"left": "bpe:7", "right": "words", "example": "x", "player": "y"})
    assert [one.split(" ")[0] for one in found] == ["left:", "right:", "example", "player"]
