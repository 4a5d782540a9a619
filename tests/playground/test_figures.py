"""The figures are pure: what they show is checked without a browser."""

import base64
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.figures import attention, loss, next_token, template, tokens

UNIFORM = math.log(65)
BASELINES = {"uniform": UNIFORM, "unigram": 3.35, "bigram": 2.48, "5-gram": 1.56}
TEXT = list("Such a nature, tickled with good")


def chart(floor=None):
    return loss.figure(200, UNIFORM, BASELINES, floor)


def causal(length: int) -> np.ndarray:
    """The causal mask: (T, T), True where a position may look."""
    return np.tril(np.ones((length, length), dtype=bool))


def weights_of(mask: np.ndarray, scores=1.0) -> np.ndarray:
    """Weights under a mask from positive scores: (T, T), rows summing to 1."""
    weights = mask * np.broadcast_to(np.asarray(scores, float), mask.shape)
    return weights / weights.sum(1, keepdims=True)


def assert_plain_json(figure) -> None:
    text = json.dumps(template.as_json(figure), allow_nan=False)
    assert "NaN" not in text


# -- smoothing


def smoothed(losses, **options) -> list[float]:
    smoother = loss.Smoother(**options)
    return [smoother.add(one) for one in losses]


def test_smoothing_is_the_debiased_exponential_average():
    losses, beta = [4.0, 3.0, 5.0, 1.0], 0.9
    expected = []
    for t in range(1, 5):
        weights = [(1 - beta) * beta ** (t - i) for i in range(1, t + 1)]
        expected.append(np.dot(weights, losses[:t]) / (1 - beta**t))
    assert smoothed(losses, beta=beta) == pytest.approx(expected)


@given(st.lists(st.floats(0, 20), min_size=1, max_size=60))
def test_smoothed_losses_stay_within_those_seen_so_far(losses):
    for count, value in enumerate(smoothed(losses), start=1):
        seen = losses[:count]
        assert min(seen) - 1e-9 <= value <= max(seen) + 1e-9


def test_smoothing_passes_over_a_loss_that_is_not_finite():
    assert smoothed([2.0, math.nan, math.inf, 2.0]) == pytest.approx([2.0] * 4)
    assert math.isnan(smoothed([math.nan])[0])


# -- the loss chart


def test_the_chart_has_axes_baselines_and_a_style_for_each_curve_but_no_points():
    figure = chart()
    assert len(figure.layout.shapes) == 4
    assert tuple(figure.layout.xaxis.range) == (0, 200)
    assert [one.meta["curve"] for one in figure.data] == ["raw", "smooth", "validation", "old"]
    assert all(len(one.y) == 0 for one in figure.data)
    assert_plain_json(figure)


def test_baselines_are_dashed_and_named_with_their_value():
    figure = chart(floor=1.2)
    names = [note.text for note in figure.layout.annotations]
    assert names == ["uniform 4.17", "unigram 3.35", "bigram 2.48", "5-gram 1.56", "floor 1.20"]
    assert all(shape.line.dash for shape in figure.layout.shapes)


def test_the_y_axis_runs_from_under_the_lowest_baseline_to_just_above_ln_v():
    low, high = chart().layout.yaxis.range
    assert 1.3 < low < 1.56
    assert UNIFORM < high < UNIFORM + 0.3
    assert 1.0 < chart(floor=1.2).layout.yaxis.range[0] < 1.2
    assert (chart().layout.meta["low"], chart().layout.meta["high"]) == (low, high)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=8))
def test_labels_never_overlap_and_keep_their_order(values):
    places = loss.spread(values, 0.2)
    order = sorted(range(len(values)), key=lambda i: values[i])
    gaps = np.diff([places[i] for i in order])
    assert (gaps >= 0.2 - 1e-9).all()
    assert all(place >= value for place, value in zip(places, values, strict=True))


def test_the_template_is_our_own_and_small():
    figure = template.as_json(chart())
    assert len(json.dumps(figure["layout"]["template"])) < 1500
    assert figure["layout"]["template"]["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"


# -- attention


def test_the_scale_of_a_heatmap_is_fixed_and_each_head_has_a_hue():
    figure = attention.figure(TEXT, heads=8)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)
    hues = figure.layout.meta["hues"]
    assert len(hues) == 8 and hues[0] != hues[1]
    assert all(hue.keys() == {"light", "dark"} for hue in hues)
    assert_plain_json(figure)


def test_axes_are_integers_with_visible_characters():
    figure = attention.figure(list("a b\nb"))
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert list(axis.tickvals) == [0, 1, 2, 3, 4]
        assert list(axis.ticktext) == ["a", "␣", "b", "↵", "b"]
    first, last = figure.layout.yaxis.range
    assert first > last, "the first row stands at the top"


def test_packed_weights_unpack_to_within_half_a_step():
    weights = np.stack([weights_of(causal(6)), np.eye(6)])[None]  # (L, H, T, T)
    bytes_ = base64.b64decode(attention.pack(weights))
    assert np.frombuffer(bytes_, np.uint8) / 255 == pytest.approx(weights.ravel(), abs=0.5 / 255)


# -- the table of next tokens


def test_learned_and_counted_tables_share_a_scale():
    learned, counted = np.eye(3), np.full((3, 3), 1 / 3)
    figure = next_token.figure(learned, counted, ["\n", " ", "a"])
    left, right = figure.data
    assert (left.zmin, left.zmax) == (right.zmin, right.zmax) == (0, 1)
    assert list(left.x) == ["↵", "␣", "a"]
    assert np.asarray(left.z) == pytest.approx(learned)
    assert np.asarray(right.z) == pytest.approx(counted, abs=1e-4)
    assert_plain_json(figure)


def test_the_edges_of_a_table_of_pieces_name_some_of_them_in_short():
    """A piece such as "IO" is no letter; all hundred names would lie upon one another."""
    table, texts = np.full((100, 100), 0.01), [f"piece {n}" for n in range(99)] + ["IO"]
    across = next_token.figure(table, table, texts).layout.xaxis
    assert len(across.tickvals) == 8 and across.tickvals[1] == "piece␣13"
    assert across.ticktext[1] == "piece" and across.tickangle == -90


def test_the_table_in_words():
    learned = np.array([[0.1, 0.9], [0.5, 0.5]])
    text = next_token.summary(learned, np.full((2, 2), 0.5), [" ", "u"])
    assert text.startswith("Mean absolute difference 0.200 per cell.")
    assert "after “␣” comes “u” with 90% (counted 50%)" in text


def test_of_a_model_that_counts_no_table_is_called_learned():
    """The tab of the n-gram called the same numbers learned in one place and counted in another."""
    table = np.full((2, 2), 0.5)
    figure = next_token.figure(table, table, [" ", "u"], next_token.COUNTED)
    told = next_token.summary(table, table, [" ", "u"], next_token.COUNTED)
    assert "learned" not in figure.to_json() + told
    assert "(raw counts 50%)" in told


def test_white_space_is_visible():
    assert [tokens.visible(c) for c in " \n\tx"] == ["␣", "↵", "⇥", "x"]
