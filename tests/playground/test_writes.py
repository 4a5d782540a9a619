"""Texts that are written for visitors: few for each, and none that nobody hears."""

import time

import pytest

from lm.errors import SettingsProblem
from playground.looking import writes
from playground.looking.writes import Writes
from playground.serving.visitors import NOBODY, Visitor

ME, OTHER = Visitor("a" * 22, "1.2.3.4"), Visitor("b" * 22, "5.6.7.8")


def test_a_visitor_has_few_texts_at_once_and_others_are_not_kept_waiting():
    all_of = Writes(2)
    with all_of.one_more(ME, None), all_of.one_more(ME, None):
        with pytest.raises(SettingsProblem, match="2 texts are being written"):
            all_of.one_more(ME, None).__enter__()
        with all_of.one_more(OTHER, None), all_of.one_more(NOBODY, None):
            pass
    with all_of.one_more(ME, None):
        pass


def test_a_text_without_a_listener_ends_and_one_with_a_listener_goes_on(monkeypatch):
    """68 texts of a visitor who had gone kept everybody waiting for 180 s."""
    now = [100.0]
    monkeypatch.setattr(writes.time, "monotonic", lambda: now[0])
    all_of = Writes(2)
    with all_of.one_more(ME, "page") as listens:
        assert listens()  # the page asks first and listens then
        all_of.listeners.began("page")
        now[0] += 60
        assert listens()
        all_of.listeners.ended("page")
        now[0] += writes.PATIENCE / 2
        assert listens()
        now[0] += writes.PATIENCE
        assert not listens()


def test_the_handler_stops_writing_for_a_page_that_has_gone(deep, finished, monkeypatch):
    monkeypatch.setattr(writes, "PATIENCE", 0.0)
    asked = {"run": f"local:{deep.rung.name}", "pane": "p", "number": 1}
    heard = list(deep.write(asked, "A", 1.0, 0, 1.0, 40, 1, visitor=ME, session="gone"))
    assert not any(answer["done"] for answer in heard)
    spoken = list(deep.write(asked, "A", 1.0, 0, 1.0, 40, 1, visitor=ME))
    assert spoken[-1]["done"] and not spoken[-1].get("note")


def test_a_refused_text_is_a_sentence_in_the_pane(deep, finished, monkeypatch):
    asked = {"run": f"local:{deep.rung.name}", "pane": "p", "number": 1}
    monkeypatch.setattr(finished.writes, "most", 1)
    with finished.writes.one_more(ME, None):
        (answer,) = deep.write(asked, "A", 1.0, 0, 1.0, 40, 1, visitor=ME)
    assert "being written for you" in answer["note"] and answer["asked"] == 1


def test_who_has_left_many_texts_does_not_hold_the_queue_for_each(monkeypatch):
    """68 texts of a page that was closed took 2 s each, four at a time, before anybody else's turn came."""
    monkeypatch.setattr("playground.looking.writes.PATIENCE", 0.2)
    monkeypatch.setattr("playground.looking.writes.BRIEF", 0.0)
    of_all = Writes(most=100)

    def seconds(session: str, visitor: Visitor) -> float:
        began = time.monotonic()
        with of_all.one_more(visitor, session) as listens:
            while listens():
                time.sleep(0.005)
        return time.monotonic() - began

    assert seconds("gone", ME) >= 0.2
    assert seconds("gone", ME) < 0.1 and seconds("another", ME) < 0.1
    assert seconds("other", OTHER) >= 0.2, "who is new is waited for"
