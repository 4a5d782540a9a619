"""Every model learns pieces as it learns characters, and losses stay per character."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lm import corpora, runs, tasks, tokenizers
from lm.generation import SamplingConfig, generate
from lm.ladder import RUNGS
from lm.prompt import Begun, Prompt
from lm.tokenizers import BPETokenizer, TokenizerConfig
from lm.tokenizers.streaming import Stream
from lm.training.events import Evaluated, Sample, Step
from lm.training.loop import train
from lm.wording import tokens_told
from tests.lm.command_line import lm, quick

SUBWORDS = ("bpe", "unigram")
kinds = pytest.mark.parametrize("kind", SUBWORDS)


@pytest.fixture(scope="module")
def german():
    """A text with characters of two and four bytes, which tokens may cut apart."""
    lines = "Größere Füße, süße Äpfel 🎭 für Übermütige.\nDer König öffnet die Tür.\n"
    return corpora.from_text(
        lines * 40 + "Zwölf Boxkämpfer jagen Viktor 🎲 über den großen Deich.\n" * 20
    )


@kinds
def test_every_model_learns_pieces(text_rung, kind, tiny_plan, corpus):
    """From ln V for each token down; recorded losses are per character."""
    if "continue" not in text_rung.tasks:
        pytest.skip("it continues no text")
    plan = tiny_plan(text_rung, tokenizer=kind, vocab_size=500)
    tokenizer = tokenizers.train(plan.tokenizer, corpus.text, corpus.train_text)
    data = tasks.text_data(corpus, tokenizer)
    events = list(train(plan, data))
    per_token = len(corpus.train_text) / len(data.train)
    assert per_token > 1.5
    first = next(e for e in events if isinstance(e, Step))
    if text_rung.training.learner == "gradient":
        assert first.loss == pytest.approx(math.log(500) / per_token, rel=0.1)
    judged = [e for e in events if isinstance(e, Evaluated)]
    held_out = len(corpus.validation_text) / len(data.validation)
    assert judged[-1].loss < math.log(500) / held_out
    assert all(isinstance(e.text, str) for e in events if isinstance(e, Sample))


@pytest.mark.parametrize("kind", ["characters", *SUBWORDS])
def test_a_loss_is_the_mean_of_log_probabilities_over_the_characters(kind, german, tiny_plan):
    """Added up token by token; the number of characters is that of the text itself."""
    plan = tiny_plan(RUNGS["decoder_transformer"], tokenizer=kind, vocab_size=270)
    tokenizer = tokenizers.train(plan.tokenizer, german.text, german.train_text)
    task = tasks.ContinueText(tasks.text_data(german, tokenizer), plan.context_length, "cpu")
    torch.manual_seed(1)
    model = plan.rung.model(plan.model, tokenizer.vocab_size).eval()
    ids, T, total = (
        torch.from_numpy(tokenizer.encode(german.validation_text)),
        plan.context_length,
        0.0,
    )
    for start in range(0, len(ids) - 1, T):
        window = ids[start : start + T + 1]
        with torch.inference_mode():
            logs = F.log_softmax(model(window[None, :-1])[0].double(), dim=-1)
        total -= sum(logs[t, id].item() for t, id in enumerate(window[1:]))
    first = tokenizer.token_bytes(int(ids[0])).decode()  # read, but not predicted
    parts = task.evaluate(model)
    while True:
        try:
            next(parts)
        except StopIteration as finished:
            result = finished.value
            break
    assert result.characters == len(german.validation_text) - len(first)
    assert result.loss == pytest.approx(total / result.characters, rel=1e-5)
    assert result.bits_per_char == pytest.approx(result.loss / math.log(2))


@kinds
def test_a_run_is_trained_evaluated_sampled_resumed_and_packed(kind, text, tmp_path):
    rung, out = RUNGS["decoder_transformer"], tmp_path / "run"
    flags = [*quick(rung), "--n-layer", "1", "--n-embd", "16", "--vocab-size", "300"]
    words = ("--tokenizer", kind, "--corpus", text, "--out", out)
    told = json.loads(lm("train", rung.name, *words, *flags, "--json").stdout)
    run = runs.open_run(out)
    assert run.record.vocab_size == 300 == run.tokenizer().vocab_size
    # The baselines are those of characters.
    assert run.record.baselines == tasks.ContinueText.baselines(corpora.load(str(text)))
    assert "checksum" not in json.loads((out / "tokenizer.json").read_text("utf-8"))
    judged = json.loads(lm("evaluate", out, "--json").stdout)
    assert judged["val_loss"] == pytest.approx(told["val_loss"])
    assert "context length 16 tokens, about" in lm("evaluate", out).stdout
    written = lm("sample", out, "--prompt", "The ki", "--max-new-tokens", "8").stdout
    assert written.startswith("The ki") and len(written) > 8
    assert lm("sample", out, "--prompt", "The ki", "--max-new-tokens", "8").stdout == written
    lm("train", rung.name, "--out", out, "--resume", "--corpus", text)
    lm("pack", out, "--out", tmp_path / "packed")
    packed = runs.open_run(tmp_path / "packed")
    assert packed.tokenizer() == run.tokenizer()
    assert packed.counted_pairs.table.shape == (100, 100)  # of V² pairs, those of the most frequent


def test_a_damaged_tokenizer_of_a_run_is_found(text, tmp_path):
    """Two scores exchanged leave a file that can be read, and other ids."""
    out = tmp_path / "run"
    lm(
        "train",
        "bigram",
        "--tokenizer",
        "unigram",
        "--vocab-size",
        "300",
        "--corpus",
        text,
        "--out",
        out,
        *quick(RUNGS["bigram"]),
    )
    path = out / "tokenizer.json"
    saved = json.loads(path.read_text("utf-8"))
    vocab = saved["model"]["vocab"]
    vocab[0][1], vocab[-1][1] = vocab[-1][1], vocab[0][1]
    path.write_text(json.dumps(saved), "utf-8")
    assert "tokenizer.json is damaged" in lm("sample", out, code=3).stderr


class Likes(torch.nn.Module):
    """A model that has seen "ROMEO" as one token and nothing else: it gives that token a high score."""

    def __init__(self, favourite, vocab_size):
        super().__init__()
        self.scores = torch.nn.functional.one_hot(torch.tensor(favourite), vocab_size) * 9.0

    def forward(self, tokens):
        return self.scores.expand(*tokens.shape, -1)


@pytest.fixture(scope="module")
def romeo():
    return BPETokenizer.from_text("ROMEO\n" * 50 + "R O M E x y", TokenizerConfig(vocab_size=260))


@pytest.mark.parametrize("prompt", ["R", "ROM", "x ROM", "ROMEO\nRO"])
def test_a_prompt_may_end_in_the_middle_of_a_piece(romeo, prompt):
    """Without taking it back, "ROM" would be followed by another "ROMEO": "ROMROMEO"."""
    (favourite,) = romeo.encode("ROMEO")
    begin = Prompt.of(romeo, prompt)
    ids = begin.ids if len(begin.ids) else romeo.encode("\n")
    begun, stream = Begun(romeo, begin.rest), Stream(romeo, skip=len(begin.rest))
    model, settings = (
        Likes(int(favourite), romeo.vocab_size),
        SamplingConfig(temperature=0.0, max_new_tokens=2),
    )
    drawn = generate(model, torch.from_numpy(ids), 8, settings, begun)
    text = prompt + "".join(stream.text(token.id) for token in drawn)
    *before, _ = prompt.rpartition("R")
    assert text.startswith(before[0] + "ROMEO") and "ROMROM" not in text


def test_a_prompt_is_spelled_whatever_the_model_likes(romeo):
    """Byte by byte, where no token fits better; the prompt is told once."""
    tokens = np.arange(romeo.vocab_size)
    begin = Prompt.of(romeo, "x 🎭")
    assert romeo.decode(begin.ids) == "x" and begin.rest == " 🎭".encode()
    begun, spelled = Begun(romeo, begin.rest), b""
    while (allowed := begun.allowed()) is not None:
        assert allowed.any() and not allowed.all()
        id = int(tokens[allowed][-1])
        begun.take(id)
        spelled += romeo.token_bytes(id)
    assert spelled == begin.rest
    assert Prompt.of(tokenizers.CharacterTokenizer.from_text("ab"), "ab").rest == b""


def test_a_context_is_told_in_tokens_and_characters():
    assert tokens_told(64, 2.34) == "64 tokens, about 150 characters"
    assert tokens_told(8, 2.34) == "8 tokens, about 19 characters"
    assert tokens_told(1024, 2.07) == "1,024 tokens, about 2,100 characters"
    assert tokens_told(64, 1.0) == "64 tokens"
