"""The training loop: its events, its commands, and the pitfalls that others fell into."""

import dataclasses
import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lm.errors import Diverged, SettingsProblem
from lm.evaluation import result_of
from lm.ladder import RUNGS
from lm.tasks import KINDS, ContinueText, TextData
from lm.tasks.continue_text import first_token
from lm.tokenizers import CharacterTokenizer
from lm.training.events import Checkpoint, Evaluated, Evaluating, Sample, Step, TakeCheckpoint
from lm.training.learner import lower
from lm.training.loop import evaluation_due, replay_steps, train
from tests.lm.events import plain, told
from tests.lm.toy_models import Tied

DECODER = RUNGS["decoder_transformer"]


# The events


def test_events_in_order(network, tiny_plan, data):
    events = list(train(tiny_plan(network, steps=22, evaluate_every=9), data))
    kinds = [(type(e).__name__, e.step) for e in events if not isinstance(e, Evaluating)]
    evaluation = ["Evaluated", "Sample", "Checkpoint"]
    expected = [("Sample", 0), ("Checkpoint", 0)]
    for step in range(1, 23):
        expected.append(("Step", step))
        if step in (9, 18, 22):
            expected += [(kind, step) for kind in evaluation]
        elif step in (5, 10, 11, 16, 20):  # round numbers and quarters, for the replay
            expected.append(("Checkpoint", step))
    assert kinds == expected
    replayed = [e.step for e in events if isinstance(e, Checkpoint) and e.replay]
    assert replayed == [0, 5, 10, 11, 16, 20, 22]


def test_steps_say_what_happened(network, tiny_plan, data):
    steps = [e for e in train(tiny_plan(network), data) if isinstance(e, Step)]
    assert all(math.isfinite(s.loss) and s.grad_norm > 0 and s.learning_rate > 0 for s in steps)
    assert all(a.seconds < b.seconds for a, b in itertools.pairwise(steps))
    assert steps[0].loss == pytest.approx(math.log(data.tokenizer.vocab_size), abs=0.5)


def test_the_loss_falls(network, tiny_plan, data):
    plan = tiny_plan(network, steps=60, batch_size=8, learning_rate=0.02, evaluate_every=60)
    losses = [e.loss for e in train(plan, data) if isinstance(e, Evaluated)]
    assert losses[-1] < math.log(data.tokenizer.vocab_size) - 0.5


def test_the_evaluation_is_that_of_the_weights_that_follow(rung, tiny_plan, data):
    plan = tiny_plan(rung, dropout=0.4)
    evaluated = None
    for event in train(plan, data):
        if isinstance(event, Evaluated):
            evaluated = event
        if isinstance(event, Checkpoint) and evaluated is not None:
            model = rung.model(plan.model, data.tokenizer.vocab_size)
            model.load_state_dict(event.weights)
            if event.step == evaluated.step:
                task = KINDS[plan.task.task](data, plan.context_length, "cpu")
                again = result_of(task.evaluate(model), lambda share: None)
                assert again.loss == evaluated.loss
                written = task.sample(model)
    assert evaluated.step == plan.steps
    assert written


def test_the_shares_of_an_evaluation_rise_to_one(tiny_plan, corpus, tokenizer):
    long = TextData.from_text(corpus.train_text, corpus.text, tokenizer)  # several batches to read
    events = train(tiny_plan(RUNGS["bigram"], steps=1), long)
    shares = [e.share for e in events if isinstance(e, Evaluating)]
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert shares[-1] == 1


@given(st.integers(1, 10**6), st.integers(1, 10**5))
def test_the_last_step_is_always_evaluated_and_kept(steps, every):
    plan = DECODER.plan(steps=steps, evaluate_every=every)
    assert evaluation_due(steps, plan)
    assert not evaluation_due(0, plan)
    kept = replay_steps(plan)
    assert {0, steps} <= kept <= set(range(steps + 1))
    assert len(kept) < 30


def test_a_short_run_keeps_the_weights_of_every_step():
    """Of gradient descent, of up to ten steps; of counting, of up to twenty, as its film needs them."""
    assert replay_steps(DECODER.plan(steps=10)) == {*range(11)}
    assert replay_steps(DECODER.plan(steps=12)) == {0, 3, 6, 9, 10, 12}
    assert replay_steps(DECODER.plan(steps=20)) == {0, 5, 10, 15, 20}
    assert replay_steps(RUNGS["ngram"].plan()) == {*range(15)}


# The random numbers


def test_the_same_seed_makes_the_same_run(network, tiny_plan, data):
    plan = tiny_plan(network, dropout=0.3)
    torch.manual_seed(1)
    first = told(train(plan, data))
    torch.manual_seed(2)
    assert told(train(plan, data)) == first
    other = told(train(tiny_plan(network, dropout=0.3, seed=2), data))
    assert other[1].weights != first[1].weights
    assert other[-1].weights != first[-1].weights


def test_what_the_caller_does_between_events_changes_nothing(rung, tiny_plan, data):
    """Random numbers drawn, texts sampled, checkpoints taken."""
    plan = tiny_plan(rung, dropout=0.3)
    undisturbed = told(train(plan, data))
    model = rung.model(plan.model, data.tokenizer.vocab_size)
    task = KINDS[plan.task.task](data, plan.context_length, "cpu")
    disturbed = []
    events = train(plan, data)
    for event in events:
        disturbed.append(plain(event))
        torch.manual_seed(99)
        torch.rand(7)
        task.sample(model)
        taken = events.send(TakeCheckpoint())
        assert isinstance(taken, Checkpoint)
    assert disturbed == undisturbed


class Remembering(nn.Embedding):
    """A model that notes what it is given, and whether it is in training."""

    seen: list[tuple[torch.Tensor, bool]]

    def __init__(self, config, vocab_size):
        super().__init__(vocab_size, vocab_size)
        self.dropout = nn.Dropout(0.5)
        Remembering.seen = []

    def forward(self, tokens):
        self.seen.append((tokens.clone(), self.training))
        return self.dropout(super().forward(tokens))


def test_different_steps_read_different_windows(tiny_plan, data):
    plan = tiny_plan(dataclasses.replace(RUNGS["bigram"], model=Remembering), evaluate_every=100)
    steps = [e for e in train(plan, data) if isinstance(e, Step)]
    batches = [tokens for tokens, training in Remembering.seen if training]
    assert len(batches) == len(steps) == 12
    assert all(batch.shape == (4, 16) for batch in batches)
    windows = {tuple(row) for batch in batches for row in batch.tolist()}
    assert len(windows) > 40  # 48, but for a chance repetition
    text = data.tokenizer.decode(data.train)
    assert all(data.tokenizer.decode(row) in text for row in windows)


def test_every_place_of_the_text_can_be_read(tiny_plan, tokenizer):
    """Also the first and the last window, and nothing of the validation split."""
    train_ids = torch.arange(40) % tokenizer.vocab_size
    data = TextData(train_ids, torch.zeros(30, dtype=torch.int64), tokenizer)
    plan = tiny_plan(dataclasses.replace(RUNGS["bigram"], model=Remembering), batch_size=512)
    for event in train(plan, data):
        if isinstance(event, Step):
            break
    windows = next(tokens for tokens, training in Remembering.seen if training)
    assert windows.shape == (512, 16)
    assert {tuple(row) for row in windows.tolist()} == {
        tuple(train_ids[start : start + 16].tolist()) for start in range(24)
    }


def test_noise_is_on_in_steps_and_off_in_evaluation(tiny_plan, data):
    """What is predicted stays clean: only what the model is given differs, and only in steps."""
    given = {}

    def watched(config, vocab_size):
        model = DECODER.model(config, vocab_size)
        model.register_forward_pre_hook(
            lambda model, arguments: given.setdefault(model.training, []).append(arguments[0])
        )
        return model

    def seen(share):
        given.clear()
        rung = dataclasses.replace(DECODER, model=watched)
        plan = dataclasses.replace(
            tiny_plan(DECODER, steps=1, evaluate_every=1, token_noise=share), rung=rung
        )
        events = train(plan, data)
        for event in events:
            if isinstance(event, Step):
                given[False] = []  # forget the first sample
            if isinstance(event, Evaluated):
                break
        return given[True][0], torch.cat([x.flatten() for x in given[False]])

    (clean, read), (noised, read_again) = seen(0.0), seen(0.5)
    assert not torch.equal(clean, noised)
    judged = len(data.validation) - 1  # then windows of the training text are judged, too
    assert torch.equal(read[:judged], data.validation[:judged])
    assert torch.equal(read, read_again) and len(read) > judged


def test_dropout_is_on_in_steps_and_off_in_evaluation_and_sampling(tiny_plan, data):
    plan = tiny_plan(dataclasses.replace(RUNGS["bigram"], model=Remembering), evaluate_every=3)
    modes = []
    for event in train(plan, data):
        calls, Remembering.seen[:] = [training for _, training in Remembering.seen], []
        modes += [(type(event), training) for training in calls]
    assert {training for kind, training in modes if kind is Step} == {True}
    assert {training for kind, training in modes if kind in (Sample, Evaluating)} == {False}


# What goes wrong


@pytest.mark.parametrize("length", [0, 1, 16, 17])
def test_a_text_shorter_than_the_context_is_a_clear_error(text_rung, tiny_plan, data, length):
    short = dataclasses.replace(data, train=data.train[:length])
    with pytest.raises(SettingsProblem, match=r"context of 16 tokens .* shorter context"):
        next(train(tiny_plan(text_rung), short))


def test_a_text_that_just_fits_trains(text_rung, tiny_plan, data):
    just = dataclasses.replace(data, train=data.train[:18], validation=data.validation[:3])
    plan = tiny_plan(text_rung)
    assert sum(isinstance(e, Step) for e in train(plan, just)) == plan.steps


def test_the_shortest_texts_that_fit_a_context(data):
    def check(train, validation):
        splits = {"train": data.train[:train], "validation": data.validation[:validation]}
        ContinueText.check(dataclasses.replace(data, **splits), 64)

    check(66, 7)
    for lengths in ((65, 7), (66, 6)):
        with pytest.raises(SettingsProblem, match="64"):
            check(*lengths)


def test_a_loss_that_runs_away_stops_the_run(tiny_plan, data):
    multi_head = RUNGS["multi_head_attention"]  # it has no norms to hold it
    plan = tiny_plan(multi_head, steps=100, learning_rate=1.0, gradient_clip=0.0, warmup_steps=0)
    events = []
    with pytest.raises(Diverged) as caught:
        for event in train(plan, data):
            events.append(plain(event))
    sentence = str(caught.value)
    assert "diverged at step" in sentence
    assert "Try a learning rate of 0.3" in sentence
    assert isinstance(events[-1], Step | Checkpoint | Sample | Evaluated)
    assert all(math.isfinite(e.loss) for e in events if isinstance(e, Step | Evaluated))


class Exploding(nn.Module):
    """Sound until its weight has been changed `good` times; then its scores are not numbers."""

    def __init__(self, vocab_size, good):
        super().__init__()
        self.weight, self.good = nn.Parameter(torch.zeros(vocab_size)), good
        self.calls = 0

    def forward(self, tokens):
        self.calls += self.training
        scores = self.weight.expand(*tokens.shape, -1)
        broken = self.calls > self.good if self.training else self.calls >= self.good
        return scores * torch.nan if broken else scores


@pytest.mark.parametrize(("good", "at"), [(3, 4), (5, 5)])
def test_not_a_number_is_never_recorded(tiny_plan, data, good, at):
    """Neither from a step (4) nor from an evaluation (5)."""
    rung = dataclasses.replace(RUNGS["bigram"], model=lambda config, V: Exploding(V, good))
    events = []
    with pytest.raises(Diverged, match=f"diverged at step {at} \\(it was nan\\)"):
        for event in train(tiny_plan(rung, evaluate_every=5), data):
            events.append(event)
    assert all(math.isfinite(e.loss) for e in events if isinstance(e, Step | Evaluated))
    assert max(e.step for e in events if isinstance(e, Checkpoint)) < at


@given(st.floats(1e-6, 1.0))
def test_the_suggested_rate_is_lower_and_round(rate):
    suggested = lower(rate)
    assert rate / 4.6 < suggested < rate / 2
    assert float(f"{suggested:.0e}") == suggested


@pytest.mark.parametrize(("text", "start"), [("a\nb" * 400, "\n"), ("ab" * 600, "a")])
def test_samples_begin_at_the_start_of_a_line(text, start):
    tokenizer = CharacterTokenizer.from_text(text)
    assert tokenizer.decode(first_token(tokenizer)) == start


def test_a_matrix_that_two_parts_share_is_trained_once(tiny_plan, data):
    plan = tiny_plan(dataclasses.replace(RUNGS["bigram"], model=Tied))
    checkpoints = [e for e in train(plan, data) if isinstance(e, Checkpoint)]
    assert checkpoints[-1].weights.keys() == {"embedding.weight", "head.weight"}
    assert {name.partition(":")[0] for name in checkpoints[-1].optimizer} == {"embedding.weight"}
