"""The choice of the text: menu and text in use agree, also after a refusal."""

import gradio as gr
import pytest

from lm.errors import CorpusProblem
from playground.serving.limits import Limits
from playground.tabs.corpus_choice import LEARNING, LOADING, OWN, Choosing
from playground.tabs.own_choice import connect
from playground.texts import CHARACTERS, NotYet


@pytest.fixture
def choosing(services) -> Choosing:
    return Choosing(services)


def sentence(answer) -> str:
    assert answer["told"]["visible"] == bool(answer["told"]["value"])
    return answer["told"]["value"]


def test_a_text_is_taken_and_described(choosing, play):
    answer = choosing.add_pasted(play, "synthetic_plays")
    assert answer["corpus"].startswith("own:")
    assert answer["choice"] == OWN
    assert answer["facts"].startswith(f"{len(set(play))} characters · 2 CPU cores")
    assert sentence(answer) == "" and answer["panel"]["visible"] is False
    assert choosing.choose("synthetic_plays", answer["corpus"])["choice"] == "synthetic_plays"


def test_the_panel_opens_and_closes_and_the_text_stays(choosing, own_text):
    for now, shown in (("synthetic_plays", "synthetic_plays"), (own_text, OWN)):
        opened, closed = choosing.choose(OWN, now), choosing.close(now)
        assert (opened["panel"]["visible"], closed["panel"]["visible"]) == (True, False)
        for answer in (opened, closed):
            assert answer["choice"] == shown and "corpus" not in answer


def test_a_text_that_cannot_be_prepared_leaves_the_one_in_use(choosing, play, monkeypatch):
    """Of too many different characters. The plays take the place of a text only if that is gone."""
    monkeypatch.setattr("lm.tokenizers.characters.MOST_CHARACTERS", 20)
    answer = choosing.add_pasted(play, "tiny_shakespeare")
    assert answer.keys() == {"told", "choice"} and answer["choice"] == "tiny_shakespeare"
    assert f"has {len(set(play))} different characters" in sentence(answer)


@pytest.mark.parametrize("now", ["tiny_shakespeare", "synthetic_plays"])
def test_after_a_refusal_the_menu_shows_the_text_in_use(choosing, now, monkeypatch):
    """The text is refused when it is added, or, as with a full disk, when it is loaded."""

    def refuse(*_, **__):
        raise CorpusProblem("It cannot be had: try another.")

    answers = [choosing.add_pasted("too short", now), choosing.add_uploaded(b"\xff" * 2000, now)]
    monkeypatch.setattr(choosing.texts, "get", refuse)
    answers.append(choosing.choose("synthetic_plays", now))
    for answer in answers:
        assert answer["choice"] == now and "corpus" not in answer
        assert "characters" not in answer.get("facts", "")
        assert sentence(answer).endswith(".") and "panel" not in answer


def test_what_was_removed_from_a_text_is_said(choosing, play):
    answer = choosing.add_uploaded(play.replace("a", "a\x0b", 1).encode(), "tiny_shakespeare")
    assert answer["choice"] == OWN
    assert "1 control character was removed (1 × U+000B)" in sentence(answer)


def test_a_text_over_the_limit_is_refused_with_both_numbers(make_services):
    """Pasted, or as a file that the browser sent all the same."""
    choosing = Choosing(make_services(limits=Limits(text_megabytes=2)))
    said = "That text has 2.1 MB; the page takes up to 2 MB: choose a smaller part of it."
    for answer in (
        choosing.add_pasted("a" * 2_100_000, "synthetic_plays"),
        choosing.add_uploaded(b"a" * 2_100_000, "synthetic_plays"),
    ):
        assert sentence(answer).startswith(said)
        assert answer["choice"] == "synthetic_plays" and "corpus" not in answer


def test_tokens_are_chosen_and_described(choosing, own_text):
    answer = choosing.choose_tokens("bpe", " 300 ", own_text, "characters")
    assert answer["tokens"] == "bpe:300" and sentence(answer) == ""
    assert (
        answer["facts"].startswith("300 pieces · ") and "characters each · 2 CPU" in answer["facts"]
    )
    assert (answer["kind"], answer["size"]["value"], answer["size"]["visible"]) == (
        "bpe",
        300,
        True,
    )
    assert ("300", 300) in answer["size"]["choices"]
    back = choosing.choose_tokens("characters", "no number", own_text, "bpe:300")
    assert back["tokens"] == "characters" and back["size"]["visible"] is False


@pytest.mark.parametrize("now", ["characters", "bpe:300"])
@pytest.mark.parametrize(
    ("kind", "size", "said"),
    [
        ("bpe", 8192, "different pieces, not 8,192: choose a vocabulary of at most"),
        ("unigram", "256", "Vocabulary must be a whole number from 257 to 8,192 pieces, not 256."),
        ("bpe", "many", "from 257 to 8,192 pieces, not 'many'."),
        ("bpe", None, "must be a whole number from 257 to 8,192 pieces."),
        ("bpe", "٣٠٠", "from 257 to 8,192 pieces"),
        ("words", 300, "Tokens are one of characters, BPE, Unigram, not 'words'."),
    ],
)
def test_refused_tokens_leave_those_in_use(choosing, own_text, now, kind, size, said):
    """Issue 12, row 36: else the menu would show tokens on which no tab trains."""
    answer = choosing.choose_tokens(kind, size, own_text, now)
    assert said in sentence(answer) and "tokens" not in answer
    assert answer["kind"] == now.partition(":")[0]
    assert answer["size"]["visible"] == (now != "characters")
    assert answer["facts"].startswith("300 pieces" if now != "characters" else "59 characters")


@pytest.mark.parametrize("asked", ["words:5", "bpe", "bpe:99999", "bpe:8192", ":", 7, None])
def test_a_page_that_opens_with_unusable_tokens_has_characters(choosing, own_text, asked):
    """Of a link, of a browser that remembers them from a longer text, or of a page of another version."""
    answer = choosing.show(own_text, asked, own_text, asked)
    assert answer["tokens"] == "characters" == answer["kind"]
    assert sentence(answer).endswith("The tokens are characters now.")


def test_a_sentence_stays_when_its_own_change_is_heard(choosing, own_text):
    """The browser answers every new choice with a change, which has nothing to say."""
    assert "value" not in choosing.follow(own_text, "characters", own_text, "characters")["told"]


def test_pieces_that_take_long_are_asked_for_again(choosing, own_text, monkeypatch):
    """On a busy machine, the tokens of a link or of a class must not become characters after ten seconds."""
    get, late = choosing.texts.get, True

    def slow(key, tokenizer=CHARACTERS, **how):
        if late and tokenizer != CHARACTERS:
            raise NotYet("That text is still being cut into pieces.")
        return get(key, tokenizer, **how)

    monkeypatch.setattr(choosing.texts, "get", slow)
    opened = choosing.show(own_text, "bpe:300", own_text, "characters")
    assert (opened["kind"], opened["size"]["value"], opened["facts"]) == ("bpe", 300, LEARNING)
    assert "tokens" not in opened and sentence(opened) == ""
    assert choosing.choose_tokens("bpe", 300, own_text, "characters") == {"facts": LEARNING}
    late = False
    told = choosing.choose_tokens("bpe", 300, own_text, "characters")
    assert told["tokens"] == "bpe:300" and told["facts"].startswith("300 pieces")


def test_a_text_that_takes_long_while_the_page_opens_is_asked_for_again(
    choosing, own_text, monkeypatch
):
    """On a busy machine a newcomer read "choose it again in a moment", over a page that was soon ready."""

    def slow(*_wanted, **_how):
        raise NotYet("That text is still being loaded: choose it again in a moment.")

    monkeypatch.setattr(choosing.texts, "get", slow)
    opened = choosing.show(own_text, "characters", own_text, "characters")
    assert opened == {"choice": OWN, "facts": LOADING}
    assert choosing.choose_tokens("characters", None, own_text, "characters") == {"facts": LOADING}
    monkeypatch.undo()
    told = choosing.choose_tokens("characters", None, own_text, "characters")
    assert "characters · " in told["facts"] and told["kind"] == "characters"
    assert sentence(choosing.show("own:gone", "characters", own_text, "characters"))


def test_pieces_in_use_that_turn_out_impossible_become_characters(choosing, own_text):
    """Those that the browser remembers from a longer text, once the page has asked again."""
    answer = choosing.choose_tokens("bpe", 8192, own_text, "bpe:8192")
    assert answer["tokens"] == "characters" == answer["kind"]
    assert sentence(answer).endswith("The tokens are characters now.")


def test_a_menu_that_is_left_without_a_choice_changes_nothing(services):
    """For Gradio an empty answer is too few values, which it shows as an error over all parts."""
    handlers = []
    parts = {name: f"the {name}" for name in ("told", "choice", "panel")}
    connect(parts, "choosing", lambda f, *_, **__: handlers.append(f), Choosing(services).choose)
    assert handlers[0](None, "tiny_shakespeare") == gr.skip()
    assert set(handlers[0](OWN, "tiny_shakespeare")) == set(parts.values())
