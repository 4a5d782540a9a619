"""What every rung's tab must do, on each of them."""

import inspect
import json
import sys

import pytest
from playwright.sync_api import expect

from lm.costs.sizes import outline
from lm.ladder import RUNGS, text_models
from playground.looking.inside import views_of
from playground.services import SHIPPED
from tests.browser.test_hands_and_eyes import no_value_is_cut_and_the_page_does_not_scroll_sideways

TEXTS = text_models()  # a run on pairs is trained in test_pairs.py
NETWORKS = {name: one for name, one in TEXTS.items() if one.training.learner == "gradient"}


# The others are slow; the guides of n-gram and bigram are walked anyway.
QUICK = ("decoder_transformer",)


def some(rungs):
    """The rungs of `QUICK`, and the others if slow tests are asked for."""
    return [
        pytest.param(one, id=name, marks=() if name in QUICK else pytest.mark.slow)
        for name, one in rungs.items()
    ]


def test_every_tab_opens_with_something_to_see_and_a_lesson(open_tab):
    """One after the other on one page, as somebody reads them, and at each size of a window."""
    first, *others = RUNGS.values()
    tab = open_tab(first, plain=True)
    opens_with_something_to_see(tab)
    no_value_is_cut_and_the_page_does_not_scroll_sideways(tab.page, tab.key)
    for rung in others:
        tab.page.evaluate("() => window.scrollTo(0, 0)")
        opens_with_something_to_see(tab.beside(rung).select())
        no_value_is_cut_and_the_page_does_not_scroll_sideways(tab.page, rung.name)


def opens_with_something_to_see(tab) -> None:
    rung = tab.rung
    tab.panel.locator(".loss-card .plot .main-svg").first.wait_for()
    if (SHIPPED / rung.name / "run.json").exists():
        tab.reaches("finished", "stopped").wait_for_points(min(10, rung.plan().steps))
        tab.panel.locator(".diary-row, .pairs-row").first.wait_for()
        drawn = ".pair-lines line" if rung.rewrites else ".plot .main-svg"
        tab.panel.locator(f".attention-card {drawn}").first.wait_for(state="attached")
        expect(tab.panel.locator(".loss-card .figure-foot .figure-words")).not_to_be_empty()
        # Its text, to which the loss belongs, may be known later than the run.
        tab.page.locator(f"#rung-{rung.name}-button[data-note]:not([data-note=''])").wait_for()
        if rung.rewrites:
            number = tab.panel.locator(".loss-number").inner_text()
            expect(tab.button()).to_have_attribute("data-note", f"{number} right")
        else:
            assert float(tab.note()) == pytest.approx(tab.get("record.best"), abs=0.006)
    else:
        tab.panel.get_by_text("nothing trained yet: press Train").first.wait_for()
    assert_on_the_first_screen(tab)
    read_the_lesson(tab)


def assert_on_the_first_screen(tab) -> None:
    """Train, the chart and the samples stand on a laptop's screen without scrolling."""
    for what in (f"#train-{tab.key}", ".loss-card", ".samples-card .diary:visible"):
        box = tab.panel.locator(what).bounding_box()
        assert box and box["height"] > 20, what
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1366, what
        assert box["y"] >= 0 and box["y"] + box["height"] <= 768, what


def read_the_lesson(tab) -> None:
    lesson = tab.page.locator(".lesson:not(.costs):visible")
    for title in lesson.locator("button.label-wrap").all():
        if "open" not in (title.get_attribute("class") or "").split():
            title.click()
    lesson.locator(".katex").first.wait_for()
    assert lesson.locator(".katex-error").count() == 0
    assert "$$" not in lesson.inner_text()
    source = inspect.getsource(sys.modules[tab.rung.model.__module__])
    lesson.locator(".source code", has_text=source.splitlines()[0]).first.wait_for()


@pytest.mark.parametrize("network", some(NETWORKS))
def test_every_button_does_what_it_says(network, open_tab):
    tab = open_tab(network).train().reaches("running")
    seen = tab.wait_for_points(2).points()
    tab.wait_for_points(seen + 1)  # they keep coming, appended
    tab.press("pause").reaches("paused")
    held = settled(tab)
    for n in (1, 2):
        tab.press("step").until(f"record.step === {held + n}")
        assert settled(tab) == held + n
        assert tab.get("record.status") == "paused"
    tab.press("resume").reaches("running").until(f"record.step > {held + 2}")
    tab.press("stop").reaches("stopped")
    assert tab.step == settled(tab)
    tab.differs()

    before, old = tab.estimate(), tab.token
    leave_the_menu_of_texts_as_it_is(tab.page)
    tab.set("n_embd", 32).estimate_changes(before).differs("Embedding size")
    tab.set("n_embd", 16).differs()  # back to what it was
    tab.set("n_embd", 32).differs("Embedding size")
    tab.press("reset").until(f"record.run !== {json.dumps(old)}").reaches("paused")
    tab.until("record.events.some((event) => event.type === 'sample')")
    assert settled(tab) == 0
    tab.differs()
    tab.panel.locator(".diary-row", has_text="step 0").wait_for()
    tab.press("seed").differs("Seed")
    tab.press("resume").reaches("running").until("record.step > 3")
    tab.press("stop").reaches("stopped")


def leave_the_menu_of_texts_as_it_is(page) -> None:
    """Tab past it, open and close it, choose the same text again: no text has changed."""
    menu = page.locator("#corpus input")
    chosen = menu.input_value()
    menu.focus()
    menu.press("Tab")
    menu.click()
    menu.press("Escape")
    menu.press("Tab")
    menu.click()
    page.get_by_role("option", name=chosen, exact=True).click()
    menu.press("Tab")


@pytest.mark.slow
def test_a_rung_that_counts_goes_length_by_length(counted, open_tab):
    tab = open_tab(counted)
    assert tab.page.locator(f"#seed-{tab.key}, #{tab.key}-learning_rate").count() == 0
    tab.press("reset").reaches("paused")
    tab.panel.locator(".diary-row", has_text="step 0").wait_for()
    for n in (1, 2):
        tab.press("step").until(f"record.step === {n}")
        assert settled(tab) == n
        tab.panel.locator(".diary-row", has_text=f"step {n}").wait_for()
    before = tab.estimate()
    tab.set("order", 3).estimate_changes(before)
    tab.differs("Order")
    tab.press("resume").reaches("finished")
    assert tab.step == counted.plan().steps
    tab.train().reaches("finished")
    assert tab.step == 3 * counted.training.parts


def settled(tab) -> int:
    """The step, after a time in which a run that goes on would have gone on."""
    tab.page.wait_for_timeout(400)
    return tab.step


@pytest.mark.parametrize("rung", some(TEXTS))
def test_look_inside_and_let_it_write(rung, open_tab):
    """Every view answers, also at the moment to which the marker on the chart is moved."""
    tab = open_tab(rung, steps=200).train().reaches("finished")
    card = tab.panel.locator(".attention-card")
    views = views_of(outline(rung.plan(), 65))
    card.locator(".snapshot-step", has_text=str(tab.get("record.steps"))).wait_for()
    card.locator(".plot .main-svg").first.wait_for()
    if "attention" in views:
        heads, layers = card.locator(".thumb"), card.locator(".picture-tools .pill-button")
        if heads.count() > 1:
            heads.nth(1).click()
            card.locator(".figure-words", has_text="Head 2").wait_for()
            card.locator(".thumb-eye").nth(1).click()
            card.locator(".head-cost", has_text="held-out characters").wait_for()
        if layers.count() > 1:
            layers.nth(1).click()
            expect(layers.nth(1)).to_have_attribute("aria-pressed", "true")
        card.locator(".text-input").fill("The king")
        tab.page.wait_for_function(
            "(key) => document.querySelectorAll(`#panel-${key} .token-text .token`).length === 8",
            arg=tab.key,
        )
    for view in views[::-1]:  # ends where it began
        card.locator(f"[data-view={view}].pill-button").click()
        card.locator(f".attention-view[data-view={view}]:not(.waiting)").wait_for()
        expect(card.locator(".inside-stage .figure-words").first).not_to_be_empty()
    marker = tab.panel.locator(".moment")
    marker.focus()
    marker.press("Home")
    tab.page.wait_for_function(
        "(key) => document.querySelector(`#panel-${key} .snapshot-step`).innerText === '0'",
        arg=tab.key,
    )
    tab.set("sample-max_new_tokens", 40).prompt("SCENE")
    with tab.page.expect_request(lambda request: "SCENE" in (request.post_data or "")) as sent:
        tab.press("sample")
    asked, prompt, *_ = sent.value.post_data_json["data"]
    assert (asked["run"], asked["step"], prompt) == (tab.token, 0, "SCENE")  # as it is shown
    tab.panel.locator(".written:not(.writes) .made").nth(39).wait_for(state="attached")
    assert tab.panel.locator(".written .made").count() == 40
    assert tab.panel.locator(".written .prompt-text").inner_text() == "SCENE"
    tab.panel.locator(".writing-block .figure-note", has_text="At step 0.").wait_for()
