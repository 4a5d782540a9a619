"""The learning-rate schedule: it rises, holds, falls, and is never 0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.training.config import TrainingConfig
from lm.training.schedule import learning_rate_factor


@given(
    st.integers(1, 2000),
    st.integers(0, 3000),
    st.sampled_from(["constant", "linear", "cosine"]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_the_learning_rate_is_never_zero_and_never_above_its_peak(steps, warmup, decay, hold, end):
    training = TrainingConfig.make(
        steps=steps, warmup_steps=warmup, decay=decay, hold=hold, final_learning_rate=end
    )
    factors = [learning_rate_factor(step, training) for step in range(steps)]
    assert factors[0] > 0
    assert factors[-1] > 0
    assert all(0 < factor <= 1 for factor in factors)
    rising, falling = factors[:warmup], factors[warmup:]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert not falling or falling[0] == 1


@pytest.mark.parametrize(("decay", "half"), [("constant", 1), ("linear", 0.5), ("cosine", 0.5)])
def test_half_way(decay, half):
    training = TrainingConfig.make(steps=1100, warmup_steps=100, decay=decay)
    assert learning_rate_factor(600, training) == pytest.approx(half)


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_held_and_then_lowered_to_a_share(decay):
    training = TrainingConfig.make(
        steps=1100, warmup_steps=100, decay=decay, hold=0.4, final_learning_rate=0.1
    )
    factors = [learning_rate_factor(step, training) for step in range(1100)]
    assert set(factors[100:501]) == {1.0}
    assert factors[501] < 1
    assert factors[800] == pytest.approx(0.55)
    assert factors[-1] == pytest.approx(0.1, abs=0.002)
