"""Another tokenizer needs one class and one entry: training, run directory, command line and losses follow."""

import json
import math

import pytest

from lm import runs, tasks, tokenizers
from lm.corpora import load
from lm.evaluation import evaluate
from lm.ladder import RUNGS
from lm.runs.files import read_json, write_json
from lm.training.events import Evaluated, Step
from lm.training.loop import train
from tests.lm.command_line import QUICK, lm, quick, refusal
from tests.pair_tokenizer import PairTokenizer


@pytest.fixture(autouse=True)
def pairs(monkeypatch):
    monkeypatch.setitem(tokenizers.KINDS, PairTokenizer.kind, PairTokenizer)


def test_losses_are_per_character_whatever_a_token_is(text_rung, tiny_plan, corpus):
    """At first a network knows nothing: ln V for each token, so half of that for each character."""
    plan = tiny_plan(text_rung, tokenizer="pairs")
    tokenizer = tokenizers.train(plan.tokenizer, corpus.text)
    data = tasks.text_data(corpus, tokenizer)
    assert len(data.train) == math.ceil(len(corpus.train_text) / 2)
    events = list(train(plan, data))
    first = next(e for e in events if isinstance(e, Step))
    if text_rung.training.learner == "gradient":
        assert first.loss == pytest.approx(math.log(tokenizer.vocab_size) / 2, rel=0.1)
    last = [e for e in events if isinstance(e, Evaluated)][-1]
    assert last.loss < math.log(tokenizer.vocab_size) / 2
    assert last.bits_per_char == pytest.approx(last.loss / math.log(2))


def test_it_is_trained_evaluated_sampled_and_resumed_from_the_command_line(text, tmp_path):
    rung = RUNGS["decoder_transformer"]
    out = tmp_path / "run"
    flags = [*quick(rung), "--n-layer", "1", "--n-embd", "16"]
    output = lm(
        "train", rung.name, "--tokenizer", "pairs", "--corpus", text, "--out", out, *flags, "--json"
    ).stdout
    told = json.loads(output)
    run = runs.open_run(out)
    assert read_json(out / "tokenizer.json")["kind"] == "pairs"
    assert run.plan.tokenizer.tokenizer == "pairs"

    corpus = load(str(text))
    ids = run.tokenizer().encode(corpus.validation_text)
    model, _ = run.model()
    tokens = tasks.text_data(corpus, run.tokenizer()).validation
    per_token = evaluate(model, tokens, run.plan.context_length)
    characters = len(corpus.validation_text) - 2  # the first token is not predicted
    assert told["val_loss"] == pytest.approx(per_token.loss * (len(ids) - 1) / characters)
    assert json.loads(lm("evaluate", out, "--json").stdout)["val_loss"] == pytest.approx(
        told["val_loss"]
    )
    # What counting achieves is of characters, and so stands beside any tokenizer.
    assert run.record.baselines == tasks.ContinueText.baselines(corpus)
    assert run.record.baselines["uniform"] == pytest.approx(math.log(len(set(corpus.text))))

    written = lm("sample", out, "--prompt", "th", "--max-new-tokens", "7").stdout
    assert len(written.rstrip("\n")) > 7
    lm("train", rung.name, "--out", out, "--resume", "--corpus", text)


def test_an_unknown_kind_is_refused(text, tmp_path):
    wrong = lm("train", "bigram", "--tokenizer", "syllables", "--out", tmp_path / "x", code=2)
    assert "syllables" in wrong.stderr


def test_a_tokenizer_larger_than_the_models_vocabulary(text, tmp_path):
    """The run directory's tokenizer was exchanged: one sentence, and nothing is trained."""
    out = tmp_path / "run"
    lm("train", "bigram", "--corpus", text, "--out", out, *QUICK)
    pairs = PairTokenizer.from_text(text.read_text())
    write_json(out / "tokenizer.json", pairs.to_json())
    for command in (
        ("sample", out),
        ("evaluate", out),
        ("train", "bigram", "--out", out, "--resume"),
    ):
        assert "tokenizer is of another run" in refusal(*command, code=3)
