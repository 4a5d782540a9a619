"""The tab without a browser: answers by name become updates of components; layout follows the settings."""

import gradio as gr
import pytest

from lm.ladder import RUNGS
from playground import controls
from playground.tabs import lesson_view, model_tab, settings_column
from playground.tabs.model_tab import Tab
from playground.tokens import SETTINGS


@pytest.fixture
def page() -> gr.Blocks:
    return gr.Blocks()


@pytest.fixture
def tab(finished, decoder, page) -> Tab:
    """The decoder's tab over the finished runs."""
    with page, gr.Tabs():
        return model_tab.build(decoder, 5, finished, *states())


def states() -> list[gr.BrowserState]:
    """The remembered run, the text and the tokens of a page."""
    return [gr.BrowserState(value) for value in (None, "synthetic_plays", "bpe:300")]


def test_an_answer_updates_the_components_it_names_and_no_others(tab):
    answer = {"recipe": "best", "notice": "", "settings": {"n_embd": 64}}
    assert tab.update(answer) == {
        tab.parts["recipe"]: "best",
        tab.parts["notice"]: gr.update(value="", visible=False),
        tab.settings["n_embd"]: 64,
    }
    assert tab.update({"notice": "No."})[tab.parts["notice"]]["visible"]


def test_an_answer_that_names_nothing_changes_nothing(tab):
    """An empty dictionary would be taken for a value."""
    assert tab.update(tab.actions.follow("no such recipe")) == gr.skip()


def test_every_value_reaches_our_checks_as_it_was_typed(page, tab):
    """Gradio's own checks answer 99999 in a slider with HTTP 500, and an empty one with a traceback."""
    checked = [event.name for event in page.fns.values() if event.fn and event.preprocess]
    assert not checked


@pytest.mark.parametrize("offered", [True, False])
def test_a_group_without_a_choice_is_hidden_and_its_controls_are_inputs(
    offered, finished, page, monkeypatch
):
    """The settings that have a single choice, as the task, are sent all the same."""
    rung = RUNGS["ngram"]
    if not offered:  # "Parts of the text" stands elsewhere, so nothing of "Run" can be chosen
        elsewhere = (*settings_column.ALWAYS_SHOWN, "parts")
        monkeypatch.setattr(settings_column, "ALWAYS_SHOWN", elsewhere)
    with page, gr.Tabs():
        tab = model_tab.build(rung, 0, finished, *states())
    single = {n for n, f in rung.settings().items() if f.kind == "choice" and len(f.choices) == 1}
    groups = [b for b in page.blocks.values() if isinstance(b, gr.Accordion) and b.label == "Run"]
    assert [group.visible for group in groups] == [offered]
    assert single and single <= tab.settings.keys()


def test_the_header_chooses_the_tokens_and_a_tab_the_rest(tab):
    """The page's scripts put them at their place among the values of all settings, which the server takes."""
    names = list(tab.rung.settings())
    assert names[tab.tokens_at : tab.tokens_at + 2] == ["tokenizer", "vocab_size"] == [*SETTINGS]
    assert list(tab.settings) == [name for name in names if name not in SETTINGS]
    assert tab.chosen == [tab.corpus, tab.tokens, *tab.settings.values()]
    own = {"tokenizer": "bpe", "vocab_size": 300, "n_embd": 64}
    assert tab.update({"settings": own}) == {tab.settings["n_embd"]: 64}
    whole = controls.all_values(tab.rung, [control.value for control in tab.controls])
    assert controls.plan_of(tab.rung, whole) == tab.rung.plan()


def test_the_code_of_a_lesson_begins_with_the_file_of_the_model(rung, page):
    """It stands after the idea; the files that it is built from are in one more part at the end, each once."""
    with page:
        lesson_view.build(rung)
    titles = [b.label for b in page.blocks.values() if isinstance(b, gr.Accordion)]
    folder, _, model = rung.model.__module__.replace(".", "/").rpartition("/")
    assert titles[:2] == ["The idea", f"The code that runs: {folder}/{model}.py"]
    more = [title for title in titles if title.startswith("More code: ")]
    assert more in ([], titles[-1:])
    files = more[0].removeprefix("More code: ").split(", ") if more else []
    assert model not in files and len(files) == len(set(files))
    attends = any("attention" in file for file in [model, *files])
    assert attends == (rung.name not in ("ngram", "bigram"))
