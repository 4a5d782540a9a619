"""The loss by position: its mean is the loss, its groups double, and it is told on the command line."""

import json

import numpy as np
import pytest
import torch

from lm.errors import SettingsProblem
from lm.evaluation import evaluate
from lm.inside.by_position import ByPosition, by_position, doubling, drawn, verdict
from lm.ladder import RUNGS
from tests.lm.command_line import lm

DECODER = RUNGS["decoder_transformer"]


@pytest.mark.parametrize("settings", [{}, {"pattern": "prefix", "prefix": 6}])
def test_the_mean_over_the_positions_is_the_loss(settings, tiny_model):
    """Of whole windows; of a prefix only the positions that count."""
    model, tokens = tiny_model(DECODER, 23, **settings), torch.arange(16 * 5 + 1) * 7 % 23
    *_, found = by_position(model, tokens, 16)
    losses = found.losses
    given = settings.get("prefix", 1) - 1
    assert np.isnan(losses).sum() == given
    if not given:
        assert losses.mean() == pytest.approx(evaluate(model, tokens, 16).loss, rel=1e-6)


def test_positions_are_grouped_by_doubling():
    groups = doubling(np.arange(11.0))
    assert [(g.first, g.last) for g in groups] == [(1, 1), (2, 2), (3, 4), (5, 8), (9, 11)]
    assert [g.loss for g in groups] == [0, 1, 2.5, 5.5, 9]
    assert [(g.first, g.last) for g in doubling(np.array([np.nan, 1.0, 2.0]))] == [(2, 2), (3, 3)]


def test_the_groups_begin_after_a_prefix():
    """A group of which a part counts was left out, and there was none at all after a long prefix."""
    losses = np.array([np.nan] * 23 + [1.0] * 9)
    assert [(g.first, g.last, g.loss) for g in doubling(losses)] == [(24, 32, 1.0)]
    assert drawn(losses)[0].split()[:2] == ["24–32", "1.000"]
    assert [(g.first, g.last) for g in doubling(losses[16:])] == [(8, 8), (9, 16)]


def test_a_bar_is_as_long_as_its_loss():
    lines = drawn(np.array([4.0, 2.0, 1.0, 1.0]))
    assert [line.count("█") for line in lines] == [40, 20, 10]
    assert lines[-1].split()[:2] == ["3–4", "1.000"]


def test_a_text_without_a_window_is_refused(tiny_model):
    with pytest.raises(SettingsProblem, match="has 9 tokens, and a window of the context 17"):
        next(by_position(tiny_model(DECODER, 23), torch.arange(9), 16))


def test_some_windows_are_told_before_all_are_read(tiny_model):
    """In parts that a bounded work can end after; the last of them holds every window once."""
    model, tokens = tiny_model(DECODER, 23), torch.arange(16 * 40 + 1) * 7 % 23
    parts = list(by_position(model, tokens, 16, vocab_size=2**15))  # 16 windows at once
    assert [part.tokens for part in parts] == [16 * 16, 32 * 16, 40 * 16]
    assert [part.share for part in parts] == [0.4, 0.8, 1.0]
    assert parts[-1].losses.mean() == pytest.approx(parts[-1].quarters.mean(), rel=1e-6)
    assert parts[-1].losses.mean() == pytest.approx(evaluate(model, tokens, 16).loss, rel=1e-6)


VERDICTS = {
    "the model uses the far past, tokens more than 4 back.": [3.0, 2.0, 1.8, 1.5],
    "From the second on it rises, by 0.500": [3.0, 2.0, 2.2, 2.5],
    "can be chance (± 0.": [3.0, 2.0, 1.9, 2.001],
}


@pytest.mark.parametrize("words", VERDICTS)
def test_the_verdict_follows_from_the_quarters(words):
    """Not from the first against the last: the first positions of any context have little to look at."""
    noise = np.random.default_rng(0).normal(0, 0.1, (50, 4))
    noise = np.concatenate([noise, -noise])
    found = ByPosition(np.repeat(VERDICTS[words], 4), VERDICTS[words] + noise, 1.0)
    assert words in verdict(found)
    assert "Loss 1.5" in verdict(found, 2.0), "nats per character"
    assert "too little" in verdict(ByPosition(found.losses, found.quarters[:1], 1.0))
    short = ByPosition(found.losses[:7], found.quarters, 1.0)
    assert verdict(short) == "A context of 7 tokens has no far past."
    losses = np.concatenate([np.full(7, np.nan), found.losses])
    after = ByPosition(losses, found.quarters, 1.0)
    assert "in the first quarter of what follows the prefix" in verdict(after)
    after = ByPosition(losses[:10], found.quarters, 1.0)
    assert verdict(after).startswith("After the prefix, only 3 of 10 positions count")


def test_the_command_line_tells_it(finished, play_file):
    told = lm("evaluate", finished, "--by-position", "--json", "--corpus", play_file)
    found = json.loads(told.output)["by_position"]
    assert [first for first, *_ in found] == [1, 2, 3, 5, 9]
