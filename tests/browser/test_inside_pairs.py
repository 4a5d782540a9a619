"""The inside of an encoder–decoder, in a browser: each view draws, answers keys, and says its numbers."""

import pytest

from lm.costs.sizes import outline
from lm.ladder import RUNGS
from playground.looking.inside import views_of

MODEL = RUNGS["encoder_decoder"]
SMALL = {"n_embd": 32, "n_layer": 2, "batch_size": 32, "learning_rate": 0.01}


@pytest.fixture
def tab(open_tab):
    """A tab with a run that reverses digits."""
    return open_tab(MODEL, pairs="sums:reverse", steps=40, evaluate_every=40, **SMALL)


@pytest.mark.slow
def test_look_inside_an_encoder_decoder(tab):
    tab.train().reaches("finished")
    page, card = tab.page, tab.panel.locator(".attention-card")
    card.locator(".snapshot-step", has_text="40").wait_for()
    card.locator(".text-input").fill("4721")
    lines(page, card)
    heads(card)
    for view in views_of(outline(MODEL.plan(), 65))[::-1]:  # ends where it began
        opened(card, view)
        assert card.locator(".inside-stage .figure-words").first.inner_text(), view
    opened(card, "masks")
    assert card.locator(".mask-figure").count() == 3
    told = card.locator(".mask-canvas").first.get_attribute("aria-label")
    assert told == "Encoder, no mask: each of 4 positions sees all 4."
    opened(card, "beams")
    assert card.locator(".beams-table tr").count() == 6  # a head, and five answers
    assert card.locator(".beams-picture b").inner_text() == "4721"


def lines(page, card) -> None:
    """The source stands above, the answer below; an arrow key puts one of its characters in focus."""
    card.locator(".pair-answers").nth(3).wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.pair-answers')].map((n) => n.innerText).join('') === '4721'"
    )
    drawn = card.locator(".pair-lines line")
    drawn.first.wait_for(state="attached")
    plot = card.locator(".pair-plot")
    assert "Arrow keys read the answer" in plot.get_attribute("aria-label")
    assert "ask" in card.locator(".pair-roles").inner_text()
    before = card.locator(".figure-words").first.inner_text()
    plot.focus()
    plot.press("Home")
    card.locator(".pair-asks.looks").wait_for()
    card.locator(".figure-words", has_text="looks at").first.wait_for()
    assert card.locator(".figure-words").first.inner_text() != before
    faint = [float(one.get_attribute("opacity")) for one in drawn.all()]
    assert min(faint) < 0.1 <= max(faint)
    plot.press("Enter")  # stays in focus
    plot.evaluate("(node) => node.blur()")
    card.locator(".pair-asks.looks").wait_for()
    card.locator(".pair-asks").first.click()  # and is let go
    page.mouse.move(0, 0)
    card.locator(".figure-words b", has_text="Head").first.wait_for()


def heads(card) -> None:
    """A head off costs lines that are right; the heatmap of two texts has its own rows and columns."""
    opened(card, "cross")
    card.locator(".plot .main-svg").first.wait_for()
    assert card.locator(".pair-read .pair-token").count() == 4
    card.locator(".thumb-eye").first.click()
    card.locator(".head-cost", has_text="held-out lines right").wait_for()
    card.locator(".thumb-eye").first.click()
    heat = card.locator(".pair-picture .plot, .attention-picture .plot").first
    heat.focus()
    heat.press("Home")
    heat.press("ArrowRight")
    card.page.locator(".playground-tip", has_text="“4” at 1:").wait_for()


def opened(card, view: str) -> None:
    card.locator(f"[data-view={view}].pill-button").click()
    card.locator(f".attention-view[data-view={view}]:not(.waiting)").wait_for()
