"""The Start tab: a card for each model, and races from two tabs at once, stopped and begun again."""

import pytest
from playwright.sync_api import Page

from lm import runs
from lm.ladder import RUNGS, text_models

STOPPED = "The race was stopped, so its losses cannot be compared."


class Start:
    """The Start tab in one page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.goto(url)
        page.locator(".start-race:visible").wait_for()

    def race(self) -> "Start":
        self.page.locator("[data-budget='5']").click()
        self.page.locator(".start-race").click()
        self.page.locator(".start-race", has_text="Racing").wait_for()
        return self

    def stop(self) -> "Start":
        self.page.locator(".start-steering button", has_text="Stop").click()
        self.says(STOPPED)
        self.page.locator(".start-race", has_text="Race again").wait_for()
        return self

    def says(self, words: str) -> None:
        self.page.locator(".start-chart .figure-words", has_text=words).wait_for()

    def is_on(self, text: str) -> None:
        self.page.locator(
            ".start-chart .figure-unit", has_text=f"validation loss on {text}"
        ).wait_for()

    def state(self, model: str, words: str) -> None:
        self.page.locator(f"[data-model={model}] .start-state", has_text=words).wait_for()


@pytest.mark.slow
def test_two_tabs_race_at_once_and_each_keeps_its_text(server, context):
    """Stopped while a pace is measured, another text chosen meanwhile: nothing trains on or is mixed."""
    one, two = (Start(context.new_page(), server.url) for _ in range(2))
    menu = one.page.locator("#corpus input")
    text, other = menu.input_value(), "Synthetic plays"
    before = set(server.runs.glob("*"))
    one.race().is_on(text)
    two.race().is_on(text)
    one.state("bigram", "pace is measured")
    menu.click()
    one.page.get_by_role("option", name=other).click()
    one.state("decoder_transformer", f"loss on {text}")
    one.is_on(text)
    one.stop()
    two.page.locator(".start-race", has_text="Racing").wait_for()
    one.race().is_on(other)
    assert "loss on" not in one.page.locator(".start-cards").inner_text()
    one.stop()
    two.stop()
    begun = [runs.open_run(path) for path in set(server.runs.glob("*")) - before]
    assert 0 < len(begun) <= 3 * len(text_models())
    assert {run.status()[0] for run in begun} <= {"stopped", "finished"}


def test_a_card_opens_its_model(server, context):
    start = Start(context.new_page(), server.url)
    assert start.page.locator(".start-card").count() == len(RUNGS)
    start.page.locator(".start-card[data-model=bigram]").click()
    start.page.locator("#panel-bigram .strip:visible").wait_for()
