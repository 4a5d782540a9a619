"""Opening the page: a newcomer's asks for nothing; a remembered run and a link fill their tab, and open it."""

from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from lm import corpora
from lm.errors import RunProblem
from lm.ladder import RUNGS
from playground import app
from playground.services import SHIPPED, Services
from playground.tabs import model_tab, opening
from playground.tabs.actions import Actions
from playground.tabs.model_tab import Tab
from playground.tabs.opening import Opening
from tests.playground.answers import DEEP, sendable
from tests.playground.conftest import services_over

TEXT = "synthetic_plays"


def made(services: Services, *names: str) -> Opening:
    """The tabs of these models, and what opens them."""
    with gr.Blocks():
        corpus, told = gr.BrowserState(TEXT), opening.sentence()
        runs = [gr.BrowserState(None) for _ in names]
        tokens = gr.BrowserState("characters")
        with gr.Tabs() as ladder:
            tabs = [
                model_tab.build(RUNGS[name], number, services, runs[number], corpus, tokens)
                for number, name in enumerate(names)
            ]
        return Opening(tabs, ladder, told, services)


@pytest.fixture
def two(finished) -> Opening:
    """The decoder's tab and the bigram's, over the finished runs."""
    return made(finished, "bigram", "decoder_transformer")


@pytest.fixture(scope="module")
def included(tmp_path_factory) -> Iterator[Services]:
    """A server with the project's own runs."""
    services = services_over(Path(tmp_path_factory.mktemp("runs")), SHIPPED)
    yield services
    services.close()


def deep(opened: Opening) -> Tab:
    return opened.tabs[1]


def test_opening_the_page_calls_the_server_for_the_text_alone(included):
    """Fifteen events, two or more for each model, took 0.1 s of a core for every visitor.

    What the browser remembers counts as changed when a page opens: events of that took 17 ms of a core more.
    """
    page = app.build(included)
    remembered = {number for number, one in page.blocks.items() if isinstance(one, gr.BrowserState)}
    events = [
        event.name
        for event in page.fns.values()
        for component, name in event.targets
        if event.fn and (name == "load" or (name == "change" and component in remembered))
    ]
    assert len(events) == 1, events
    assert not [e for e in page.fns.values() if e.fn and "restore" in str(e.name)]


def test_every_tab_is_written_as_a_newcomer_sees_it(included):
    """Otherwise it would have to be filled when the page opens, and would change under the visitor's eyes."""
    for tab in made(included, *RUNGS).tabs:
        answer = tab.actions.restore(None, "tiny_shakespeare", {})
        assert tab.included == answer["token"] is not None
        shown = {name: tab.parts[name].value for name in ("feed", "chart")}
        assert shown == {name: answer[name] for name in shown}, tab.rung.name
        values = {name: control.value for name, control in tab.settings.items()}
        assert values.items() <= answer["settings"].items(), tab.rung.name
        assert tab.parts["recipe"].value == answer["recipe"] == tab.rung.usual
        assert not answer["notice"] and not tab.parts["notice"].visible


def test_nothing_that_a_tab_opens_with_differs_from_its_included_run(included):
    """The encoder–decoder opened with the settings of another recipe, grey, and said 'Differs …'."""
    for rung in RUNGS.values():
        answer = Actions(rung, included).restore(None, corpora.names()[0], {})
        usual = (corpora.pair_names() if rung.rewrites else corpora.names())[0]
        assert answer["feed"]["trained"] == {
            "text": usual,
            "values": [*answer["settings"].values()],
        }


def test_a_run_that_is_opened_on_a_tab_for_pairs_brings_its_pairs(included):
    """The included run on Pronunciation said 'Differs …: text', and Train would have learned number words."""
    actions = Actions(RUNGS["encoder_decoder"], included)
    assert actions.open("shipped:encoder_decoder-pronunciation")["corpus"] == "pronunciation"
    assert "corpus" not in Actions(RUNGS["bigram"], included).open("shipped:bigram")  # for all tabs


def test_a_remembered_run_fills_its_own_tab_and_no_other(two):
    updates = two.updates(TEXT, [], {"decoder_transformer": DEEP})
    assert updates.keys() == {two.told, *deep(two).filled}
    assert updates[deep(two).parts["token"]] == DEEP
    assert updates[deep(two).settings["steps"]] == 2
    assert two.ladder not in updates  # Start is shown: the run has ended


def test_a_link_fills_its_tab_and_opens_it(two):
    link = [("model", "decoder_transformer"), ("n_embd", "32")]
    updates = two.updates(TEXT, link, {})
    assert updates[two.ladder]["selected"] == "decoder_transformer"
    assert updates[deep(two).settings["n_embd"]] == 32
    assert two.tabs[0].parts["feed"] not in updates
    assert not updates[two.told]["visible"]


def test_a_link_brings_its_run_prompt_and_sampling_settings(two):
    link = [("model", "decoder_transformer"), ("run", DEEP), ("prompt", "A"), ("sample_top_k", "3")]
    updates = two.updates(TEXT, link, {})
    tab = deep(two)
    assert updates[tab.parts["token"]] == DEEP
    assert (updates[tab.write["prompt"]], updates[tab.write["top_k"]]) == ("A", 3)
    assert tab.write["temperature"] not in updates and not updates[two.told]["visible"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"run": "local:gone"}, "'local:gone' is not here"),
        ({"run": "some-one-elses-token"}, "is not here"),
        ({"run": DEEP, "step": "7"}, "has no snapshot of step 7"),
        ({"sample_top_p": "nan", "sample_seed": "x"}, "cannot be used: sample_top_p, sample_seed"),
        ({"axis": "years"}, "axis is one of"),
        ({"view": "door"}, "no view 'door'"),
    ],
)
def test_what_a_link_asks_in_vain_is_told(two, wrong, said):
    updates = two.updates(TEXT, [("model", "decoder_transformer"), *wrong.items()], {})
    assert said in updates[two.told]["value"]


def test_a_page_that_is_loaded_again_goes_on_with_its_own_run(two):
    """Its address may not be able to name that run; a foreign link without a run means the included one."""
    link, mine = [("model", "decoder_transformer")], {"decoder_transformer": DEEP}
    token = deep(two).parts["token"]
    assert two.updates(TEXT, link, mine, own=True)[token] == DEEP
    assert two.updates(TEXT, link, mine)[token] == deep(two).included
    # A server that was started again does not know the run's own token, but its folder.
    forgotten = {"decoder_transformer": "of-the-server-before"}
    assert two.updates(TEXT, [*link, ("run", DEEP)], forgotten, own=True)[token] == DEEP
    assert "no longer here" in str(two.updates(TEXT, link, forgotten, own=True))


def test_a_paused_run_does_not_take_a_page_loaded_again_from_start(services, start, wait):
    opened = made(services, "decoder_transformer")
    mine = {"decoder_transformer": (token := start(paused=True))}
    wait(lambda: services.supervisor.status(token)[0] == "paused", "the run is paused")
    assert opened.ladder not in opened.updates(TEXT, [], mine, own=True)
    assert opened.updates(TEXT, [], mine)[opened.ladder]["selected"] == "decoder_transformer"


def test_a_link_does_not_hide_a_live_run_unless_it_names_another(services, start):
    opened = made(services, "decoder_transformer")
    live = start(paused=True)
    (tab,) = opened.tabs
    updates = opened.updates(TEXT, [("model", tab.rung.name)], {tab.rung.name: live})
    assert updates[tab.parts["token"]] == live


def test_a_link_that_does_not_fit_is_told_above_the_tabs(two):
    updates = two.updates(TEXT, [("model", "nothing")], {})
    assert updates.keys() == {two.told} and "'nothing'" in updates[two.told]["value"]


def test_a_live_run_opens_its_tab_unless_a_link_names_another(services, start):
    opened = made(services, "bigram", "decoder_transformer")
    token = {"decoder_transformer": start(paused=True)}
    assert opened.updates(TEXT, [], token)[opened.ladder]["selected"] == "decoder_transformer"
    link = [("model", "bigram")]
    assert opened.updates(TEXT, link, token)[opened.ladder]["selected"] == "bigram"


def test_a_problem_on_opening_is_a_notice_and_nothing_else(two, monkeypatch):
    def refuse(*_: object) -> dict:
        raise RunProblem("That run is damaged.")

    monkeypatch.setattr(deep(two).actions, "restore", refuse)
    updates = two.updates(TEXT, [], {"decoder_transformer": DEEP})
    told = deep(two).parts["notice"]
    assert updates.keys() == {two.told, told}
    assert updates[told] == gr.update(value="That run is damaged.", visible=True)


def test_updates_go_to_the_browser_by_the_place_of_their_output(two):
    answer = two.answer([TEXT, [["model", "bigram"]], {"decoder_transformer": DEEP}, False])
    token = two.outputs.index(deep(two).parts["token"])
    assert answer[str(token)] == DEEP
    assert {int(place) for place in answer} <= set(range(len(two.outputs)))
    assert sendable(answer)


FOREIGN = [None, "", [], {}, [1, 2, 3], ["a", "b", "c"], [None, [["x"]], {"bigram": []}, 3]]


@pytest.mark.parametrize("data", [*FOREIGN, ["", [[[], {}]], {"bigram": {"run": 1}}, True]])
def test_whatever_a_browser_sends_has_an_answer(two, data):
    assert sendable(two.answer(data))
