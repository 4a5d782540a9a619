"""Each guide from its first step to its last, by pressing Do it: what it then tells is what the files say."""

import pytest
from playwright.sync_api import expect

from lm import runs
from lm.ladder import RUNGS
from playground.runs.run_view import RunView
from playground.services import SHIPPED
from playground.tabs.facts import compared, facts
from tests.browser.quick_page import quick_guide
from tests.browser.tab import Tab


@pytest.fixture(scope="module")
def quick_server(start_server):
    """The playground with quick guides, and a class board."""
    return start_server("--board", module="tests.browser.quick_page")


def view_of(directory):
    view = RunView(runs.open_run(directory))
    view.refresh()
    return view


class Visitor:
    """Somebody who follows the guide of one model."""

    def __init__(self, tab: Tab, runs_folder) -> None:
        self.tab, self.page, self.runs = tab, tab.page, runs_folder
        self.included = view_of(SHIPPED / tab.key)
        self.shown, self.before = self.included, []
        self.strip = tab.page.locator(f".tabitem:has(#panel-{tab.key}) .guide")

    def do(self, step) -> None:
        token = self.tab.token
        expect(self.strip.locator(".guide-question")).to_have_text(
            step.question, use_inner_text=True
        )
        self.strip.locator(".guide-do").click()
        if step.do.press in ("train", "reset"):
            self.tab.until(f"record.run && record.run !== {token!r} && record.status !== null")
            self.tab.reaches("finished" if step.do.press == "train" else "paused")
            newest = max(self.runs.glob(f"{self.tab.key}-*"), key=lambda path: path.name)
            self.shows(view_of(newest))
        elif step.do.run:
            self.tab.until(f"record.run === 'shipped:{self.tab.key}'")
            if self.shown is not self.included:
                self.shows(self.included)
        elif step.do.press == "step":
            self.tab.until("record.step >= 1 && record.status === 'paused'")
            self.shown = view_of(self.shown.run.directory)

    def shows(self, view) -> None:
        self.before, self.shown = [self.shown, *self.before], view

    def is_told(self, step) -> None:
        each = (compared(self.shown, one, step.compares or "") for one in self.before)
        expected = step.told(facts(self.shown, self.included) | next(filter(None, each), {}))
        self.strip.locator(".guide-words", has_text=expected).wait_for()
        view = step.do.view
        if view:
            pressed = self.tab.panel.locator(f".view-pills [data-view={view}]")
            expect(pressed).to_have_attribute("aria-pressed", "true")


# Guides that follow one another. That of the bigram is walked in the usual command.
_NAMES = list(RUNGS)
WALKS = [
    _NAMES[1:2],
    *(
        pytest.param(some, marks=pytest.mark.slow)
        for some in (_NAMES[:1], _NAMES[2:-1], _NAMES[-1:])
    ),
]


@pytest.mark.parametrize("names", WALKS, ids=lambda names: names[0])
def test_every_guide_is_walked_from_its_first_step_to_its_last(names, quick_server, context):
    page = context.new_page()
    first = quick_guide(names[0]).step[0]
    page.goto(f"{quick_server.url}/?model={names[0]}&guide={first.id}")
    for name in names:
        tab = Tab(page, RUNGS[name])
        tab.ready()
        visitor = Visitor(tab, quick_server.runs)
        for step in quick_guide(name).step:
            visitor.do(step)
            visitor.is_told(step)
            following = visitor.strip.locator(".guide-place + button")
            if following.is_enabled():  # after the last step comes the next model's guide
                following.click()
    if not tab.rung.rewrites:  # the board compares losses of texts
        show_the_last_run_on_the_board(page, visitor)


def show_the_last_run_on_the_board(page, visitor) -> None:
    page.locator("#rung-board-button").click()
    page.locator(".board-run option", has_text=visitor.tab.key.replace("_", " ")).wait_for(
        state="attached"
    )
    page.locator(".board-run").select_option(visitor.tab.token)
    page.locator(".board-form input").fill("<b>Anne</b>")
    page.get_by_role("button", name="Show on the board").click()
    row = page.locator(".board-list tr.own")
    row.locator(".board-name", has_text="<b>Anne</b>").wait_for()
    assert (
        f"{min(visitor.shown.evaluations()['loss']):.2f}" in row.locator(".board-loss").inner_text()
    )
    row.get_by_role("button").click()
    row.wait_for(state="detached")


def test_a_long_answer_is_cut_at_two_lines_and_shown_in_full_without_moving_the_page(
    server, context
):
    """Every third answer is longer than the strip, in which they had to be scrolled."""
    page = context.new_page()
    page.goto(f"{server.url}/?model=encoder_decoder&guide=decoder-only")
    tab = Tab(page, RUNGS["encoder_decoder"]).ready()
    strip = page.locator(f".tabitem:has(#panel-{tab.key}) .guide")
    said, more = strip.locator(".guide-said"), strip.locator(".guide-more")
    all_shown = "(node) => node.scrollHeight <= node.clientHeight + 2"
    expect(more).to_be_hidden()
    strip.get_by_text("What happened?").click()
    expect(more).to_be_visible()
    place = tab.panel.bounding_box()
    assert not said.evaluate(all_shown) and more.get_attribute("aria-expanded") == "false"
    more.click()
    assert said.evaluate(all_shown) and more.get_attribute("aria-expanded") == "true"
    assert tab.panel.bounding_box() == place
    strip.locator(".guide-place").locator("xpath=preceding-sibling::button[1]").click()
    expect(more).to_be_hidden()  # another step, whose words are short
