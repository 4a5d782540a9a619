"""Another task needs one class and one entry. Here a model copies a line: "abc|" is answered by "abc"."""

import dataclasses
import json

import pytest
import torch
import torch.nn.functional as F

from lm import runs, tasks
from lm.errors import SettingsProblem
from lm.evaluation import Evaluation
from lm.ladder import RUNGS
from lm.tasks import Batch
from lm.training.events import Evaluated, Step
from lm.training.loop import train
from tests.lm.command_line import lm, refusal

DECODER = RUNGS["decoder_transformer"]
LENGTH = 4  # characters of a line


class CopyLine:
    """Rows are a line of the text, a line end, and the line again; only the copy counts."""

    name = "copy"
    pairs = False
    characters_per_token = 1.0

    def __init__(self, data, context_length, device):
        self.check(data, context_length)
        (self.lines, self.end), self.device = data, device  # lines (N, LENGTH)
        self.vocab_size = int(max(self.lines.max(), self.end)) + 1

    @staticmethod
    def load(corpus, tokenizer):
        text = corpus.text.replace("\n", " ")
        pieces = [text[i : i + LENGTH] for i in range(0, len(text) - LENGTH, LENGTH)]
        ids = [torch.from_numpy(tokenizer.encode(piece)) for piece in pieces]
        return torch.stack(ids), int(tokenizer.encode("\n")[0])

    @staticmethod
    def baselines(corpus, tell=None):
        return {"uniform": 3.0}

    @staticmethod
    def check(data, context_length):
        if context_length < 2 * LENGTH:
            raise SettingsProblem("The context is too short for a line and its copy.")

    def rows(self, lines):
        end = lines.new_full((len(lines), 1), self.end)
        whole = torch.cat([lines, end, lines], dim=1).to(self.device)  # (B, 2 LENGTH + 1)
        weights = torch.zeros(len(lines), 2 * LENGTH, device=self.device)
        weights[:, LENGTH:] = 1.0
        return Batch(whole[:, :-1], whole[:, 1:], weights)

    def batch(self, size):
        return self.rows(self.lines[torch.randint(len(self.lines), (size,))])

    def evaluate(self, model):
        model.eval()
        rows = self.rows(self.lines[-50:])
        with torch.inference_mode():
            logits = model(rows.inputs)[:, LENGTH:]
        loss = F.cross_entropy(logits.flatten(0, 1), rows.targets[:, LENGTH:].flatten()).item()
        yield 1.0
        return Evaluation(loss, loss / 0.6931, 50 * LENGTH, 50 * LENGTH)

    def train_loss(self, model):
        return 1.0

    def sample(self, model):
        return "a copy"


@pytest.fixture(autouse=True)
def copying(monkeypatch):
    """The task is registered, and the decoder can learn it."""
    monkeypatch.setitem(tasks.KINDS, "copy", CopyLine)
    rung = dataclasses.replace(DECODER, tasks=("continue", "copy"))
    monkeypatch.setitem(RUNGS, rung.name, rung)
    return rung


def test_a_model_learns_to_copy(copying, corpus, tokenizer):
    plan = copying.plan(
        task="copy",
        n_embd=32,
        n_head=2,
        n_layer=2,
        context_length=2 * LENGTH,
        steps=150,
        batch_size=64,
        learning_rate=1e-2,
        evaluate_every=150,
    )
    events = list(train(plan, CopyLine.load(corpus, tokenizer)))
    steps = [e.loss for e in events if isinstance(e, Step)]
    judged = [e.loss for e in events if isinstance(e, Evaluated)]
    assert steps[0] > 3
    assert judged[-1] < 1  # without looking back at the line, about 3 nats a character


def test_it_is_trained_and_evaluated_from_the_command_line(text, tmp_path):
    out = tmp_path / "run"
    flags = ["--n-embd", "16", "--n-layer", "1", "--context-length", "16", "--steps", "12"]
    told = json.loads(
        lm(
            *("train", DECODER.name, "--task", "copy", "--corpus", text, "--out", out, "--json"),
            *flags,
        ).stdout
    )
    assert runs.open_run(out).plan.task.task == "copy"
    again = json.loads(lm("evaluate", out, "--json").stdout)
    assert again["val_loss"] == pytest.approx(told["val_loss"], rel=1e-5)
    sentence = refusal(
        *("train", DECODER.name, "--task", "copy", "--context-length", "7", "--corpus", text),
        *("--out", tmp_path / "short"),
        code=2,
    )
    assert "too short for a line" in sentence


def test_a_model_refuses_a_task_it_cannot_learn(text, tmp_path):
    out = tmp_path / "run"
    said = refusal("train", "bigram", "--task", "copy", "--corpus", text, "--out", out, code=2)
    assert "Bigram cannot learn the task 'copy': it learns continue" in said
    assert not out.exists()


def test_counted_ngrams_need_a_text_to_continue(copying):
    with pytest.raises(SettingsProblem, match="'copy' cannot use counted n-grams: set their share"):
        copying.plan(task="copy", ngram_share=0.2)
