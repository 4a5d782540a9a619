"""A link that asks for what there is not: one sentence that says so, and what there is."""

import re
from pathlib import Path

import pytest

from lm.costs.sizes import outline
from lm.generation import SamplingConfig
from lm.ladder import RUNGS
from lm.settings import describe
from playground.looking.inside import views_of
from playground.tabs.links import COLUMNS, PARTS, SAMPLE, base, first, gone, missing_heads, wrong

COMPONENTS = Path(__file__).parents[2] / "playground" / "components"
FOCUS = COMPONENTS / "page" / "focus.js"


@pytest.mark.parametrize(
    "query",
    [
        [],
        [("model", "bigram"), ("guide", "step"), ("show", "guide,chart"), ("present", "1")],
        [("model", "bigram"), ("n_embd", "16"), ("utm_source", "mail"), ("__theme", "dark")],
    ],
)
def test_a_link_that_fits_is_not_spoken_of(query):
    assert wrong(query) == ""


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ([("model", "unknown")], "there is no model 'unknown'; it has ngram, bigram,"),
        (
            [("n_embd", "-3")],
            "n_embd is a setting and needs its model, as in ?model=bigram&n_embd=",
        ),
        ([("order", "3"), ("utm_source", "mail")], "as in ?model=ngram&order="),
        ([("guide", "nonsense")], "a step of a guide needs its model"),
        ([("model", "bigram"), ("guide", "99")], "has no step '99'; it has ln-65, step, train"),
        ([("show", "chart,nonsense")], "it cannot show 'nonsense', only guide, settings"),
        ([("present", "maybe")], "present is 1 or 0"),
        ([("model", "bigram"), ("model", "ngram")], "it gives model more than once"),
        ([("tab", "runs"), ("sort", "-nothing")], "sort is one of model, what"),
        ([("tab", "runs"), ("zoom", "0,500,2,1")], "zoom is the two ends of the x axis"),
        ([("tab", "runs"), ("zoom", "0,500,nan,1")], "zoom is the two ends of the x axis"),
        ([("tab", "runs"), ("zoom", "0,500")], "zoom is the two ends of the x axis"),
    ],
)
def test_what_there_is_not_is_one_sentence(query, said):
    sentence = wrong(query)
    assert said in sentence
    assert sentence.startswith("The link does not fit this page: ") and sentence.count(".") == 1


@pytest.mark.parametrize("name", RUNGS)
def test_every_view_of_a_model_can_be_linked(name):
    """A new view was shown by its link, under a sentence that there is none."""
    for view in views_of(outline(RUNGS[name].plan(), 65)):
        assert wrong([("model", name), ("view", view)]) == ""


def test_a_link_that_switches_off_what_is_no_head_says_how_heads_are_named():
    assert "off names heads by layer and head, as off=1.4,2.1" in wrong([("off", "0.1")])
    assert wrong([("off", "1.4,3.2"), ("zoom", "0,1.5,1,2"), ("sort", "-best")]) == ""


def test_runs_and_heads_that_are_not_here_are_named(finished):
    library = finished.library
    assert gone({"ticked": "local:bigram,local:ngram"}, library) == []
    assert gone({"ticked": "local:bigram,local:x", "overlay": "shipped:y"}, library) == [
        "the runs 'local:x', 'shipped:y' are not here"
    ]
    deep = "local:decoder_transformer"
    assert missing_heads({"off": "1.1"}, deep, library) == []
    assert missing_heads({"off": "1.1,9.1,1.9"}, deep, library) == [
        "the run has no head 9.1, 1.9, so all are on"
    ]
    assert missing_heads({"off": "1.1"}, "local:gone", library) == []


@pytest.mark.parametrize("name", ["ticked", "overlay", "prompt_run", "start", "sweep"])
@pytest.mark.parametrize(
    "value", ["local:gone", "shipped:gone", "nonsense", "local:..", "local:\0"]
)
def test_every_name_of_what_is_not_here_is_told(name, value, services):
    kind = "sweep" if name == "sweep" else "run"
    assert gone({name: value}, services.library) == [f"the {kind} {value!r} is not here"]
    assert gone({name: ""}, services.library) == gone({"start": "random"}, services.library) == []


def test_the_columns_are_those_of_the_list():
    words = (COMPONENTS / "runs" / "words.js").read_text("utf-8")
    assert tuple(re.findall(r'\{ key: "(\w+)"', words)) == COLUMNS


def test_a_sentence_stays_short_however_long_the_link_is():
    names = [
        ("model", "x" * 5000),
        ("guide", "y" * 5000),
        ("show", ",".join("z" * 99 for _ in range(99))),
    ]
    assert len(wrong(names + [(f"a{n}" * 999, "1") for n in range(50)] * 2)) < 700


def test_of_a_name_that_is_given_twice_the_first_counts_as_in_the_browser():
    assert first([("model", "bigram"), ("model", "ngram"), ("a", "")]) == {
        "model": "bigram",
        "a": "",
    }


def test_the_parts_are_those_that_the_page_can_show():
    (parts,) = re.findall(r"const PARTS = \[(.*)\];", FOCUS.read_text("utf-8"))
    assert re.findall(r'"(\w+)"', parts) == list(PARTS)


def test_on_a_space_share_copies_the_address_that_opens_the_space():
    space = {"SPACE_HOST": "ann-lm.hf.space", "SPACE_ID": "ann/lm"}
    assert base(space) == "https://huggingface.co/spaces/ann/lm"
    assert base({}) == base({"SPACE_ID": "ann/lm"}) == ""


def test_no_setting_has_the_name_of_another_parameter_of_a_link():
    others = {
        "model",
        "tab",
        "text",
        "run",
        "step",
        "view",
        "inside",
        "axis",
        "log",
        "prompt",
        *(
            "overlay",
            "ticked",
            "zoom",
            "curves",
            "off",
            "sort",
            "only_model",
            "only_text",
            "columns",
        ),
        *("rows", "sweep", "prompt_run"),
    }
    others |= {"ticked", "guide", "show", "present"} | {
        SAMPLE + field.name for field in describe(SamplingConfig)
    }
    for rung in RUNGS.values():
        assert not others & set(rung.settings())
