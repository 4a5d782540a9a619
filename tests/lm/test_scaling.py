"""The law of sizes: found where it is known, and doubted where points are too few to tell."""

import math
import re

import numpy as np
import pytest

from lm.scaling import brief, fit, sentence

E, N0, ALPHA = 1.2, 5000.0, 0.35
SIZES = np.geomspace(3e3, 1e6, 6)


def losses(sizes, floor=E, scale=N0, exponent=ALPHA):
    return floor + (scale / np.asarray(sizes)) ** exponent


@pytest.mark.parametrize(
    ("floor", "scale", "exponent"),
    [(1.2, 5e3, 0.35), (0.5, 1e4, 0.1), (1.4, 300.0, 1.2), (2.0, 1e6, 0.2), (0.9, 20.0, 0.5)],
)
def test_a_known_law_is_found(floor, scale, exponent):
    """From any of the starts: a fit that stays in another minimum, or at a bound, is off by far more."""
    found = fit(SIZES, losses(SIZES, floor, scale, exponent))
    assert found.floor == pytest.approx(floor, rel=1e-3)
    assert found.scale == pytest.approx(scale, rel=1e-2)
    assert found.exponent == pytest.approx(exponent, rel=1e-3)
    assert found.ahead == pytest.approx(1e7)
    assert found.loss(1e7) == pytest.approx(float(losses(1e7, floor, scale, exponent)), rel=1e-4)
    assert found.doubts == ()
    assert "Do not trust" not in sentence(found)


def test_the_order_of_the_points_does_not_matter():
    mixed = np.random.default_rng(0).permutation(len(SIZES))
    assert fit(SIZES[mixed], losses(SIZES)[mixed]) == fit(SIZES, losses(SIZES))


def test_the_error_covers_the_truth_as_often_as_it_says():
    """One standard error of three spare points covers 61 % (Student's t); two cover 86 %."""
    random, truth = np.random.default_rng(1), float(losses(1e7))
    within = {1: 0, 2: 0}
    for _ in range(200):
        found = fit(SIZES, losses(SIZES) + random.normal(0, 0.005, len(SIZES)))
        for errors in within:
            within[errors] += abs(found.loss(1e7) - truth) < errors * found.error(1e7)
    assert 0.5 < within[1] / 200 < 0.72
    assert 0.78 < within[2] / 200 < 0.93


def test_the_error_grows_away_from_the_points():
    found = fit(SIZES, losses(SIZES) + np.array([1, -1, 1, -1, 1, -1]) * 0.004)
    errors = [found.error(size) for size in (1e6, 1e7, 1e9)]
    assert errors == sorted(errors)
    assert found.floor_error > errors[0]
    assert f"± {found.error(1e7):.3f} nats per character" in sentence(found)


def test_the_brief_form_has_the_numbers_of_the_sentence():
    found = fit(SIZES, losses(SIZES) + np.array([1, -1, 1, -1, 1, -1]) * 0.004)
    numbers = re.findall(r"[\d.,]+ ± [\d.]+|N₀ = [\d,]+", sentence(found))
    assert len(numbers) == 4
    assert all(number in brief(found) for number in numbers)
    assert brief(fit([1e4, 1e5, 1e6], losses([1e4, 1e5, 1e6]))).startswith(
        "Do not trust this law: 3 points"
    )


@pytest.mark.parametrize(
    ("sizes", "values", "doubt"),
    [
        ([1e4, 1e5, 1e6], None, "3 points for three unknowns"),
        (np.geomspace(1e4, 5e4, 6), None, "the sizes span a factor of 5"),
        (SIZES, 9.0 - 0.5 * np.log(SIZES), "its bound, 0"),
        (SIZES, [2.0, 1.8, 1.7, 1.6, 1.5, 1.9], "does not have the lowest loss"),
        (SIZES, [2.5, 1.5, 1.5, 1.5, 1.5, 1.4999], "α came out at its bound"),
        (SIZES, [2.0, 2.2, 1.8, 2.1, 1.9, 1.75], "the floor is only known to"),
    ],
)
def test_a_fit_that_is_not_to_be_trusted(sizes, values, doubt):
    found = fit(sizes, losses(sizes) if values is None else values)
    assert any(doubt in one for one in found.doubts), found.doubts
    said = sentence(found)
    assert "Do not trust it" in said
    assert doubt in said


def test_too_few_points_for_a_curve():
    for sizes in ([], [1e4], [1e4, 1e5], [1e4, 1e4, 1e5]):
        assert fit(sizes, losses(sizes)) is None
    assert "three sizes at least" in sentence(None)
    assert fit([1e4, 1e5, 1e6, 1e7], [2.0, math.nan, math.inf, 1.0]) is None


@pytest.mark.parametrize("values", [[1.5] * 6, [0.0] * 6, [1, 2, 3, 4, 5, 6], [1e-9] * 6])
def test_points_without_a_law_are_doubted(values):
    """No exception, no infinite number, and no prediction without a warning."""
    found = fit(SIZES, values)
    numbers = found.floor, found.exponent, found.loss(found.ahead), found.scale
    assert all(map(math.isfinite, numbers))
    assert found.doubts
    assert "nan" not in sentence(found)
