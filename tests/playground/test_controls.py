"""Fields become controls and values become plans; whatever else comes is one sentence."""

import dataclasses
import math
from urllib.parse import parse_qsl, urlencode

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.errors import SettingsProblem
from lm.generation import SamplingConfig
from lm.ladder import RUNGS
from lm.plan import Plan
from lm.settings import Setting, describe
from playground import controls
from playground.runs import sweep_form

NONSENSE = [
    math.nan,
    math.inf,
    -math.inf,
    -1,
    1e300,
    2**70,
    None,
    "",
    "64",
    "many",
    [],
    [64],
    {"a": 1},
    (1, 2),
    b"64",
]


def in_bounds(field: Setting) -> st.SearchStrategy:
    """Any value that a field takes, also one beyond the page's narrower slider."""
    if field.kind == "choice":
        return st.sampled_from(field.choices)
    if field.kind == "run":
        return st.just("random")
    if field.kind == "bool":
        return st.booleans()
    if field.kind == "int":
        return st.integers(int(field.minimum), int(field.maximum))
    return st.floats(field.minimum, field.maximum)


@st.composite
def plans(draw) -> Plan:
    """A plan of any rung: heads divide the embedding, rotary positions turn pairs, something passes.

    Of lines to rewrite or to answer, nothing is counted.
    """
    rung = draw(st.sampled_from(list(RUNGS.values())))
    chosen = {name: draw(in_bounds(field)) for name, field in rung.settings().items()}
    if "n_head" in chosen:
        chosen["n_head"] = draw(
            st.sampled_from([n for n in range(1, 17) if chosen["n_embd"] % n == 0])
        )
    if "positions" in chosen and chosen["n_embd"] // chosen["n_head"] % 2:
        chosen["positions"] = "learned"
    if "zero_init" in chosen and not chosen["residual_path"]:
        chosen["zero_init"] = False  # nothing would pass
    if chosen.get("pattern", "full") != "full":  # its numbers fit into the context
        numbers = ("window", "stride", "sinks", "prefix")
        chosen |= {name: 1 + chosen[name] % 16 for name in numbers} | {"context_length": 512}
        if chosen["pattern"] == "prefix" and (rung.rewrites or chosen["task"] != "continue"):
            chosen["pattern"] = "sinks"
        chosen["causal_mask"] |= chosen["pattern"] == "prefix"
    if chosen["task"] != "continue":
        chosen["ngram_share"] = 0.0
    chosen |= {"trained": "all"} if "trained" in chosen else {}  # random numbers train all of them
    return controls.plan_of(rung, list(chosen.values()))


# There and back


def test_the_defaults_of_every_rung_survive_the_way_through_the_controls(rung):
    fields = rung.settings()
    with gr.Blocks():
        made = {name: controls.control(field, f"x-{name}") for name, field in fields.items()}
    plan = controls.plan_of(rung, [control.value for control in made.values()])
    assert plan == rung.plan()
    assert [control.label for control in made.values()] == [f.title for f in fields.values()]


def test_every_field_of_every_part_has_one_control(rung):
    """No two parts share a name, or one control would set both."""
    names = [name for part in rung.parts().values() for name in type(part).model_fields]
    assert len(names) == len(set(names))
    assert set(names) == set(rung.settings())


def test_a_choice_of_one_is_not_shown_and_of_two_is(decoder):
    task = decoder.settings()["task"]
    with gr.Blocks():
        one = controls.control(dataclasses.replace(task, choices=("continue",)), "x")
        two = controls.control(dataclasses.replace(task, choices=("continue", "answer")), "y")
    assert (one.visible, two.visible) == (False, True)


def test_a_share_of_counted_ngrams_is_offered_where_a_text_can_be_continued(network):
    """It was on the tab of the model that rewrites lines, too, where each value but 0 is refused."""
    share = network.settings()["ngram_share"]
    with gr.Blocks():
        assert controls.control(share, "x").visible == ("continue" in network.tasks)
    models = {form["name"]: form["settings"] for form in sweep_form.sweepable()}
    swept = {name for name, *_ in models[network.name]}
    assert ("ngram_share" in swept) == ("continue" in network.tasks)


@pytest.mark.parametrize(
    ("link", "settings"),
    [
        (
            "model=decoder_transformer&n_layer=6&ngram_share=0.3&seed=7",
            {"n_layer": 6, "ngram_share": 0.3, "seed": 7},
        ),
        (
            "model=bigram&n_embd=64&learning_rate=0.03&decay=cosine",
            {"n_embd": 64, "learning_rate": 0.03, "decay": "cosine"},
        ),
        ("model=ngram&order=5", {"order": 5}),
        (
            "model=multi_head_attention&n_head=8&optimizer=muon&token_noise=0.1",
            {"n_head": 8, "optimizer": "muon", "token_noise": 0.1},
        ),
        (
            "model=decoder_transformer&positions=rotary&qk_norm=True&bias=False",
            {"positions": "rotary", "qk_norm": True, "bias": False},
        ),
    ],
)
def test_links_of_the_first_version_still_open_what_they_named(link, settings):
    query = dict(parse_qsl(link))
    rung = RUNGS[query["model"]]
    values, sentence = controls.values_from_query(rung, query)
    assert sentence is None
    assert controls.plan_of(rung, values) == rung.plan(**settings)


@given(plans())
def test_values_come_back_from_a_plan_as_they_went_in(plan):
    assert controls.plan_of(plan.rung, controls.values_of(plan)) == plan


@given(plans())
def test_a_link_brings_back_the_very_settings(plan):
    values, fields = controls.values_of(plan), plan.rung.settings().items()
    # As components/tab/choice.js writes it.
    told = {n: v for (n, f), v in zip(fields, values, strict=True) if v != f.default}
    query = dict(parse_qsl(urlencode(told)))
    values, sentence = controls.values_from_query(plan.rung, query)
    assert sentence is None
    assert controls.plan_of(plan.rung, values) == plan


# What the page narrows


def test_sliders_begin_and_end_within_the_bounds_that_are_enforced(rung):
    for field in rung.settings().values():
        if field.kind not in ("int", "float"):
            continue
        low, high = controls.live_bounds(field)
        assert field.minimum <= low <= high <= field.maximum, field.name


@pytest.mark.parametrize("name", [*RUNGS, "sampling"])
def test_a_slider_reaches_every_value_that_somebody_may_want(name):
    """A browser's slider takes its minimum plus whole steps: the ends, the defaults, the recipes' values.

    From a minimum of 1 in steps of 100, Steps could not be dragged to 3,000, and an arrow key led to 3,101.
    """
    rung = RUNGS.get(name)
    fields = rung.settings() if rung else {f.name: f for f in describe(SamplingConfig)}
    recipes = [recipe.settings for recipe in rung.recipes] if rung else []
    with gr.Blocks():
        sliders = {name: controls.control(field, f"x-{name}") for name, field in fields.items()}
    for name, slider in sliders.items():
        if not isinstance(slider, gr.Slider):
            continue
        ends = [slider.minimum, slider.maximum, fields[name].live_maximum]
        if fields[name].live_maximum == fields[name].maximum:
            ends.pop()  # not chosen for the slider: an end like 0.9999 can be typed
        assert slider.minimum <= fields[name].default <= slider.maximum
        for value in [*ends, fields[name].default, *(r[name] for r in recipes if name in r)]:
            steps = (value - slider.minimum) / slider.step
            assert steps == pytest.approx(round(steps), abs=1e-6), (name, value)
            assert slider.minimum <= value, (name, value)  # one for a GPU may lie beyond the end


def test_a_slider_has_the_bounds_the_step_and_the_help_of_its_field(rung):
    fields = rung.settings().values()
    with gr.Blocks():
        everything = [controls.control(field, f"x-{field.name}") for field in fields]
    for field, made in zip(fields, everything, strict=True):
        assert made.info == (field.help if field.kind != "run" else controls.STARTS)
        assert made.interactive
        if isinstance(made, gr.Slider):
            assert (made.minimum, made.maximum) == controls.live_bounds(field)
            assert made.step == (field.step or 1)


def test_a_rate_that_is_not_on_the_list_can_still_be_shown(network):
    field = network.settings()["learning_rate"]
    with gr.Blocks():
        made = controls.control(field, "x", 0.00042)
    assert made.value == 0.00042
    assert 0.00042 in [value for _, value in made.choices]


def test_a_rate_that_was_typed_is_a_number(decoder):
    fields = decoder.settings()
    values = [f.default for f in fields.values()]
    values[list(fields).index("learning_rate")] = "0.0042"
    assert controls.plan_of(decoder, values).training.learning_rate == 0.0042


def test_the_page_says_which_sliders_end_early(rung):
    sentence = controls.narrowed(rung)
    for field in rung.settings().values():
        narrowed = field.live_maximum is not None and field.live_maximum < field.maximum
        if field.group == "model" and narrowed:
            assert f"{field.title.lower()} to {field.maximum:,.0f}" in sentence


# Nonsense


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
def test_nonsense_in_any_control_is_one_sentence_that_names_it(rung, value):
    fields = rung.settings()
    for place, field in enumerate(fields.values()):
        values = [f.default for f in fields.values()]
        values[place] = value
        with pytest.raises(SettingsProblem) as caught:
            controls.plan_of(rung, values)
        sentence = str(caught.value)
        assert field.title in sentence
        assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 250


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_no_number(rung, value):
    fields = rung.settings()
    for place, field in enumerate(fields.values()):
        if field.kind in ("int", "float"):
            values = [f.default for f in fields.values()]
            values[place] = value
            with pytest.raises(SettingsProblem, match=field.title):
                controls.plan_of(rung, values)


def test_just_outside_the_bounds_is_refused_and_just_inside_taken(rung):
    fields = rung.settings()
    others = {"n_head", *(["ngram_share"] if rung.rewrites else [])}  # of lines nothing is counted
    for name in (n for n, f in fields.items() if f.kind in ("int", "float") and n not in others):
        field = fields[name]
        for inside, outside in ((field.minimum, -1), (field.maximum, 1)):
            values = {n: f.default for n, f in fields.items()}
            if "n_head" in values:
                values["n_head"] = 1  # whatever the embedding size, one head divides it
            values[name] = inside
            controls.plan_of(rung, list(values.values()))
            values[name] = inside + outside * (1 if field.kind == "int" else 1e-6 + abs(inside))
            with pytest.raises(SettingsProblem, match=field.title):
                controls.plan_of(rung, list(values.values()))


def test_a_slider_s_64_0_is_64_and_64_5_is_refused(rung):
    fields = rung.settings()
    values = [float(f.default) if f.kind == "int" else f.default for f in fields.values()]
    assert controls.plan_of(rung, values) == rung.plan()
    place = list(fields).index("context_length")
    values[place] += 0.5
    with pytest.raises(SettingsProblem, match="whole number"):
        controls.plan_of(rung, values)


@pytest.mark.parametrize("change", [-1, 1])
def test_too_few_or_too_many_values_are_one_sentence(rung, change):
    values = [field.default for field in rung.settings().values()]
    values = values[:change] if change < 0 else [*values, 1]
    with pytest.raises(SettingsProblem, match="settings"):
        controls.plan_of(rung, values)


# Links that people have edited


@pytest.mark.parametrize(
    "text", ["nan", "inf", "1e999", "", "twelve", "64.5", "<b>64</b>", "\x00", "9" * 500, "None"]
)
def test_a_link_with_nonsense_keeps_the_defaults_and_says_so(network, text):
    values, sentence = controls.values_from_query(network, {"n_embd": text, "decay": text})
    assert controls.plan_of(network, values) == network.plan()
    assert sentence and "n_embd" in sentence and "decay" in sentence


def test_a_link_beyond_the_sliders_keeps_its_values_and_beyond_the_bounds_says_so(network):
    fields = network.settings()
    beyond = fields["n_embd"].live_maximum * 2
    values, sentence = controls.values_from_query(network, {"n_embd": str(beyond)})
    assert controls.plan_of(network, values).model.n_embd == beyond
    assert sentence is None
    values, sentence = controls.values_from_query(network, {"n_embd": "100000", "steps": "-5"})
    assert controls.plan_of(network, values) == network.plan()
    assert sentence and "n_embd, steps" in sentence


def test_a_link_with_settings_that_cannot_work_together_says_why(decoder):
    values, sentence = controls.values_from_query(decoder, {"n_embd": "20", "n_head": "3"})
    assert controls.plan_of(decoder, values) == decoder.plan()
    assert sentence and "3 attention heads" in sentence


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=5), st.data())
def test_no_link_at_all_breaks_the_page(query, data):
    rung = data.draw(st.sampled_from(list(RUNGS.values())))
    for name in data.draw(st.lists(st.sampled_from(list(rung.settings())), max_size=4)):
        query[name] = data.draw(st.text(max_size=12) | st.floats().map(str) | st.just("True"))
    values, _ = controls.values_from_query(rung, query)
    controls.plan_of(rung, values)
