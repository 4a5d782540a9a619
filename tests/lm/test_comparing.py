"""What differs between two runs, and the sentence on what that bought: no number of it contradicts another."""

import re
from dataclasses import replace

import pytest

from lm.ladder import RUNGS
from lm.plan import Plan
from lm.runs import recording
from lm.runs.comparing import differences, differences_of, shortened, unit, verdict
from lm.runs.curve import Curve, Judged
from lm.runs.facts import facts
from lm.runs.format import Change
from lm.settings import describe
from lm.tasks import KINDS
from lm.training.events import ChangeLearningRate, Step
from lm.training.loop import train
from tests.lm.recorded import record_all

DECODER, BIGRAM = RUNGS["decoder_transformer"], RUNGS["bigram"]


def curve(*losses, each=100, second=0.1):
    return tuple(
        Judged(each * (i + 1), loss, second * each * (i + 1)) for i, loss in enumerate(losses)
    )


@pytest.fixture(scope="module")
def run_of(trained):
    """`run_of(plan, losses…)`: facts of a finished run that was evaluated every hundred steps."""
    known = facts(trained)

    def make(plan: Plan | None = None, *losses, name="", second=0.1, **changed):
        judged = curve(*losses, second=second)
        steps = judged[-1].step if judged else 0
        plan = plan or known.plan
        made = replace(
            known,
            plan=plan,
            model=plan.rung.name,
            model_title=plan.rung.title,
            name=name,
            judged=judged,
            step=steps,
            steps=steps,
            seconds=judged[-1].seconds if judged else 0.0,
        )
        return replace(made, **changed)

    return make


# Differences


def test_differences_are_named_by_titles():
    first = DECODER.plan(n_layer=3)
    other = DECODER.plan(n_layer=6, positions="rotary", causal_mask=False, learning_rate=1e-4)
    assert differences(first, other) == [
        "causal mask on→off",
        "layers 3→6",
        "positions learned→rotary",
        "learning rate 0.003→0.0001",
    ]
    assert differences(other, other) == []


@pytest.mark.parametrize("name", RUNGS)
def test_every_setting_of_every_part_is_told(name):
    """A setting of a part that is added later as well: none is listed by hand."""
    plan = RUNGS[name].plan()
    for part_name, part in plan.parts.items():
        for field in describe(type(part)):
            old = getattr(part, field.name)
            if field.kind == "bool":
                new = not old
            elif field.kind == "choice":
                new = next((choice for choice in field.choices if choice != old), None)
            else:
                new = field.maximum if old != field.maximum else field.minimum
            if new is None:  # there is only one choice
                continue
            other = replace(plan, **{part_name: part.model_copy(update={field.name: new})})
            told = differences(plan, other)
            assert len(told) == 1
            assert field.title[1:] in told[0]
            assert "→" in told[0]


def test_of_two_models_only_shared_settings_are_listed():
    told = differences(BIGRAM.plan(), DECODER.plan())
    assert told[0] == "model bigram→decoder transformer"
    assert not any("layers" in one or "dropout" in one for one in told)
    assert "embedding size 32→128" in told
    assert differences(DECODER.plan(), BIGRAM.plan())[0] == "model decoder transformer→bigram"


def test_texts_and_changes_are_differences(run_of):
    first = run_of(None, 2.0)
    other = replace(first, text="my_letters", text_sha256="f" * 64)
    assert differences_of(first, other) == ["text Your own text→my_letters"]
    again = replace(first, text_sha256="f" * 64, text_characters=5000)
    assert differences_of(first, again) == ["text Your own text→another of 5,000 characters"]
    change = Change(step=12, settings={"steps": (12, 24)})
    longer = replace(first.plan, training=first.plan.training.model_copy(update={"steps": 24}))
    went_on = replace(first, plan=longer, changes=(change,))
    assert differences_of(first, went_on) == ["steps 12→24 from step 12 on"]
    assert differences_of(replace(first, plan=longer), went_on) == [
        "steps 24→12",
        "steps 12→24 from step 12 on",
    ]
    assert differences_of(went_on, went_on) == []


def test_many_differences_are_counted():
    assert shortened(["a", "b", "c", "d"]) == "a, b, c, d"
    assert shortened(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


# Verdicts


def test_a_difference_is_told_with_its_gain_and_its_cost(run_of, tiny_plan):
    first = run_of(tiny_plan(DECODER, n_layer=3), 2.0, 1.543, parameters=1000)
    other = run_of(tiny_plan(DECODER, n_layer=6), 1.9, 1.512, parameters=1930, second=0.19)
    assert verdict(first, other) == (
        "Layers 3→6: −0.031 (1.512 against 1.543 nats per character), for 1.9 × the time and "
        "1.9 × the parameters."
    )
    assert "+0.031 (1.543 against 1.512" in verdict(other, first)


def test_the_change_is_that_of_the_numbers_shown(run_of):
    """2.48849 − 1.56251 is 0.92598, and 2.488 − 1.563 is 0.925: the sentence must add up for its reader."""
    for mine, theirs in [(2.48849, 1.56251), (1.5004, 1.4996), (1.50000, 1.50001), (3.1, 2.9)]:
        said = verdict(run_of(None, mine), run_of(None, theirs))
        change, new, old = re.search(r"([−+][\d.]+) \(([\d.]+) against ([\d.]+)", said).groups()
        assert new != old
        assert float(change.replace("−", "-")) == pytest.approx(float(new) - float(old), abs=1e-12)
        assert (change[0] == "−") == (theirs < mine)


def test_equal_losses_are_no_gain(run_of):
    said = verdict(run_of(None, 1.5), run_of(None, 1.5))
    assert said == "The same settings: no change, 1.5000 both, for about the same time."


def test_unfinished_runs_are_compared_where_both_were_evaluated(run_of):
    """At its last evaluation the shorter run stands above the longer one, and below it at the same step."""
    first = run_of(None, 2.5, 2.2, 1.9, 1.8)
    other = run_of(None, 2.4, 2.1, status="running", steps=400)
    said = verdict(first, other)
    assert "−0.100 (2.100 against 2.200" in said
    assert "at step 200, the last at which both were evaluated" in said
    assert "1.800" not in said


@pytest.mark.parametrize("status", ["running", "paused", "stopped", "failed"])
def test_a_run_without_a_loss_has_no_verdict(status, run_of):
    first, other = run_of(None, 2.5, 2.2), run_of(None, name="new", status=status, steps=200)
    for said in (verdict(first, other), verdict(other, first)):
        assert "new has no validation loss yet" in said
        assert "against" not in said


def test_runs_that_were_never_evaluated_at_the_same_step(run_of):
    first = run_of(None, 2.5, 2.2)
    other = replace(run_of(None, 2.5), judged=(Judged(150, 2.0, 1.0),), status="stopped")
    assert "no step is one at which both were evaluated" in verdict(first, other)


def test_other_texts_do_not_compare(run_of):
    first = run_of(None, 2.5)
    other = run_of(None, 1.5, text="letters", text_sha256="f" * 64, parameters=7)
    said = verdict(first, other)
    assert "losses on different texts do not compare" in said
    assert "against" not in said
    assert "the parameters" in said


@pytest.mark.parametrize("task", [name for name, kind in KINDS.items() if kind.pairs])
def test_a_loss_of_pairs_never_compares_with_that_of_a_text(task, run_of):
    """An answer is nearly decided by its line: 0.2 nats of it are no better a model than 1.5 of a text."""
    text = run_of(None, 1.5, name="text")
    pairs = run_of(tasked(text.plan, task), 0.2, name="pairs")
    for first, other in ((text, pairs), (pairs, text)):
        said = verdict(first, other)
        assert "the loss of answers to lines and the loss of a text do not compare" in said
        assert "against" not in said and "nats" not in said
    assert (unit(text.plan), unit(pairs.plan)) == (
        "nats per character",
        "nats per character of the answers",
    )


def test_models_of_the_same_pairs_compare_and_of_others_do_not(run_of):
    """With an encoder or as a decoder alone: both are judged by the answers to the same lines."""
    plan = run_of(None).plan
    first, other = run_of(tasked(plan, "rewrite"), 0.3), run_of(tasked(plan, "answer"), 0.2)
    assert "−0.100 (0.200 against 0.300 nats per character of the answers)" in verdict(first, other)
    elsewhere = replace(other, text_sha256="f" * 64)
    assert "losses on different pairs do not compare" in verdict(first, elsewhere)


def tasked(plan: Plan, task: str) -> Plan:
    """The plan with another task."""
    return replace(plan, task=plan.task.model_copy(update={"task": task}))


def test_other_tokens_compare_per_character(run_of):
    plan = run_of(None).plan
    tokenizer = plan.tokenizer.model_copy(update={"tokenizer": "bpe"})
    first = run_of(None, 2.5, tokens="65 characters")
    other = run_of(replace(plan, tokenizer=tokenizer), 2.4, tokens="512 bpe tokens")
    said = verdict(first, other)
    assert "tokens characters→bpe: −0.1" in said.lower()
    assert "Losses are per character" in said


def test_a_model_that_sees_the_answers_wins_nothing(run_of, tiny_plan):
    first, other = run_of(None, 2.5), run_of(tiny_plan(DECODER, causal_mask=False), 0.1, name="x")
    said = verdict(first, other)
    assert "x sees the characters that it should predict" in said
    assert "against" not in said


def test_counting_and_learning_have_no_step_in_common(run_of, tiny_plan):
    """Step 5 of counting has read the text five times; step 5 of a network is five batches."""
    counted = run_of(tiny_plan(RUNGS["ngram"]), 1.6)
    network = run_of(None, 2.5, status="running", steps=3000)
    assert "has taken 100 of its 3,000 steps" in verdict(counted, network)
    assert "against" not in verdict(counted, network)
    assert "−0.900" in verdict(run_of(None, 2.5), counted)


def test_no_parameters_are_no_ratio(run_of):
    first, other = run_of(None, 2.5, parameters=100), run_of(None, 2.4, parameters=0)
    assert "no parameters" in verdict(first, other)
    assert "100 parameters" in verdict(other, first)


def test_another_order_at_the_best_step_is_told(run_of):
    """The larger model overfits: worse at the end, better at its best."""
    first, other = run_of(None, 2.0, 1.6, 1.55), run_of(None, 1.8, 1.5, 1.7)
    said = verdict(first, other)
    assert "+0.150 (1.700 against 1.550" in said
    assert (
        "By the best evaluation of each, at steps 300 and 200: −0.050 (1.500 against 1.550" in said
    )


def test_another_order_at_the_same_step_is_told(run_of, tiny_plan):
    """A longer run decays its learning rate later: behind at step 200, ahead at its own end."""
    first = run_of(tiny_plan(DECODER, steps=200), 2.0, 1.6)
    other = run_of(tiny_plan(DECODER, steps=400), 2.2, 1.8, 1.7, 1.5)
    said = verdict(first, other)
    assert said.startswith("Steps 200→400: −0.1")
    assert "At step 200, which both have taken: +0.2" in said


def test_a_part_of_the_split_is_told(run_of):
    other = replace(run_of(None, 2.0, name="long"), judged=(Judged(100, 2.0, 10.0, characters=9),))
    assert "The loss of long is that of a part of the validation text" in verdict(
        run_of(None, 2.1), other
    )


# Facts


def test_the_facts_of_a_run(trained):
    found = facts(trained)
    evaluations = trained.evaluations()
    assert [one.loss for one in found.judged] == [line["loss"] for line in evaluations]
    assert found.last.loss == evaluations[-1]["loss"]
    assert found.best.loss == min(line["loss"] for line in evaluations)
    assert found.tokens == f"{trained.record.vocab_size} characters"
    assert (found.text, found.text_key) == (
        "Your own text",
        f"own:{trained.record.corpus.sha256[:24]}",
    )
    assert (found.step, found.steps, found.status, found.finished) == (12, 12, "finished", True)
    assert found.tokens_seen == 12 * 4 * 16
    assert found.seconds == max(line.get("seconds", 0) for line in trained.metrics())
    assert found.when is not None
    assert not found.changes


def test_the_facts_follow_a_run_as_it_grows(begin, data, tiny_plan, tmp_path):
    """Read piece by piece and whole: the same, also after the run was rewound and went another way."""
    run = begin(tmp_path / "run", tiny_plan(BIGRAM, steps=40, evaluate_every=5))
    known = Curve(run.metrics_path)
    events = recording.record(run, train(run.plan, data))
    for event in events:
        if isinstance(event, Step) and event.step % 3 == 0:
            assert facts(run, known) == facts(run)
        if isinstance(event, Step) and event.step == 31:
            break
    assert facts(run, known).live
    events.close()
    recording.rewind(run)
    record_all(run, data, resume=recording.rewind(run))
    assert facts(run, known) == facts(run)
    assert len(facts(run, known).judged) == 8


def test_a_steered_run_says_so(begin, data, tiny_plan, tmp_path):
    """Its plan alone would make another run."""
    run = begin(tmp_path / "run", tiny_plan(BIGRAM))
    events = recording.record(run, train(run.plan, data))
    command = None
    while True:
        try:
            event = events.send(command)
        except StopIteration:
            break
        command = None
        if isinstance(event, Step) and event.step in (2, 6):
            command = ChangeLearningRate(event.step / 1000)
    found = facts(run)
    assert [(one.step, one.settings) for one in found.changes] == [
        (2, {"learning_rate": (0.003, 0.002)}),
        (6, {"learning_rate": (0.002, 0.006)}),
    ]
    assert found.recipe is None
