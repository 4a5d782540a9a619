"""Settings: by hand, from a link and by a recipe; what the page says of those that cannot work."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from lm.ladder import RUNGS
from playground.services import SHIPPED
from tests.browser.tab import Tab
from tests.browser.test_link import settled
from tests.browser.test_tokens import menus_show


def test_settings_by_hand(decoder, open_tab):
    """Typed, also what cannot work, while a run trains, and dragged."""
    tab = open_tab(decoder)
    settings_that_cannot_work_say_so_before_and_after_train(tab)
    the_estimate_says_whose_it_is_while_a_run_trains(tab)
    sliders_can_be_dragged_to_round_values_and_arrows_keep_to_them(tab)


def settings_that_cannot_work_say_so_before_and_after_train(tab: Tab) -> None:
    """Whatever is typed stays in its box and starts nothing; Gradio would draw it to the slider's end."""
    token = tab.token
    for typed, said in (
        ("99999", "from 4 to 1,024, not 99999."),
        ("-4", "from 4 to 1,024, not -4."),
        ("16.5", "must be a whole number"),
        ("", "Embedding size is empty or no number"),
        # Key after key, also "1e", "1e9", "1e99".
        ("1e999", "Embedding size is empty or no number"),
        ("20", "cannot share"),
    ):
        if typed == "20":
            tab.set("n_head", 3)
        tab.type("n_embd", typed)
        tab.page.locator(f"#estimate-{tab.key}", has_text=said).first.wait_for()
        tab.press("train")
        tab.page.locator(f"#notice-{tab.key}", has_text=said).wait_for()
        assert tab.token == token
        assert typed == "1e999" or tab.value("n_embd") == typed
    assert "choose 1, 2, 4, 5, 10" in tab.notice()
    tab.set("n_head", 2)
    tab.page.locator(f"#notice-{tab.key}").wait_for(state="hidden")  # it stayed until Train
    tab.train().reaches("running")


def the_estimate_says_whose_it_is_while_a_run_trains(tab: Tab) -> None:
    box = tab.page.locator(f"#estimate-{tab.key}")
    box.filter(has_text="This run: ").wait_for()
    tab.set("n_embd", 32).differs("Embedding size")
    box.filter(has_text="Chosen: ").wait_for()
    tab.press("stop").reaches("stopped")
    box.filter(has_not_text="Chosen: ").wait_for()


def sliders_can_be_dragged_to_round_values_and_arrows_keep_to_them(tab: Tab) -> None:
    for name, value, step in (("steps", 3000, 20), ("evaluate_every", 150, 10)):
        if name == "evaluate_every":
            tab.panel.locator(".controls .label-wrap", has_text=re.compile("^\\s*Run")).click()
        assert tab.drag(name, value).value(name) == str(value)
        tab.panel.locator(f"#{tab.key}-{name} input[type=range]").press("ArrowRight")
        assert tab.value(name) == str(value + step)


def test_a_link_brings_its_settings_and_share_gives_them_back(decoder, open_tab, new_context):
    context = new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = open_tab(decoder, within=context, n_embd=48, n_head=3, learning_rate=0.002)
    assert [tab.value(name) for name in ("n_embd", "n_head", "n_layer")] == ["48", "3", "2"]
    assert tab.panel.locator(f"#{decoder.name}-learning_rate input").input_value() == "0.002"
    tab.page.locator(f"#estimate-{decoder.name}", has_text="10,000 steps").first.wait_for()
    tab.page.wait_for_timeout(300)
    tab.page.get_by_role("button", name="Share").click()
    tab.page.get_by_role("button", name="Copied").wait_for()
    link = tab.page.evaluate("() => navigator.clipboard.readText()")
    query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert query["model"] == decoder.name
    assert (query["n_embd"], query["n_head"], query["learning_rate"]) == ("48", "3", "0.002")
    tab.train().reaches("running").press("stop").reaches("stopped")  # also with a rate of its own


def test_the_ladder_tells_every_loss_at_once_and_a_recipe_moves_the_controls(decoder, open_tab):
    tab = open_tab(decoder, plain=True)
    the_ladder_tells_the_best_loss_of_every_rung(tab.page)
    a_recipe_moves_the_controls_and_a_changed_control_leaves_it(tab)


def the_ladder_tells_the_best_loss_of_every_rung(page) -> None:
    for name in RUNGS:
        button = page.locator(f"#rung-{name}-button")
        button.wait_for()
        if (SHIPPED / name / "run.json").exists():
            page.wait_for_function(
                "(id) => /^(\\d\\.\\d\\d|[\\d.]+ % right)$/"
                ".test(document.getElementById(id).dataset.note ?? '')",
                arg=f"rung-{name}-button",
            )


def a_recipe_moves_the_controls_and_a_changed_control_leaves_it(tab: Tab) -> None:
    decoder = tab.rung
    recipe = tab.page.locator(f"#recipe-{decoder.name} input")
    before = tab.estimate()
    recipe.click()
    tab.page.get_by_role("option", name="speedrun", exact=True).click()
    tab.estimate_changes(before)
    wanted = decoder.plan("speedrun")
    assert tab.value("n_layer") == str(wanted.model.n_layer)
    assert tab.value("steps") == str(wanted.steps)
    assert recipe.input_value() == "speedrun"
    tab.until("record.run === null || tab.stale")
    before = tab.estimate()
    tab.set("n_layer", wanted.model.n_layer + 1).estimate_changes(before)
    tab.page.wait_for_function(
        "(id) => { const { value, placeholder } = document.querySelector(id);"
        " return !value && placeholder === 'own settings'; }",
        arg=f"#recipe-{decoder.name} input",
    )


def test_a_link_with_nonsense_opens_with_the_defaults_and_says_so(decoder, open_tab):
    """What fits in it is taken: here the pattern, which is drawn."""
    nonsense = {"n_embd": "nan", "n_head": "<b>many</b>", "tokens": "words:<b>1"}
    tab = open_tab(decoder, pattern="window", window=4, context_length=16, **nonsense)
    tab.page.locator(f"#notice-{decoder.name}", has_text="cannot be used").wait_for()
    assert tab.value("n_embd") == str(decoder.config().n_embd)
    said = "Tokens are one of characters, BPE, Unigram, not 'words'. The tokens are characters now."
    tab.page.locator("#notice-page", has_text=said).wait_for()
    menus_show(tab.page, "characters", None)
    settled(tab.page, lambda query: "tokens" not in query)
    the_picture_of_who_may_look_where_follows_the_settings_at_once(tab)


def the_picture_of_who_may_look_where_follows_the_settings_at_once(tab: Tab) -> None:
    """Drawn in the browser; only the numbers that the pattern uses are offered."""
    tab.panel.locator(".controls .label-wrap", has_text="Who may look where").click()
    designer = tab.panel.locator(".block.mask-designer")
    designer.get_by_text(
        "Of 16 positions, the last one knows of 4 after layer 1, 7 after layer 2"
    ).wait_for()
    assert tab.panel.locator(f"#{tab.key}-stride").is_hidden()
    tab.type("window", "2")
    designer.get_by_text(
        "Of 16 positions, the last one knows of 2 after layer 1, 3 after layer 2"
    ).wait_for()
    tab.type("window", "17")
    refused = "A window of 17 tokens is larger than the context of 16"
    tab.page.locator(f"#estimate-{tab.key}", has_text=refused).first.wait_for()


ALL_IN_VAIN = (
    f"model=bigram&model=ngram&steps=abc&n_embd=-3&guide={'x' * 5000}&show={'chart,' * 900}"
    "&run=local:gone&sample_temperature=hot&sample_seed=-1&axis=years&view=door&log=z&step=last"
)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "model=unknown&guide=nonsense&present=maybe",
            ["there is no model 'unknown'; it has ngram", "; present is"],
        ),
        (
            ALL_IN_VAIN,
            [
                *("model more than once", "has no step 'xxx", "the run 'local:gone' is not here"),
                *("sample_temperature, sample_seed", "axis is one of"),
            ],
        ),
    ],
    ids=["no model", "much"],
)
def test_a_link_that_asks_for_what_there_is_not_says_so_and_the_page_works(
    query, said, server, context
):
    page = context.new_page()
    page.goto(f"{server.url}/?{query}")
    for sentence in said:
        page.locator("#notice-link", has_text=sentence).wait_for()
    tab = Tab(page, RUNGS["bigram"])
    if "model=bigram" not in query:
        tab.select()
    tab.ready().reaches("finished")
    if "steps=abc" in query:
        page.locator("#notice-bigram", has_text="cannot be used").wait_for()
        assert tab.value("steps") == str(RUNGS["bigram"].plan().steps)
