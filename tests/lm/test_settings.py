"""One description of every setting: what it says is what is enforced."""

import math
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.errors import SettingsProblem
from lm.generation import SamplingConfig
from lm.ladder import RUNGS
from lm.settings import Group, Settings, Whole, describe, setting
from lm.training.config import TrainingConfig

CLASSES = [*(rung.config for rung in RUNGS.values()), TrainingConfig, SamplingConfig]
FIELDS = [(settings, field) for settings in CLASSES for field in describe(settings)]
NUMBERS = [(settings, field) for settings, field in FIELDS if field.kind in ("int", "float")]
every_class = pytest.mark.parametrize("settings", CLASSES)
every_field = pytest.mark.parametrize(
    ("settings", "field"), FIELDS, ids=[f"{s.__name__}.{f.name}" for s, f in FIELDS]
)


def accepted(settings: type[Settings], name: str, value: object) -> bool:
    """Whether the bounds take a value. A combination that cannot work names no single setting."""
    title = next(field.title for field in describe(settings) if field.name == name)
    try:
        settings.make(**{name: value})
    except SettingsProblem as problem:
        return not str(problem).startswith(title)
    return True


@every_field
def test_every_setting_can_be_shown(settings, field):
    assert field.title
    assert field.help.endswith(".")
    assert field.group in get_args(Group)
    if field.kind in ("int", "float"):
        assert field.minimum is not None
        assert field.maximum is not None
        assert field.minimum <= field.default <= field.live_maximum <= field.maximum
    if field.kind == "choice":
        assert field.default in field.choices


@every_class
def test_the_defaults_are_allowed(settings):
    assert settings.make() == settings.make(**settings().model_dump())


def test_the_defaults_of_every_rung_are_allowed():
    for rung in RUNGS.values():
        assert type(rung.training).make(**rung.training.model_dump()) == rung.training


@given(st.sampled_from(NUMBERS), st.data())
def test_the_bounds_that_are_described_are_those_that_are_enforced(which, draw):
    settings, field = which
    numbers = (
        st.integers(-(10**7), 10**10)
        if field.kind == "int"
        else st.floats(allow_nan=False, allow_infinity=False)
    )
    near = st.sampled_from([field.minimum, field.maximum, field.minimum - 1, field.maximum + 1])
    value = draw.draw(st.one_of(numbers, near, st.floats(field.minimum, field.maximum).map(round)))
    assert accepted(settings, field.name, value) == (field.minimum <= value <= field.maximum)


NO_VALUES = [math.nan, math.inf, -math.inf, None, "12", [], {}, "x" * 100_000, 10**400, object()]


@every_field
def test_what_is_no_value_is_refused_in_one_line(settings, field):
    for value in NO_VALUES:
        with pytest.raises(SettingsProblem) as caught:
            settings.make(**{field.name: value})
        sentence = str(caught.value)
        assert field.title in sentence
        assert "\n" not in sentence
        assert len(sentence) < 300


@every_field
def test_a_truth_value_is_no_number(settings, field):
    if field.kind != "bool":
        assert not accepted(settings, field.name, True)


def test_a_slider_may_say_64_with_a_point(rung):
    config = rung.config.make(context_length=32.0)
    assert config.context_length == 32
    assert isinstance(config.context_length, int)
    title = rung.settings()["context_length"].title
    with pytest.raises(SettingsProblem, match=rf"^{title} must be a whole number .* not 32\.5\."):
        rung.config.make(context_length=32.5)


def test_the_sentence_says_what_is_allowed():
    with pytest.raises(
        SettingsProblem, match=r"^Batch size must be a whole number from 1 to 512 windows, not 0\.$"
    ):
        TrainingConfig.make(batch_size=0)
    with pytest.raises(
        SettingsProblem, match=r"^Steps must be a whole number from 1 to 1,000,000, not 0\.$"
    ):
        TrainingConfig.make(steps=0)
    with pytest.raises(SettingsProblem, match=r"one of constant, linear, cosine, not 'step'"):
        TrainingConfig.make(decay="step")


@pytest.mark.parametrize("nothing", [None, ""])
def test_the_sentence_about_no_value_repeats_none(nothing):
    """A seed of "banana" comes from its box as None, and the page said "not None"."""
    with pytest.raises(SettingsProblem, match=r"^Seed must be a whole number from 0 to [\d,]+\.$"):
        SamplingConfig.make(seed=nothing)
    with pytest.raises(
        SettingsProblem, match=r"^Learning-rate decay is one of constant, linear, cosine\.$"
    ):
        TrainingConfig.make(decay=nothing)


@every_class
def test_an_unknown_setting_is_named(settings):
    with pytest.raises(SettingsProblem, match=r"no setting called 'colour'; there are"):
        settings.make(colour="red")
    with pytest.raises(SettingsProblem) as caught:
        settings.make(**{"c" * 100_000: 1})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("n_head", range(1, 17))
@pytest.mark.parametrize(
    "name", [r.name for r in RUNGS.values() if "n_head" in r.config.model_fields]
)
def test_heads_divide_the_embedding(name, n_head):
    config = RUNGS[name].config
    if 24 % n_head == 0:
        assert config.make(n_embd=24, n_head=n_head).n_head == n_head
        return
    with pytest.raises(SettingsProblem) as caught:
        config.make(n_embd=24, n_head=n_head)
    assert f"{n_head} attention heads" in str(caught.value)
    assert "1, 2, 3, 4, 6, 8, 12 heads" in str(caught.value)


@every_class
def test_settings_do_not_change(settings):
    name = describe(settings)[0].name
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings(), name, 1)


def test_every_kind_of_field_is_described():
    class Kinds(Settings):
        whole: Whole = setting(3, title="Whole", help="A count.", ge=1, le=9, step=2, live_le=5)
        real: float = setting(0.5, title="Real", help="A share.", ge=0.0, le=1.0, unit="shares")
        flag: bool = setting(False, title="Flag", help="A switch.", group="run")
        word: Literal["a", "b"] = setting("a", title="Word", help="A choice.")
        free: float = setting(1.0, title="Free", help="Unbounded.")

    whole, real, flag, word, free = describe(Kinds)
    assert (whole.kind, whole.step, whole.live_maximum, whole.maximum) == ("int", 2, 5, 9)
    assert (real.kind, real.unit, real.live_maximum) == ("float", "shares", 1.0)
    assert (flag.kind, flag.group, flag.default) == ("bool", "run", False)
    assert (word.kind, word.choices) == ("choice", ("a", "b"))
    assert (free.minimum, free.maximum, free.live_maximum) == (None, None, None)
    with pytest.raises(SettingsProblem, match=r"^Flag is on or off \(true or false\), not 1\.$"):
        Kinds.make(flag=1)
    with pytest.raises(SettingsProblem, match=r"^Free must be a number, not nan\.$"):
        Kinds.make(free=math.nan)
    with pytest.raises(SettingsProblem, match=r"^Real must be a number from 0 to 1 shares, not 2"):
        Kinds.make(real=2.0)
