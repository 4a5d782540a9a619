"""Lines between two texts: which are drawn, and which cross."""

import numpy as np
import pytest

from lm.inside.alignment import alignment, clearest


def towards(*places, share=0.7, width=4):
    """Weights whose rows give `share` to these places, and the rest evenly to the others."""
    rows = np.full((len(places), width), (1 - share) / (width - 1))
    rows[np.arange(len(places)), places] = share
    return rows


def test_lines_cross_where_a_later_position_looks_at_an_earlier_place():
    straight = alignment(towards(0, 1, 2, 3))
    assert (straight.drawn, straight.crossed, straight.pairs) == (4, 0, 6)
    turned = alignment(towards(3, 2, 1, 0))
    assert (turned.crossed, turned.pairs) == (6, 6)
    # "ones, and, tens" of a German number: the first two lines come from behind.
    german = alignment(towards(2, 0, 3))
    assert (german.crossed, german.pairs) == (1, 3)
    assert german.share == pytest.approx(0.7)


def test_lines_to_the_same_place_neither_cross_nor_count():
    same = alignment(towards(1, 1, 2))
    assert (same.drawn, same.crossed, same.pairs) == (3, 0, 2)


def test_a_head_that_spreads_its_weight_has_no_lines():
    even = alignment(np.full((3, 5), 0.2))
    assert (even.rows, even.drawn, even.pairs) == (3, 0, 0)


def test_the_clearest_head_is_the_one_with_the_strongest_lines():
    layers = np.full((2, 3, 4, 4), 0.25)
    layers[1, 2] = towards(0, 1, 2, 3, share=0.9)
    layers[0, 1] = towards(0, 1, 2, 3, share=0.5)
    assert clearest(layers) == (1, 2)
