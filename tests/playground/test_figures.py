"""The figures are pure: what they show is checked without a browser."""

import base64
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.figures import attention, loss, next_character, template, tokens

UNIFORM = math.log(65)
BASELINES = {"uniform": UNIFORM, "unigram": 3.35, "bigram": 2.48, "5-gram": 1.56}
TEXT = list("Such a nature, tickled with good")


def curve(steps: int = 200) -> dict[str, list[float]]:
    at = np.arange(1, steps + 1)
    losses = 1.6 + 2.5 * np.exp(-at / 40)
    return {"step": at.tolist(), "loss": losses.tolist(), "seconds": (at * 0.05).tolist()}


def validation() -> dict[str, list[float]]:
    return {"step": [0, 50, 100], "loss": [4.2, 2.6, 1.9], "seconds": [0.0, 2.5, 5.0]}


def chart(**changes):
    settings = {"steps": 200, "uniform": UNIFORM, "baselines": BASELINES, "tokens_per_step": 64}
    return loss.figure(**{**settings, **changes})


def trace(figure, role):
    return next(one for one in figure.data if one.meta["role"] == role)


def causal(length: int, scores=None) -> np.ndarray:
    """Weights of a causal head: (T, T), rows summing to 1."""
    weights = np.tril(np.ones((length, length)) if scores is None else np.asarray(scores, float))
    return weights / weights.sum(1, keepdims=True)


def assert_plain_json(figure) -> None:
    text = json.dumps(template.as_json(figure), allow_nan=False)
    assert "NaN" not in text


# -- smoothing


def test_smoothing_is_the_debiased_exponential_average():
    losses, beta = [4.0, 3.0, 5.0, 1.0], 0.9
    expected = []
    for t in range(1, 5):
        weights = [(1 - beta) * beta ** (t - i) for i in range(1, t + 1)]
        expected.append(np.dot(weights, losses[:t]) / (1 - beta**t))
    assert loss.smooth(losses, beta) == pytest.approx(expected)


def test_smoothing_starts_at_the_first_loss_and_keeps_a_constant():
    assert loss.smooth([3.7, 1.0])[0] == pytest.approx(3.7)
    assert loss.smooth([2.5] * 50) == pytest.approx([2.5] * 50)


@given(st.lists(st.floats(0, 20), min_size=1, max_size=60))
def test_smoothed_losses_stay_within_those_seen_so_far(losses):
    for count, value in enumerate(loss.smooth(losses), start=1):
        seen = losses[:count]
        assert min(seen) - 1e-9 <= value <= max(seen) + 1e-9


def test_smoothing_passes_over_a_loss_that_is_not_finite():
    assert loss.smooth([2.0, math.nan, math.inf, 2.0]) == pytest.approx([2.0] * 4)
    assert math.isnan(loss.smooth([math.nan])[0])


# -- the loss chart


def test_the_chart_shows_raw_smoothed_and_validation():
    figure = chart(train=curve(), validation=validation())
    raw, smoothed = trace(figure, "raw"), trace(figure, "smooth")
    assert raw.opacity == pytest.approx(0.3)
    assert list(smoothed.y) == pytest.approx(list(loss.smooth(curve()["loss"])))
    assert trace(figure, "validation").mode == "lines+markers"
    assert [one.meta["role"] for one in figure.data].index("smooth") > 0
    assert_plain_json(figure)


def test_an_empty_chart_has_its_axes_and_baselines():
    figure = chart()
    assert len(figure.layout.shapes) == 4
    assert tuple(figure.layout.xaxis.range) == (0, 200)
    assert all(len(one.y) == 0 for one in figure.data)
    assert_plain_json(figure)


def test_baselines_are_dashed_and_named_with_their_value():
    figure = chart(floor=1.2)
    names = [note.text for note in figure.layout.annotations]
    assert names == ["uniform 4.17", "unigram 3.35", "bigram 2.48", "5-gram 1.56", "floor 1.20"]
    assert all(shape.line.dash for shape in figure.layout.shapes)


def test_the_y_axis_ends_at_ln_v_and_is_not_forced_to_zero():
    low, high = chart(train=curve(), validation=validation()).layout.yaxis.range
    assert 0 < low < 1.56
    assert UNIFORM < high < UNIFORM + 0.3
    better = chart(validation={"step": [1], "loss": [0.8], "seconds": [1]}).layout.yaxis.range
    assert better[0] < 0.8


@pytest.mark.parametrize(("axis", "last"), [("step", 200), ("tokens", 12_800), ("seconds", 10.0)])
def test_the_x_axis_counts_steps_tokens_or_seconds(axis, last):
    figure = chart(train=curve(), validation=validation(), x=axis)
    assert trace(figure, "raw").x[-1] == pytest.approx(last)
    assert figure.layout.xaxis.range[1] == pytest.approx(last)


def test_logarithmic_axes_place_labels_in_powers_of_ten():
    figure = chart(train=curve(), log_x=True, log_y=True)
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "log")
    assert figure.layout.xaxis.range[1] == pytest.approx(math.log10(200))
    assert figure.layout.annotations[0].y == pytest.approx(math.log10(UNIFORM), abs=0.01)
    assert figure.layout.shapes[0].y0 == pytest.approx(UNIFORM)
    assert_plain_json(figure)


def test_a_changed_learning_rate_is_marked_where_it_happened():
    figure = chart(rate_changes=[(120, 3e-4)], x="tokens")
    mark = next(shape for shape in figure.layout.shapes if shape.name == "rate")
    assert mark.x0 == 120 * 64
    assert figure.layout.annotations[-1].text == "rate 0.0003"


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


# -- the loss in words


def test_the_summary_says_where_the_run_stands():
    text = loss.summary(
        validation={"step": [0, 60, 180, 240], "loss": [4.2, 2.6, 2.1, 1.71]},
        train_smoothed=1.64,
        baselines=BASELINES,
    )
    assert text.startswith("Validation 1.71 and falling; it passed the bigram by step 180;")
    assert "5-gram at 1.56 is still ahead" in text
    assert text.endswith("gap to train 0.07: no sign of overfitting.")


def test_no_gap_is_not_less_than_none():
    text = loss.summary(validation={"step": [60], "loss": [2.5]}, train_smoothed=2.503)
    assert text.endswith("gap to train 0.00: no sign of overfitting.")


def test_the_summary_names_overfitting():
    text = loss.summary(
        validation={"step": [0, 500, 1000], "loss": [4.2, 1.6, 1.75]}, train_smoothed=1.2
    )
    assert "up from its best, 1.60 at step 500" in text
    assert "overfitting" in text and "no sign" not in text


def test_the_summary_before_anything_was_measured():
    assert loss.summary(validation={}) == "Nothing measured yet."
    assert "3.20" in loss.summary(validation={}, train_smoothed=3.2)


def test_the_summary_of_a_finished_run_with_a_floor():
    text = loss.summary(validation={"step": [9], "loss": [1.5]}, floor=1.3, finished=True)
    assert text.startswith("Validation ended at 1.50")
    assert "0.20 above the floor" in text


# -- attention


def test_masked_cells_are_empty_not_zero():
    figure = attention.figure(TEXT, causal(len(TEXT)))
    for row, line in enumerate(figure.data[0].z):
        assert all(value is None for value in line[row + 1 :])
        assert all(value is not None for value in line[: row + 1])
    assert figure.layout.plot_bgcolor == template.MASKED
    assert_plain_json(figure)


def test_the_scale_is_fixed_and_runs_from_white_to_the_hue_of_the_head():
    for head in (0, 1, 7):
        heatmap = attention.figure(TEXT, causal(len(TEXT)), head=head, heads=8).data[0]
        assert (heatmap.zmin, heatmap.zmax) == (0, 1)
        assert heatmap.colorscale[0] == (0, "#ffffff")
        assert heatmap.colorscale[-1][1] == template.head_hue(head)[0]
    assert template.head_hue(0) != template.head_hue(1)


def test_axes_are_integers_with_visible_characters():
    figure = attention.figure(list("a b\nb"))
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert list(axis.tickvals) == [0, 1, 2, 3, 4]
        assert list(axis.ticktext) == ["a", "␣", "b", "↵", "b"]
    first, last = figure.layout.yaxis.range
    assert first > last, "the first row stands at the top"


def test_packed_weights_unpack_to_within_half_a_step():
    weights = np.stack([causal(6), np.eye(6)])[None]  # (L, H, T, T)
    bytes_ = base64.b64decode(attention.pack(weights))
    assert np.frombuffer(bytes_, np.uint8) / 255 == pytest.approx(weights.ravel(), abs=0.5 / 255)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("the character before", lambda i, j: j == max(i - 1, 0)),
        ("itself", lambda i, j: j == i),
        ("the first position", lambda i, j: j == 0),
        ("spaces", lambda i, j: TEXT[j] == " " or j == 0 > i - 5),
    ],
)
def test_the_summary_names_what_a_head_favours(name, places):
    length = len(TEXT)
    scores = [[10.0 if places(i, j) else 0.01 for j in range(length)] for i in range(length)]
    assert f"Looks at {name} (" in attention.summary(causal(length, scores), TEXT)


def test_the_summary_counts_distance_and_entropy():
    length = len(TEXT)
    before = causal(length, np.eye(length, k=-1) + np.eye(length) * 1e-12)
    assert "mean distance 1.0, entropy 0.0 nats" in attention.summary(before, TEXT)
    even = attention.summary(causal(length), TEXT)
    entropy = np.log(np.arange(2, length + 1)).mean()
    assert even == (
        f"Looks at no one kind of place; mean distance {np.arange(1, length).mean() / 2:.1f}, "
        f"entropy {entropy:.1f} nats."
    )


def test_one_character_has_a_summary_and_a_figure():
    assert "nothing to look back at" in attention.summary(np.ones((1, 1)), ["a"])
    assert_plain_json(attention.figure(["a"], np.ones((1, 1))))


# -- the next-character table


def test_learned_and_counted_tables_share_a_scale():
    learned, counted = np.eye(3), np.full((3, 3), 1 / 3)
    figure = next_character.figure(learned, counted, ["\n", " ", "a"])
    left, right = figure.data
    assert (left.zmin, left.zmax) == (right.zmin, right.zmax) == (0, 1)
    assert left.colorscale == right.colorscale
    assert list(left.x) == ["↵", "␣", "a"]
    assert np.asarray(left.z) == pytest.approx(learned)
    assert np.asarray(right.z) == pytest.approx(counted, abs=1e-4)
    assert_plain_json(figure)


def test_the_table_in_words():
    learned = np.array([[0.1, 0.9], [0.5, 0.5]])
    text = next_character.summary(learned, np.full((2, 2), 0.5), [" ", "u"])
    assert text.startswith("Mean absolute difference 0.200 a cell.")
    assert "after “␣” comes “u” with 90% (counted 50%)" in text


def test_white_space_is_visible():
    assert [tokens.visible(c) for c in " \n\tx"] == ["␣", "↵", "⇥", "x"]


def test_tints_run_from_white_to_the_colour():
    assert template.tint("#102030", 0) == "#ffffff"
    assert template.tint("#102030", 1) == "#102030"
