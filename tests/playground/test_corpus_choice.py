"""The choice of the text: menu and text in use agree, also after a refusal."""

import pytest

from lm.errors import CorpusProblem
from playground.serving.limits import Limits
from playground.tabs.corpus_choice import OWN, Choosing


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

    def refuse(*_):
        raise CorpusProblem("It cannot be had: try another.")

    answers = [choosing.add_pasted("too short", now), choosing.add_uploaded(b"\xff" * 2000, now)]
    monkeypatch.setattr(choosing.texts, "get", refuse)
    answers.append(choosing.choose("synthetic_plays", now))
    for answer in answers:
        assert answer["choice"] == now and "corpus" not in answer and "facts" not in answer
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
