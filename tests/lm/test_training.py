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
from lm.evaluation import evaluate
from lm.learners import clipped, noisy, suggested
from lm.models import RUNGS
from lm.optimizers import Muon, learning_rate_factor, make_optimizers, orthogonalised
from lm.plan import Plan
from lm.tokenizers import CharacterTokenizer
from lm.training import (
    ChangeLearningRate,
    Checkpoint,
    Data,
    Evaluated,
    Evaluating,
    LearningRateChanged,
    Sample,
    Step,
    TakeCheckpoint,
    TrainingConfig,
    check_fits,
    evaluation_due,
    first_token,
    replay_steps,
    sample,
    train,
)

DECODER = RUNGS["decoder_transformer"]


def plain(event):
    """An event as data that can be compared: tensors copied, times left out."""
    if isinstance(event, Checkpoint):
        event = dataclasses.replace(
            event,
            weights={name: t.tolist() for name, t in event.weights.items()},
            optimizer={name: t.tolist() for name, t in event.optimizer.items()},
        )
    return dataclasses.replace(event, seconds=0.0) if hasattr(event, "seconds") else event


def told(events):
    return [plain(event) for event in events]


# The events


def test_events_in_order(network, tiny_plan, data):
    events = list(train(tiny_plan(network, steps=12, evaluate_every=5), data))
    kinds = [(type(e).__name__, e.step) for e in events if not isinstance(e, Evaluating)]
    evaluation = ["Evaluated", "Sample", "Checkpoint"]
    expected = [("Sample", 0), ("Checkpoint", 0)]
    for step in range(1, 13):
        expected.append(("Step", step))
        if step in (5, 10, 12):
            expected += [(kind, step) for kind in evaluation]
        elif step in (3, 6, 9):  # the quarters, for the replay
            expected.append(("Checkpoint", step))
    assert kinds == expected
    replayed = [e.step for e in events if isinstance(e, Checkpoint) and e.replay]
    assert replayed == [0, 3, 6, 9, 10, 12]


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
            model = rung.model(plan.config, data.tokenizer.vocab_size)
            model.load_state_dict(event.weights)
            if event.step == evaluated.step:
                again = evaluate(model, data.validation, plan.context_length)
                assert again.loss == evaluated.loss
                written = sample(model, data.tokenizer, plan.context_length, event.step)
    assert evaluated.step == plan.steps
    assert written.text


def test_the_shares_of_an_evaluation_rise_to_one(tiny_plan, corpus, tokenizer):
    long = Data.from_text(corpus.train_text, corpus.text, tokenizer)  # several batches to read
    events = train(tiny_plan(RUNGS["bigram"], steps=1), long)
    shares = [e.share for e in events if isinstance(e, Evaluating)]
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert shares[-1] == 1


@given(st.integers(1, 10**6), st.integers(1, 10**5))
def test_the_last_step_is_always_evaluated_and_kept(steps, every):
    training = TrainingConfig.make(steps=steps, evaluate_every=every)
    plan = Plan(DECODER, DECODER.config(), training)
    assert evaluation_due(steps, plan)
    assert not evaluation_due(0, plan)
    kept = replay_steps(plan)
    assert {0, steps} <= kept <= set(range(steps + 1))
    assert len(kept) < 30


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
    model = rung.model(plan.config, data.tokenizer.vocab_size)
    disturbed = []
    events = train(plan, data)
    for event in events:
        disturbed.append(plain(event))
        torch.manual_seed(99)
        torch.rand(7)
        sample(model, data.tokenizer, plan.context_length, 0)
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
    data = Data(train_ids, torch.zeros(30, dtype=torch.int64), tokenizer)
    plan = tiny_plan(dataclasses.replace(RUNGS["bigram"], model=Remembering), batch_size=512)
    for event in train(plan, data):
        if isinstance(event, Step):
            break
    windows = next(tokens for tokens, training in Remembering.seen if training)
    assert windows.shape == (512, 16)
    assert {tuple(row) for row in windows.tolist()} == {
        tuple(train_ids[start : start + 16].tolist()) for start in range(24)
    }


def test_noise_swaps_a_share_of_what_is_read():
    torch.manual_seed(0)
    tokens = torch.randint(50, (40, 100))
    assert noisy(tokens, 0.0) is tokens
    swapped = noisy(tokens, 0.2)
    assert (swapped != tokens).float().mean() == pytest.approx(0.2 * 49 / 50, abs=0.02)
    assert swapped.unique().tolist() == list(range(50))


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
    assert torch.equal(read, data.validation[: len(read)])
    assert torch.equal(read, read_again)


def test_dropout_is_on_in_steps_and_off_in_evaluation_and_sampling(tiny_plan, data):
    plan = tiny_plan(dataclasses.replace(RUNGS["bigram"], model=Remembering), evaluate_every=3)
    modes = []
    for event in train(plan, data):
        calls, Remembering.seen[:] = [training for _, training in Remembering.seen], []
        modes += [(type(event), training) for training in calls]
    assert {training for kind, training in modes if kind is Step} == {True}
    assert {training for kind, training in modes if kind in (Sample, Evaluating)} == {False}


# Pausing, stepping, stopping, commands


def test_a_generator_that_is_not_advanced_does_nothing(network, tiny_plan, data):
    """Pause is not asking; one step is asking once; stop is close()."""
    calls = []

    class Counted(nn.Module):
        def __init__(self, config, vocab_size):
            super().__init__()
            self.inner = network.model(config, vocab_size)

        def forward(self, tokens):
            calls.append(self.training)
            return self.inner(tokens)

    events = train(tiny_plan(dataclasses.replace(network, model=Counted), steps=50), data)
    assert calls == []
    for event in events:
        if isinstance(event, Step):
            break
    assert calls.count(True) == 1
    before = len(calls)
    assert next(events).step == 2
    assert len(calls) == before + 1
    events.close()
    assert len(calls) == before + 1
    with pytest.raises(StopIteration):
        next(events)


def test_the_learning_rate_can_be_changed(network, tiny_plan, data):
    plan = tiny_plan(network, steps=20, warmup_steps=0, decay="linear", learning_rate=0.01)
    events, rates = train(plan, data), {}
    for event in events:
        if isinstance(event, Step):
            rates[event.step] = event.learning_rate
            if event.step == 7:
                changed = events.send(ChangeLearningRate(0.002))
                assert changed == LearningRateChanged(7, 0.002)
        if isinstance(event, Checkpoint):
            assert event.learning_rate == (0.01 if event.step < 7 else 0.002)
    for step in range(1, 21):  # the schedule goes on, scaled to the new peak
        peak = 0.01 if step <= 7 else 0.002
        assert rates[step] == pytest.approx(peak * (21 - step) / 20)


def test_a_changed_rate_moves_the_weights_less(tiny_plan, data):
    def moved(rate):
        events = train(tiny_plan(DECODER, steps=1, warmup_steps=0, weight_decay=0.0), data)
        next(events)
        before = {name: t.clone() for name, t in next(events).weights.items()}
        events.send(ChangeLearningRate(rate))
        after = [e for e in events if isinstance(e, Checkpoint)][-1].weights
        return sum((after[name] - t).abs().sum().item() for name, t in before.items())

    assert moved(1e-4) == pytest.approx(moved(1e-3) / 10, rel=0.01)


@pytest.mark.parametrize("rate", [math.nan, math.inf, -1.0, 0.0, 2.0])
def test_an_impossible_learning_rate_is_refused(rate):
    with pytest.raises(SettingsProblem, match="Learning rate"):
        ChangeLearningRate(rate)


def test_a_checkpoint_can_be_taken_after_any_event(rung, tiny_plan, data):
    events = train(tiny_plan(rung), data)
    step = 0
    for event in events:
        step = event.step if isinstance(event, Step) else step
        taken = events.send(TakeCheckpoint())
        assert isinstance(taken, Checkpoint)
        assert taken.step == step
        assert taken.replay


def test_going_on_from_any_checkpoint_equals_never_having_stopped(rung, tiny_plan, data):
    """Taken after every single event, also in the middle of an evaluation and of a step's end."""
    plan = tiny_plan(rung, dropout=0.3, steps=5, evaluate_every=3)
    events, undisturbed, taken = train(plan, data), [], []
    for event in events:
        undisturbed.append(plain(event))
        checkpoint = events.send(TakeCheckpoint())
        weights = {name: t.clone() for name, t in checkpoint.weights.items()}
        optimizer = {name: t.clone() for name, t in checkpoint.optimizer.items()}
        taken.append(dataclasses.replace(checkpoint, weights=weights, optimizer=optimizer))

    def lasting(events):  # an evaluation may begin again, and what is saved may be saved again
        return [e for e in events if not isinstance(e, Evaluating | Checkpoint)]

    for place, checkpoint in enumerate(taken):
        resumed = told(train(plan, data, resume=checkpoint))
        assert lasting(resumed) == lasting(undisturbed[place + 1 :])
        last = resumed[-1] if resumed else plain(checkpoint)
        if isinstance(last, Checkpoint):
            assert last.weights == undisturbed[-1].weights
            assert last.optimizer == undisturbed[-1].optimizer


def test_going_on_with_muon_equals_never_having_stopped(tiny_plan, data):
    options = {"tie_weights": True, "token_noise": 0.2, "dropout": 0.2}
    plan = tiny_plan(DECODER, optimizer="muon", steps=8, evaluate_every=3, **options)
    checkpoints = [e for e in told(train(plan, data)) if isinstance(e, Checkpoint)]
    events = train(plan, data)
    middle = next(e for e in events if isinstance(e, Checkpoint) and e.step == 4)
    resumed = told(train(plan, data, resume=middle))
    last = [e for e in resumed if isinstance(e, Checkpoint)][-1]
    assert last.weights == checkpoints[-1].weights
    assert last.optimizer == checkpoints[-1].optimizer


def test_a_checkpoint_holds_all_that_the_optimiser_knows(network, tiny_plan, data):
    plan = tiny_plan(network)
    last = [e for e in train(plan, data) if isinstance(e, Checkpoint)][-1]
    for name, _ in network.model(plan.config, data.tokenizer.vocab_size).named_parameters():
        for key in ("exp_avg", "exp_avg_sq", "step"):
            assert f"{name}:{key}" in last.optimizer


# The schedule and the optimiser


@given(
    st.integers(1, 2000),
    st.integers(0, 3000),
    st.sampled_from(["constant", "linear", "cosine"]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_the_learning_rate_is_never_zero_and_never_above_its_peak(steps, warmup, decay, hold, end):
    training = TrainingConfig.make(
        steps=steps, warmup_steps=warmup, decay=decay, hold=hold, final_learning_rate=end
    )
    factors = [learning_rate_factor(step, training) for step in range(steps)]
    assert factors[0] > 0
    assert factors[-1] > 0
    assert all(0 < factor <= 1 for factor in factors)
    rising, falling = factors[:warmup], factors[warmup:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert not falling or falling[0] == 1


@pytest.mark.parametrize(("decay", "half"), [("constant", 1), ("linear", 0.5), ("cosine", 0.5)])
def test_half_way(decay, half):
    training = TrainingConfig.make(steps=1100, warmup_steps=100, decay=decay)
    assert learning_rate_factor(600, training) == pytest.approx(half)


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_held_and_then_lowered_to_a_share(decay):
    training = TrainingConfig.make(
        steps=1100, warmup_steps=100, decay=decay, hold=0.4, final_learning_rate=0.1
    )
    factors = [learning_rate_factor(step, training) for step in range(1100)]
    assert set(factors[100:501]) == {1.0}
    assert factors[501] < 1
    assert factors[800] == pytest.approx(0.55)
    assert factors[-1] == pytest.approx(0.1, abs=0.002)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_only_matrices_decay(network, tiny_config, optimizer):
    model = network.model(tiny_config(network), 23)
    training = TrainingConfig.make(weight_decay=0.3, optimizer=optimizer)
    matrices = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear)}
    seen = []
    for made in make_optimizers(model, training):
        for group in made.param_groups:
            for parameter in group["params"]:
                assert group["weight_decay"] == (0.3 if id(parameter) in matrices else 0.0)
                seen.append(id(parameter))
    assert sorted(seen) == sorted(id(parameter) for parameter in model.parameters())  # each once


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 32)])
def test_orthogonalised_matrices_keep_their_directions_and_lose_their_sizes(shape):
    """U S Vᵀ becomes U S' Vᵀ with all of S' near 1, whatever S was and whatever else is in the batch."""
    torch.manual_seed(0)
    U, _, V = torch.linalg.svd(torch.randn(shape, dtype=torch.float64), full_matrices=False)
    S = torch.logspace(0, -1.5, 8, dtype=torch.float64)
    for size in (1e-6, 1.0, 1e6):
        others = [torch.randn(8, 16, dtype=torch.float64), torch.randn(5, 6, dtype=torch.float64)]
        (evened, *_) = orthogonalised([U @ torch.diag(S * size) @ V, *others])
        inner = U.mT @ evened @ V.mT
        assert torch.allclose(inner, torch.diag(inner.diagonal()), atol=1e-7)
        assert inner.diagonal().min() > 0.3
        assert inner.diagonal().max() < 1.3


def test_orthogonalised_zero_is_zero():
    (still,) = orthogonalised([torch.zeros(4, 6)])
    assert torch.equal(still, torch.zeros(4, 6))


def test_muon_moves_hidden_matrices_and_adamw_the_rest(tiny_plan, data):
    plan = tiny_plan(DECODER, optimizer="muon")
    last = [e for e in train(plan, data) if isinstance(e, Checkpoint)][-1]
    by_muon = {n.partition(":")[0] for n in last.optimizer if n.endswith(":momentum")}
    by_adamw = {n.partition(":")[0] for n in last.optimizer if n.endswith(":exp_avg")}
    assert by_muon | by_adamw == set(last.weights)
    assert not by_muon & by_adamw
    assert {name.split(".", 2)[2] for name in by_muon} == {
        "attention.query_key_value.weight",
        "attention.projection.weight",
        "feed_forward.widen.weight",
        "feed_forward.narrow.weight",
    }


def test_muon_steps_have_the_size_of_its_learning_rate():
    """A wide matrix moves by a matrix of singular values near lr; a tall one by √(rows / columns) more."""
    torch.manual_seed(0)
    for rows, columns, expected in ((8, 16, 0.1), (32, 8, 0.2)):
        matrix = nn.Parameter(torch.zeros(rows, columns))
        optimizer = Muon([matrix], lr=0.1, weight_decay=0.0)
        matrix.grad = torch.randn(rows, columns) * 1e-3
        optimizer.step()
        sizes = torch.linalg.svdvals(matrix.detach())
        assert sizes.max() < 1.3 * expected
        assert sizes.mean() > 0.6 * expected


def test_a_changed_rate_scales_both_optimisers(tiny_plan, data):
    """Halving the peak before the first step halves what each step moves, Muon's part included."""

    def moved(factor):
        plan = tiny_plan(DECODER, optimizer="muon", steps=1, weight_decay=0.0)
        events = train(plan, data)
        checkpoint = next(e for e in events if isinstance(e, Checkpoint))
        before = {name: tensor.clone() for name, tensor in checkpoint.weights.items()}
        events.send(ChangeLearningRate(plan.training.learning_rate * factor))
        after = [e for e in events if isinstance(e, Checkpoint)][-1].weights
        return {name: (after[name] - before[name]).norm() for name in before}

    whole, half = moved(1.0), moved(0.5)
    for name in ("blocks.0.feed_forward.widen.weight", "token_embedding.weight"):
        assert float(half[name]) == pytest.approx(float(whole[name]) / 2, rel=0.01)


def test_a_long_gradient_is_shortened(tiny_plan, data):
    """AdamW forgives scale, so what is clipped is read from its memory after one step."""

    def first_mean(clip):
        plan = tiny_plan(DECODER, steps=1, gradient_clip=clip)
        *_, last = train(plan, data)
        means = [t for name, t in last.optimizer.items() if name.endswith(":exp_avg")]
        return math.sqrt(sum(t.square().sum().item() for t in means)) / (1 - 0.9)

    step = next(e for e in train(tiny_plan(DECODER, steps=1), data) if isinstance(e, Step))
    assert first_mean(0.0) == pytest.approx(step.grad_norm, rel=1e-4)
    assert first_mean(0.01) == pytest.approx(0.01, rel=1e-3)


# What goes wrong


@pytest.mark.parametrize("length", [0, 1, 16, 17])
def test_a_text_shorter_than_the_context_is_a_clear_error(rung, tiny_plan, data, length):
    short = dataclasses.replace(data, train=data.train[:length])
    with pytest.raises(SettingsProblem, match=r"context of 16 characters .* shorter context"):
        next(train(tiny_plan(rung), short))


def test_a_text_that_just_fits_trains(rung, tiny_plan, data):
    just = dataclasses.replace(data, train=data.train[:18], validation=data.validation[:3])
    plan = tiny_plan(rung)
    assert sum(isinstance(e, Step) for e in train(plan, just)) == plan.steps


def test_what_is_checked_beforehand_is_what_training_checks(tiny_plan):
    plan = tiny_plan(DECODER, context_length=64)
    check_fits(plan, 66, 7)
    for lengths in ((65, 7), (66, 6)):
        with pytest.raises(SettingsProblem, match="64"):
            check_fits(plan, *lengths)


def test_a_loss_that_runs_away_stops_the_run(tiny_plan, data):
    multi_head = RUNGS["multi_head_attention"]  # it has no norms to hold it
    plan = tiny_plan(multi_head, steps=100, learning_rate=1.0, gradient_clip=0.0, warmup_steps=0)
    events = []
    with pytest.raises(Diverged) as caught:
        for event in train(plan, data):
            events.append(plain(event))
    sentence = str(caught.value)
    assert "ran away at step" in sentence
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
    with pytest.raises(Diverged, match=f"ran away at step {at} \\(it was nan\\)"):
        for event in train(tiny_plan(rung, evaluate_every=5), data):
            events.append(event)
    assert all(math.isfinite(e.loss) for e in events if isinstance(e, Step | Evaluated))
    assert max(e.step for e in events if isinstance(e, Checkpoint)) < at


@given(st.floats(1e-6, 1.0))
def test_the_suggested_rate_is_lower_and_round(rate):
    lower = suggested(rate)
    assert rate / 4.6 < lower < rate / 2
    assert float(f"{lower:.0e}") == lower


@pytest.mark.parametrize(("text", "start"), [("a\nb" * 400, "\n"), ("ab" * 600, "a")])
def test_samples_begin_at_the_start_of_a_line(text, start):
    tokenizer = CharacterTokenizer.from_text(text)
    assert tokenizer.decode(first_token(tokenizer)) == start


def test_a_matrix_that_two_parts_share_is_trained_once(tiny_plan, data):
    class Tied(nn.Module):
        def __init__(self, config, vocab_size):
            super().__init__()
            self.embedding = nn.Embedding(vocab_size, 8)
            self.head = nn.Linear(8, vocab_size, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, tokens):
            return self.head(self.embedding(tokens))

    plan = tiny_plan(dataclasses.replace(RUNGS["bigram"], model=Tied))
    checkpoints = [e for e in train(plan, data) if isinstance(e, Checkpoint)]
    assert checkpoints[-1].weights.keys() == {"embedding.weight", "head.weight"}
    assert {name.partition(":")[0] for name in checkpoints[-1].optimizer} == {"embedding.weight"}


@pytest.mark.parametrize("longest", [0.0, 0.5, 1e6])
def test_shortening_a_gradient_equals_what_torch_does(longest):
    torch.manual_seed(0)
    ours, theirs = ([nn.Parameter(torch.zeros(s)) for s in (3, (4, 5), 1)] for _ in range(2))
    for a, b in zip(ours[:2], theirs[:2], strict=True):
        a.grad = torch.randn_like(a)
        b.grad = a.grad.clone()
    expected = nn.utils.clip_grad_norm_(theirs, longest or math.inf)
    torch.testing.assert_close(clipped(ours, longest), expected)
    for a, b in zip(ours[:2], theirs[:2], strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    assert ours[2].grad is None
