"""A network averaged with counted n-grams: where it is judged, where it writes, and nowhere else."""

import pytest
import torch

from lm.errors import RunProblem
from lm.evaluation import evaluate
from lm.generation import Reader, SamplingConfig, generate
from lm.ladder import RUNGS
from lm.mixture import load_weights, weights_of, with_counts
from lm.runs import recording
from lm.runs.files import read_tensors, write_tensors
from lm.tasks import TextData
from lm.training.events import Checkpoint, Evaluated, Step
from lm.training.loop import train

DECODER = RUNGS["decoder_transformer"]


def last_weights(events):
    return [e for e in events if isinstance(e, Checkpoint)][-1].weights


@pytest.fixture
def mixed(text_network, tiny_plan, data):
    """A trained mixture of each network that continues a text (of lines nothing is counted), and its plan."""
    plan = tiny_plan(text_network, ngram_share=0.3)
    vocab_size = data.tokenizer.vocab_size
    model = with_counts(text_network.model(plan.model, vocab_size), plan, vocab_size)
    load_weights(model, last_weights(train(plan, data)))
    return model.eval(), plan


def test_the_average_is_that_of_the_probabilities(mixed, data):
    model, _ = mixed
    tokens = data.validation[None, :16]
    alone, counted = model.network(tokens).softmax(-1), model.ngram(tokens).exp()
    torch.testing.assert_close(model(tokens).exp(), 0.7 * alone + 0.3 * counted)


def test_the_counts_change_what_is_judged_and_not_what_is_learned(text_network, tiny_plan, data):
    """Every weight and every training loss is that of the network alone; the evaluations are better."""
    found = {}
    for share in (0.0, 0.5):
        events = list(train(tiny_plan(text_network, ngram_share=share), data))
        losses = [e.loss for e in events if isinstance(e, Step)]
        judged = [e.loss for e in events if isinstance(e, Evaluated)]
        found[share] = losses, judged, last_weights(events)
    assert found[0.5][0] == found[0.0][0]
    assert all(mixed < alone for mixed, alone in zip(found[0.5][1], found[0.0][1], strict=True))
    for name, tensor in found[0.0][2].items():
        assert torch.equal(found[0.5][2][name], tensor)


def test_weights_hold_the_counts(mixed, data):
    model, plan = mixed
    V = data.tokenizer.vocab_size
    again = with_counts(plan.rung.model(plan.model, V), plan, V).eval()
    load_weights(again, weights_of(model))
    T = plan.context_length
    assert evaluate(again, data.validation, T) == evaluate(model, data.validation, T)


def test_a_snapshot_that_lost_its_counts_is_refused(tiny_plan, begin, data, tmp_path):
    """Except that of step 0, when nothing is counted yet."""
    run = begin(tmp_path / "run", tiny_plan(DECODER, ngram_share=0.3))
    for _ in recording.record(run, train(run.plan, data)):
        pass
    assert run.model(0)[1] == 0
    path = run.directory / "snapshots" / "00000012.safetensors"
    tensors, metadata = read_tensors(path)
    write_tensors(path, {n: t for n, t in tensors.items() if "ngram." not in n}, metadata)
    with pytest.raises(RunProblem, match="does not fit the model"):
        run.model()


def test_writing_with_the_cache_equals_reading_the_window(tiny_plan, data):
    """At each step, also when the text has grown past the context; the counts see all that they need."""
    plan = tiny_plan(DECODER, ngram_share=0.3)
    V, T = data.tokenizer.vocab_size, plan.context_length
    model = with_counts(DECODER.model(plan.model, V), plan, V)
    load_weights(model, last_weights(train(plan, data)))
    model.eval()
    reader, tokens = Reader(model, T), data.validation[None, :3]
    with torch.inference_mode():
        for place in range(3, 3 * T):
            torch.testing.assert_close(reader.read(tokens), model(reader.window)[:, -1])
            tokens = data.validation[None, place : place + 1]


def test_a_mixture_writes(mixed, data):
    model, plan = mixed
    sampling = SamplingConfig(max_new_tokens=40)
    written = [t.id for t in generate(model, data.validation[:5], plan.context_length, sampling)]
    assert len(written) == 40


def test_counts_of_a_text_shorter_than_the_longest_ngram(tiny_plan, data):
    short = TextData(data.train[:5], data.validation[:6], data.tokenizer)
    plan = tiny_plan(RUNGS["bigram"], ngram_share=0.3, context_length=2)
    assert [e for e in train(plan, short) if isinstance(e, Evaluated)]
