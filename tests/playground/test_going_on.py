"""Go on: a run that has ended is given more steps, and joins the queue like any other."""

import threading

import pytest

from lm.runs.lock import WriterLock
from playground.tabs.actions import Actions
from tests.playground.answers import assert_one_sentence, refusal


@pytest.fixture
def ended(actions, own_text, tiny_values, library, wait_for_status):
    """`ended()`: the token of a run of the decoder that has finished its 6 steps."""
    token = actions.begin(["train", None, own_text, *tiny_values(actions.rung, steps=6)])["run"]
    wait_for_status(library, token, "finished")
    return token


@pytest.fixture
def go_on(actions, own_text, tiny_values):
    """`go_on(token, steps=12)`: the answer to the button."""
    return lambda token, corpus=own_text, **changed: actions.begin(
        ["go_on", token, corpus, *tiny_values(actions.rung, **{"steps": 6} | changed)]
    )


def test_a_finished_run_goes_on_in_its_own_curve(ended, go_on, library, wait_for_status):
    before = library.answer(ended)
    begun = go_on(ended, steps=12, learning_rate=0.01)
    assert begun["run"] == ended  # other tabs that show it see it go on
    names = list(library.view(ended).run.plan.rung.settings())
    assert begun["trained"]["values"][names.index("steps")] == 12
    assert begun["trained"]["values"][names.index("learning_rate")] == 0.01
    answer = wait_for_status(library, ended, "finished")
    assert answer["train"]["step"] == list(range(1, 13))
    assert answer["train"]["loss"][:6] == before["train"]["loss"]
    changed = [event for event in answer["events"] if event["type"] == "changed"]
    assert [(one["step"], one["settings"]["steps"]) for one in changed] == [(6, [6, 12])]
    assert "From step 7 on: " in answer["summary"] and "learning rate jumps" in answer["summary"]


def test_a_stopped_run_goes_on_as_it_was(
    actions, own_text, tiny_values, library, wait_for_status, step_reached
):
    values = tiny_values(actions.rung, steps=100_000, evaluate_every=100_000)
    token = actions.begin(["train", None, own_text, *values])["run"]
    step_reached(token, 2)
    actions.order([token, 0, 0, "stop"])
    stopped = wait_for_status(library, token, "stopped")["step"]
    assert actions.begin(["go_on", token, own_text, *values])["run"] == token
    step_reached(token, stopped + 2)
    lines = list(library.view(token).run.metrics())
    assert "changed" not in {line["type"] for line in lines}
    steps = [line["step"] for line in lines if line["type"] == "step"]
    assert steps == list(range(1, len(steps) + 1))


REFUSED: list[tuple[dict, str]] = [
    ({}, "choose more steps"),
    ({"steps": 3}, "it needs more than that"),
    ({"steps": 12, "n_embd": 32}, "its weights were learned in that model"),
    ({"steps": 12, "seed": 7}, "its batches so far were drawn with it"),
    ({"steps": 12, "batch_size": 8}, "begun with Batch size 4, not 8, and keeps it: every step"),
    (
        {"steps": 12, "seed": 8},
        "can change Steps, Learning rate and Evaluate every; for another Seed",
    ),
    ({"steps": 12, "corpus": "synthetic_plays"}, "keeps to it"),
]


def test_what_cannot_change_is_refused_with_the_reason(ended, go_on, library):
    record = library.view(ended).run.record
    for changed, because in REFUSED:
        sentence = refusal(go_on(ended, **changed))
        assert_one_sentence(sentence)
        assert because in sentence
        assert library.view(ended).run.record == record


def test_it_goes_on_once_however_many_tabs_ask(ended, go_on, supervisor):
    answers: list[dict] = []
    ask = lambda: answers.append(go_on(ended, steps=100_000, evaluate_every=100_000))  # noqa: E731
    tabs = [threading.Thread(target=ask) for _ in range(3)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert sorted(answer.get("run", "") for answer in answers) == ["", "", ended]
    assert all("in training already" in a["error"] for a in answers if "error" in a)
    assert supervisor.is_live(ended)


def test_a_run_that_another_process_trains_stays_as_it_is(ended, go_on, library):
    run = library.view(ended).run
    with WriterLock(run.directory):
        assert "trains the run" in refusal(go_on(ended, steps=12))
    assert library.view(ended).run.record == run.record


@pytest.mark.parametrize("token", ["shipped:decoder_transformer", "", None, "local:nothing", 7])
def test_what_is_no_run_of_ones_own_cannot_go_on(go_on, token):
    assert_one_sentence(refusal(go_on(token, steps=12)))


def test_counting_has_nothing_to_go_on_with(reader, own_text):
    if "steps" in reader.rung.settings():
        pytest.skip("a model with steps")
    values = [field.default for field in reader.rung.settings().values()]
    answer = Actions(reader.rung, reader.services).begin(["go_on", "x", own_text, *values])
    assert "counts the text once" in refusal(answer)
