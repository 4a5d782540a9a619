"""A GPU burst on a Space, with ZeroGPU's function in this process and the CPU for its GPU."""

import sys
import types

import gradio as gr
import pytest

from lm.errors import Problem
from playground.serving import zero_gpu
from playground.tabs import burst_button
from playground.training.burst import burst
from tests.playground.answers import assert_one_sentence
from tests.playground.conftest import TINY


@pytest.fixture
def pressed(actions, services, play, decoder):
    """`pressed(lend, steps=9)`: the answers after a click on the button."""
    text = services.texts.add(play.encode())

    def press(lend, tokens="characters", **changed):
        fields = {n: f.default for n, f in decoder.settings().items()} | TINY | changed
        values = [value for n, value in fields.items() if n not in ("tokenizer", "vocab_size")]
        return burst_button.burst(actions, lend, text, tokens, values)

    return press


def on_cpu(seconds):
    return lambda directory, data: burst(directory, data, "cpu", seconds)


def test_only_where_a_space_has_zero_gpu_is_its_package_imported(monkeypatch):
    """It makes `torch.cuda` seem present in every process that imports it."""
    asked = []
    module = types.SimpleNamespace(
        GPU=lambda duration: asked.append(duration) or (lambda task: task)
    )
    monkeypatch.setitem(sys.modules, "spaces", module)
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert zero_gpu.offered() is None and not asked
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert zero_gpu.offered() is burst and asked == [60]
    # Importing it fails, as with a torch for CPUs alone.
    monkeypatch.setitem(sys.modules, "spaces", None)
    with pytest.raises(Problem, match="says which torch"):
        zero_gpu.offered()


def test_with_zero_gpu_nothing_asks_for_cuda_and_runs_train_on_the_cpu(monkeypatch):
    """The package refuses a process that has asked, and the page did not start; then torch tells of a GPU."""
    asked = []
    monkeypatch.setattr(zero_gpu, "choose_device", lambda name: asked.append(name) or "cuda")
    monkeypatch.setattr(zero_gpu, "offered", lambda: burst)
    assert zero_gpu.burst_and_device("auto") == (burst, "cpu") and not asked
    monkeypatch.setattr(zero_gpu, "offered", lambda: None)
    assert zero_gpu.burst_and_device("auto") == (None, "cuda")


def test_a_burst_shows_its_run_at_once_and_trains_it_to_the_end(pressed, library):
    answers = pressed(on_cpu(60.0), tokens="bpe:300", steps=30)
    token = next(answers)["token"]
    assert library.answer(token)["step"] == 0 and library.answer(token)["ours"] is False
    assert list(answers)[-1] == {"notice": ""}
    assert library.answer(token)["status"] == "finished"
    assert library.view(token).run.plan.tokenizer.vocab_size == 300


def test_a_burst_ends_in_time_and_keeps_what_it_has_learned(pressed, library):
    answers = pressed(on_cpu(0.2), steps=100_000, evaluate_every=100_000)
    token = next(answers)["token"]
    list(answers)
    run = library.view(token).run
    assert run.status()[0] == "stopped" and run.checkpoint()[0].step == run.status()[2]


def test_a_gpu_that_is_refused_is_told_in_a_sentence(pressed):
    def refuse(directory, data):
        raise gr.Error("You have exceeded your ZeroGPU quota.")
        yield

    for answers in (pressed(refuse), pressed(on_cpu(1.0), n_head=3), pressed(refuse, tokens="x")):
        *_, told = answers
        assert_one_sentence(told["notice"].removeprefix("The GPU burst has ended: "))
