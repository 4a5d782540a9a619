"""On an Nvidia GPU a run learns what it learns on a CPU, resumes exactly, and says when memory is short.

Without a GPU, only the tests of what needs none run.
"""

import copy
import dataclasses

import pytest
import torch

from lm.errors import SettingsProblem
from lm.ladder import RUNGS
from lm.layers import SelfAttention, causal
from lm.tasks import Batch
from lm.training import loop
from lm.training.config import TrainingConfig
from lm.training.cuda import BatchedMuon, CudaLearner, FusedAdamW
from lm.training.events import (
    ChangeLearningRate,
    Checkpoint,
    Evaluated,
    Sample,
    Step,
    TakeCheckpoint,
)
from lm.training.gradient import GradientLearner
from lm.training.learners import make_learner
from lm.training.loop import train
from lm.training.optimizers import make_optimizers, restore_state, state_tensors
from tests.lm.command_line import refusal

DECODER = RUNGS["decoder_transformer"]
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an Nvidia GPU")
RECIPES = ("classic", "speedrun", "best", "nanogpt-cpu")
HALF = 6  # of the steps of a run


def plan_of(recipe="classic", **changed):
    """A recipe of the decoder, with twelve steps of a small model."""
    small = {"n_embd": 32, "n_head": 2, "n_layer": 2, "context_length": 16, "batch_size": 4}
    brief = {"steps": 2 * HALF, "evaluate_every": HALF, "warmup_steps": 3}
    return DECODER.plan(recipe, **small | brief | changed)


def losses(events):
    return [event.loss for event in events if isinstance(event, Step)]


def held(checkpoint):
    """Copies of a checkpoint's tensors on the CPU."""
    weights, optimizer = (
        {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        for tensors in (checkpoint.weights, checkpoint.optimizer)
    )
    return dataclasses.replace(checkpoint, weights=weights, optimizer=optimizer)


def halves(plan, data, first, second, compiled=False):
    """The run on the device `first`, stopped in the middle and resumed on `second`: losses, last checkpoint."""
    events, seen = train(plan, data, device=first, compiled=compiled), []
    for event in events:
        seen.append(event)
        if isinstance(event, Step) and event.step == HALF:
            saved = held(events.send(TakeCheckpoint()))
            events.close()
            break
    last = None
    for event in train(plan, data, device=second, resume=saved, compiled=compiled):
        seen.append(event)
        last = held(event) if isinstance(event, Checkpoint) else last
    return losses(seen), last


def whole(plan, data, device, compiled=False):
    """The run without a stop: losses, last checkpoint."""
    seen, last = [], None
    for event in train(plan, data, device=device, compiled=compiled):
        seen.append(event)
        last = held(event) if isinstance(event, Checkpoint) else last
    return losses(seen), last


# Without a GPU


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_the_quick_optimizers_are_the_plain_ones(optimizer, tiny_plan):
    """To rounding, for all of a decoder, also with a rate that changes; their states have the same names."""
    torch.manual_seed(0)
    training = TrainingConfig.make(optimizer=optimizer, weight_decay=0.3)
    plain = DECODER.model(tiny_plan(DECODER).model, 23)
    quick = copy.deepcopy(plain)
    begun = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    pairs = [
        (plain, make_optimizers(plain, training)),
        (quick, make_optimizers(quick, training, FusedAdamW, BatchedMuon)),
    ]
    for step in range(5):
        tokens = torch.randint(23, (4, 16), generator=torch.Generator().manual_seed(step))
        for model, optimizers in pairs:
            model.zero_grad()
            model(tokens).square().sum().backward()
            for optimizer in optimizers:
                optimizer.step(torch.tensor(1 - step / 10) if model is quick else 1 - step / 10)
    torch.testing.assert_close(quick.state_dict(), plain.state_dict(), rtol=1e-3, atol=1e-4)
    assert all(not torch.equal(tensor, begun[n]) for n, tensor in plain.state_dict().items())
    states = [state_tensors(optimizers, model) for model, optimizers in pairs]
    assert states[0].keys() == states[1].keys()
    for name in states[0]:
        torch.testing.assert_close(states[0][name], states[1][name], rtol=1e-2, atol=1e-4)


def test_state_of_a_quick_optimizer_goes_on_in_a_plain_one(tiny_plan):
    """So a run can change its device."""
    torch.manual_seed(0)
    model, training = DECODER.model(tiny_plan(DECODER).model, 23), TrainingConfig.make()
    model(torch.randint(23, (4, 16))).square().sum().backward()
    quick = make_optimizers(model, training, FusedAdamW, BatchedMuon)
    for optimizer in quick:
        optimizer.step()
    saved = {name: tensor.clone() for name, tensor in state_tensors(quick, model).items()}
    plain = make_optimizers(model, training)
    restore_state(plain, model, saved)
    restored = state_tensors(plain, model)
    assert restored.keys() == saved.keys()
    assert all(torch.equal(restored[name], saved[name]) for name in saved)


def test_the_causal_kernel_is_for_causal_masks_only():
    """It computes the same; a mask of another form keeps its own way."""
    torch.manual_seed(0)
    part, x = SelfAttention(16, 2, causal(8)), torch.randn(2, 8, 16)
    masked = part(x)
    part.use_causal_kernel()
    assert part.causal_kernel
    torch.testing.assert_close(part(x), masked)
    torch.testing.assert_close(part(x[:, :5]), masked[:, :5])
    window = causal(8) + torch.full((8, 8), float("-inf")).tril(-3)
    for other in (torch.zeros(8, 8), window):
        part = SelfAttention(16, 2, other)
        part.use_causal_kernel()
        assert not part.causal_kernel


def test_a_gpu_without_memory_is_a_problem_that_names_what_to_lower(tiny_plan, data, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(GradientLearner, "learn", full)
    with pytest.raises(SettingsProblem, match="out of memory: lower the batch size"):
        list(train(tiny_plan(DECODER), data))


def test_another_fault_stays_a_fault(tiny_plan, data, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(GradientLearner, "learn", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        list(train(tiny_plan(DECODER), data))


@pytest.mark.parametrize(
    ("model", "says"), [("bigram", "Nvidia GPU, not for cpu"), ("ngram", "counts")]
)
def test_compile_is_refused_where_it_cannot_work(model, says, text, tmp_path):
    """Before anything is written."""
    out = tmp_path / "run"
    words = ("train", model, "--corpus", text, "--out", out, "--device", "cpu", "--compile")
    message = refusal(*words, code=2)
    assert says in message
    assert "leave --compile out" in message
    assert not out.exists()


# With a GPU


@on_a_gpu
def test_a_gpu_has_its_own_learner(network, tiny_plan, data):
    plan = tiny_plan(network)
    task = loop.tasks.KINDS[plan.task.task](data, plan.context_length, "cuda")
    learner = make_learner(plan, task, "cuda")
    assert isinstance(learner, CudaLearner)
    learner.step(0)
    assert learner.graph is not None


@on_a_gpu
def test_every_rung_learns_what_it_learns_on_a_cpu(network, tiny_plan, data):
    """To rounding, over twelve steps and two evaluations, samples included."""
    plan = tiny_plan(network, steps=12, evaluate_every=6)
    cpu, gpu = (list(train(plan, data, device=device)) for device in ("cpu", "cuda"))
    assert losses(gpu) == pytest.approx(losses(cpu), abs=2e-4)
    for kind in (Evaluated, Sample):
        ours, theirs = ([e for e in events if isinstance(e, kind)] for events in (gpu, cpu))
        assert [event.step for event in ours] == [event.step for event in theirs]
    evaluated = [[e.loss for e in events if isinstance(e, Evaluated)] for events in (gpu, cpu)]
    assert evaluated[0] == pytest.approx(evaluated[1], abs=2e-4)
    norms = [[e.grad_norm for e in events if isinstance(e, Step)] for events in (gpu, cpu)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-2)


@on_a_gpu
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_option_learns_what_it_learns_on_a_cpu(recipe, data):
    plan = plan_of(recipe, precision="float32", dropout=0.0)
    cpu, gpu = (whole(plan, data, device)[0] for device in ("cpu", "cuda"))
    assert gpu == pytest.approx(cpu, abs=1e-3)


@on_a_gpu
def test_the_same_seed_makes_the_same_run(data):
    """Dropout included; and with other numbers at each step, though the graph is always the same."""
    plan = plan_of("best", dropout=0.3, precision="bfloat16")
    (first, one), (second, other) = (whole(plan, data, "cuda") for _ in range(2))
    assert first == second
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


@on_a_gpu
def test_dropout_draws_new_numbers_at_each_step(data):
    """Two replays with the same batch and no change of the weights: another loss."""
    plan = plan_of(dropout=0.5)
    task = loop.tasks.KINDS["continue"](data, plan.context_length, "cuda")
    learner = make_learner(plan, task, "cuda")
    torch.manual_seed(1)
    batch = task.batch(4)
    seen = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        seen.append(learner.learn(batch, 0.0)[0])
    assert seen[0] == seen[2] != seen[1]


@on_a_gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_resumed_run_is_exact(recipe, precision, data):
    plan = plan_of(recipe, dropout=0.2, precision=precision)
    (unbroken, last), (resumed, other) = (
        whole(plan, data, "cuda"),
        halves(plan, data, "cuda", "cuda"),
    )
    assert resumed == unbroken
    for tensors, others in ((last.weights, other.weights), (last.optimizer, other.optimizer)):
        assert tensors.keys() == others.keys()
        assert all(torch.equal(tensors[name], others[name]) for name in tensors)


@on_a_gpu
@pytest.mark.parametrize("devices", [("cpu", "cuda"), ("cuda", "cpu")])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_resumes_on_another_device(recipe, devices, data):
    plan = plan_of(recipe, precision="float32", dropout=0.0)
    unbroken, last = whole(plan, data, "cpu")
    resumed, other = halves(plan, data, *devices)
    assert resumed == pytest.approx(unbroken, abs=1e-3)
    assert last.optimizer.keys() == other.optimizer.keys()


@on_a_gpu
def test_a_changed_learning_rate_reaches_the_graph(data):
    """At a rate of almost nothing, the weights stay."""
    plan = plan_of(weight_decay=0.0, warmup_steps=0)
    events, moved = train(plan, data, device="cuda"), {}
    before = None
    for event in events:
        if isinstance(event, Step):
            weights = held(events.send(TakeCheckpoint())).weights["head.weight"]
            moved[event.step] = 0.0 if before is None else float((weights - before).abs().max())
            before = weights
            if event.step == HALF:
                events.send(ChangeLearningRate(1e-6))
    assert moved[HALF + 1] < moved[HALF] / 100


@on_a_gpu
def test_a_batch_of_another_shape_is_learned_without_the_graph(data):
    plan = plan_of()
    pair = []
    for device in ("cpu", "cuda"):
        task = loop.tasks.KINDS["continue"](data, plan.context_length, device)
        learner = make_learner(plan, task, device)
        learner.network.train()
        seen = []
        for rows in (4, 3, 4, 2):
            torch.manual_seed(rows)
            weights = torch.ones(rows, plan.context_length, device=device)
            made = task.batch(rows)
            seen.append(learner.learn(Batch(made.inputs, made.targets, weights), 1.0))
        pair.append([number for both in seen for number in both])
    assert pair[1] == pytest.approx(pair[0], rel=1e-3)


@on_a_gpu
def test_a_full_gpu_is_a_problem(tiny_plan, data):
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.01)
    try:
        plan = tiny_plan(DECODER, batch_size=512, n_embd=1024, context_length=256, n_layer=12)
        with pytest.raises(SettingsProblem, match="out of memory: lower the batch size"):
            list(train(plan, data, device="cuda"))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    assert len(losses(train(tiny_plan(DECODER), data, device="cuda"))) == 12  # the process goes on


@on_a_gpu
@pytest.mark.parametrize("recipe", ["best", "nanogpt-cpu"])
def test_compiled_steps_learn_the_same(recipe, data):
    plan = plan_of(recipe, precision="float32", dropout=0.0)
    plain, compiled = (whole(plan, data, "cuda", compiled=c)[0] for c in (False, True))
    assert compiled == pytest.approx(plain, abs=1e-3)
