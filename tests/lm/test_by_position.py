"""The loss by position: its mean is the loss, its groups double, and it is told on the command line."""

import json

import numpy as np
import pytest
import torch

from lm.by_position import by_position, doubling, drawn
from lm.errors import SettingsProblem
from lm.evaluation import evaluate
from lm.ladder import RUNGS
from tests.lm.command_line import lm

DECODER = RUNGS["decoder_transformer"]


@pytest.mark.parametrize("settings", [{}, {"pattern": "prefix", "prefix": 6}])
def test_the_mean_over_the_positions_is_the_loss(settings, tiny_model):
    """Of whole windows; of a prefix only the positions that count."""
    model, tokens = tiny_model(DECODER, 23, **settings), torch.arange(16 * 5 + 1) * 7 % 23
    losses = by_position(model, tokens, 16)
    given = settings.get("prefix", 1) - 1
    assert np.isnan(losses).sum() == given
    if not given:
        assert losses.mean() == pytest.approx(evaluate(model, tokens, 16).loss, rel=1e-6)


def test_positions_are_grouped_by_doubling():
    groups = doubling(np.arange(11.0))
    assert [(g.first, g.last) for g in groups] == [(1, 1), (2, 2), (3, 4), (5, 8), (9, 11)]
    assert [g.loss for g in groups] == [0, 1, 2.5, 5.5, 9]
    assert [(g.first, g.last) for g in doubling(np.array([np.nan, 1.0, 2.0]))] == [(2, 2), (3, 3)]


def test_a_bar_is_as_long_as_its_loss():
    lines = drawn(np.array([4.0, 2.0, 1.0, 1.0]))
    assert [line.count("█") for line in lines] == [40, 20, 10]
    assert lines[-1].split()[:2] == ["3–4", "1.000"]


def test_a_text_without_a_window_is_refused(tiny_model):
    with pytest.raises(SettingsProblem, match="has 9 tokens, and a window of the context 17"):
        by_position(tiny_model(DECODER, 23), torch.arange(9), 16)


def test_the_command_line_tells_it(finished, play_file):
    told = lm("evaluate", finished, "--by-position", "--json", "--corpus", play_file)
    found = json.loads(told.output)["by_position"]
    assert [first for first, *_ in found] == [1, 2, 3, 5, 9]
