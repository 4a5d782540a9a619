"""The loss over the whole validation split: exact, repeatable, and the same however it is cut."""

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lm import evaluation
from lm.evaluation import evaluate, evaluate_in_parts, loss_of_windows


class FromATable(nn.Module):
    """Scores that depend on this token only: row c is what follows c."""

    def __init__(self, table):
        super().__init__()
        self.table = nn.Parameter(table)

    def forward(self, tokens):
        return self.table[tokens]


@pytest.fixture
def model():
    return FromATable(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def tokens():
    return torch.randint(5, (101,), generator=torch.Generator().manual_seed(1))


def by_hand(model, tokens):
    """Mean of -ln p(next | this) over all but the first token."""
    probabilities = model.table.softmax(dim=1)
    losses = [-math.log(probabilities[a, b].item()) for a, b in pairwise(tokens)]
    return sum(losses) / len(losses)


@pytest.mark.parametrize("context", [1, 3, 10, 100, 101, 500])
def test_every_token_but_the_first_is_predicted_once(model, tokens, context):
    """Also when the split is a multiple of the context, or shorter than it."""
    result = evaluate(model, tokens, context)
    assert result.tokens == 100
    assert result.loss == pytest.approx(by_hand(model, tokens), abs=1e-6)


def test_the_same_number_at_any_batch_size(text_rung, tiny_model, data):
    model = tiny_model(text_rung, data.tokenizer.vocab_size)
    losses = [
        evaluate(model, data.validation, 16, batch_size=rows).loss for rows in (None, 1, 2, 7, 1000)
    ]
    assert losses == pytest.approx([losses[0]] * 5, abs=1e-6)


def test_twice_the_same_and_independent_of_random_numbers(text_rung, tiny_model, data):
    model = tiny_model(text_rung, data.tokenizer.vocab_size, dropout=0.5).train()
    first = evaluate(model, data.validation, 16)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert evaluate(model, data.validation, 16) == first
    assert torch.equal(torch.get_rng_state(), state)


def test_each_window_is_read_with_its_own_context_only(text_rung, tiny_model, data):
    model = tiny_model(text_rung, data.tokenizer.vocab_size).eval()
    tokens = data.validation[:41]  # two windows of 16 and one of 8
    with torch.inference_mode():
        total = sum(
            F.cross_entropy(
                model(tokens[None, a:b])[0], tokens[a + 1 : b + 1], reduction="sum"
            ).item()
            for a, b in ((0, 16), (16, 32), (32, 40))
        )
    assert evaluate(model, tokens, 16).loss == pytest.approx(total / 40, abs=1e-6)


def test_nats_and_bits(model, tokens):
    result = evaluate(model, tokens, 10)
    assert result.bits_per_char == pytest.approx(result.loss / math.log(2))
    assert result.characters == result.tokens
    longer = evaluate(model, tokens, 10, count_characters=lambda ids: 3 * len(ids))
    assert longer.characters == 300
    assert longer.loss == pytest.approx(result.loss / 3)
    assert longer.bits_per_char == pytest.approx(result.loss / 3 / math.log(2))


def test_of_a_huge_split_windows_spread_over_all_of_it_are_read(model, tokens, monkeypatch):
    """So many as the limit allows, each once; a split up to the limit is read as a whole."""
    monkeypatch.setattr(evaluation, "MOST_TOKENS", 40)
    read = []
    count = lambda ids: read.append(ids) or len(ids)  # noqa: E731
    part = evaluate(model, tokens, 3, count_characters=count, batch_size=2)
    assert (part.tokens, part.characters, part.whole) == (39, 39, False)
    starts = [33 * i // 13 for i in range(13)]  # of 33 windows
    pairs = [window for s in starts for window in pairwise(tokens[3 * s : 3 * s + 4])]
    assert torch.cat(read).tolist() == [int(b) for _, b in pairs]
    p = model.table.log_softmax(dim=1)
    assert part.loss == pytest.approx(-sum(p[a, b].item() for a, b in pairs) / 39, abs=1e-6)
    assert evaluate(model, tokens[:41], 3).whole
    assert evaluate(model, tokens[:41], 3).tokens == 40


def test_a_large_vocabulary_is_read_in_few_windows_at_once(monkeypatch):
    """Otherwise the scores alone take 320 MB, for 20,000 characters."""
    sizes = []

    class Watched(FromATable):
        def forward(self, tokens):
            sizes.append(tokens.numel())
            return super().forward(tokens)

    model, tokens = Watched(torch.zeros(5, 5)), torch.zeros(2001, dtype=torch.long)
    evaluate(model, tokens, 10, vocab_size=20_000)
    assert 10 <= max(sizes) <= evaluation.MOST_SCORES / 20_000
    evaluate(model, tokens, 1000, vocab_size=20_000_000)
    assert max(sizes) == 1000, "one window is the least"


def test_knowing_nothing_is_ln_of_the_vocabulary(tokens):
    assert evaluate(FromATable(torch.zeros(5, 5)), tokens, 7).loss == pytest.approx(math.log(5))


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_the_mode_is_put_back(tokens, training):
    seen = []

    class Watched(FromATable):
        def forward(self, tokens):
            seen.append(self.training)
            return super().forward(tokens)

    model = Watched(torch.zeros(5, 5)).train(training)
    evaluate(model, tokens, 10)
    assert seen
    assert not any(seen)
    assert model.training == training


def test_the_mode_is_put_back_after_a_stop_in_the_middle(model, tokens):
    model.train()
    parts = evaluate_in_parts(model, tokens, 10, batch_size=2)
    next(parts)
    parts.close()
    assert model.training


def test_parts_end_at_one(model, tokens):
    shares = list(evaluate_in_parts(model, tokens, 10, batch_size=3))
    assert shares == sorted(shares)
    assert len(shares) == 4
    assert shares[-1] == 1


def test_no_gradient_is_kept(model, tokens):
    evaluate(model, tokens, 10)
    assert model.table.grad is None


def test_the_loss_on_training_text_is_measured_like_that_on_validation_text(text_rung, tiny_model):
    """In evaluation mode, over windows spread evenly over the split, and the same whenever it is asked for."""
    model = tiny_model(text_rung, 23, dropout=0.5).train()
    text = torch.randint(23, (2001,), generator=torch.Generator().manual_seed(1))
    windows = text.unfold(0, 17, 16)  # what an evaluation in windows of 16 reads
    found = loss_of_windows(model, windows, 23)
    assert found == loss_of_windows(model, windows, 23)
    assert found == pytest.approx(evaluate(model, text, 16).loss, abs=1e-5)
    assert model.training
