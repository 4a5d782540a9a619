"""Answers that are kept (`playground/looking/kept.py`)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from playground.looking.kept import Kept


def test_an_answer_is_worked_out_once_for_all_who_ask_at_once():
    kept, asked, go = Kept(most=2), [], threading.Event()

    def slowly() -> str:
        asked.append(1)
        go.wait(5)
        return "answer"

    with ThreadPoolExecutor(8) as visitors:
        answers = [visitors.submit(kept.of, "question", slowly) for _ in range(8)]
        go.set()
        assert [one.result() for one in answers] == ["answer"] * 8
    assert len(asked) == 1


def test_the_answers_that_nobody_asked_for_lately_are_let_go():
    kept = Kept(most=2)
    for question in (1, 2, 1, 3):
        kept.of(question, lambda question=question: question)
    assert kept.of(1, lambda: "anew") == 1
    assert kept.of(2, lambda: "anew") == "anew"


def test_a_failure_is_not_kept():
    kept = Kept(most=2)
    with pytest.raises(ZeroDivisionError):
        kept.of("question", lambda: 1 / 0)
    assert kept.of("question", lambda: 1) == 1
