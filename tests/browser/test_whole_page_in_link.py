"""The link of a page that is set in every way shows the same page to somebody else, field by field."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page

from lm.ladder import RUNGS
from tests.browser.shown import on_model, on_runs, settles
from tests.browser.tab import Tab

KEY = "decoder_transformer"


def query_of(page: Page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query))


def zoom_into(page: Page, plot) -> None:
    """Drag a box over the middle of a chart."""
    box = plot.locator(".nsewdrag").first.bounding_box()
    left, top = box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"]
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + 0.5 * box["width"], top + 0.4 * box["height"], steps=4)
    page.mouse.up()


def named(page: Page, names: set[str]) -> None:
    """Wait until the address holds these parameters."""
    for _ in range(100):
        if query_of(page).keys() == names:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the address has {sorted(query_of(page))}, not {sorted(names)}")


def same_to_somebody_else(page: Page, other: Page, look, *more) -> None:
    """Opened in a fresh browser, and loaded again there."""
    wanted, address = settles(page, look, *more), page.url
    other.goto(address)
    for _ in range(2):
        other.wait_for_function(
            "(search) => location.search === search", arg=address[address.index("?") :]
        )
        shown = settles(other, look, *more, like=wanted)
        assert {n: (shown[n], wanted[n]) for n in wanted if shown[n] != wanted[n]} == {}
        assert other.url == address
        other.reload()


@pytest.mark.slow
def test_a_models_tab_that_is_fully_set(server, five_runs, new_context):
    """The run shown is none of the included ones, its moment is not its end, and every part is set."""
    page = new_context().new_page()
    page.goto(f"{server.url}/?model={KEY}&run=local:layers&text=synthetic_plays&tokens=bpe:300")
    page.locator("#facts", has_text="300 pieces · ").wait_for()
    tab = Tab(page, RUNGS[KEY]).ready().reaches("finished")
    tab.until("record.run === 'local:layers' && tab.snapshots.length > 2")
    tab.set("batch_size", 8)
    tab.panel.get_by_role("button", name="tokens", exact=True).click()
    tab.panel.get_by_role("button", name="log y", exact=True).click()
    tab.panel.locator(".overlay-menu summary").click()
    tab.panel.locator('.runs-row[data-run="local:base"] .runs-tick').check()
    tab.panel.locator(".overlay-menu summary").click()
    tab.panel.locator(".runs-verdicts p").wait_for()
    zoom_into(page, tab.panel.locator(".loss-card .plot"))
    tab.panel.locator(".view-pills [data-view=attention]").click()
    tab.panel.locator(".text-input").fill("JULIET: a")
    tab.panel.locator(".thumb-eye").nth(1).click()
    page.evaluate(f"() => Playground.tab('{KEY}').showSnapshot(1)")
    tab.prompt("ROMEO: & JULIET?")
    page.locator(f"#{KEY}-sample-temperature input[type=number]").fill("0.5")
    page.keyboard.press("Tab")
    page.get_by_title("Next step").locator("visible=true").click()
    page.mouse.move(2, 2)
    parts = {"axis", "log", "zoom", "overlay", "inside", "off", "step", "prompt", "guide"}
    named(page, {"model", "text", "tokens", "run", "sample_temperature", "batch_size", *parts})
    shown = settles(page, on_model, KEY)
    assert shown["heads"].count(True) == 1 and shown["cost"] and shown["verdicts"]
    assert shown["chart"]["y"]["type"] == "log" and "local:base" in str(shown["chart"]["curves"])
    same_to_somebody_else(page, new_context().new_page(), on_model, KEY)


@pytest.mark.slow
def test_the_runs_tab_that_is_fully_set(server, five_runs, new_context):
    page = new_context().new_page()
    page.goto(f"{server.url}/?tab=runs&ticked=local:base,local:rotary,local:layers")
    card = page.locator(".runs")
    page.wait_for_function("() => document.querySelectorAll('.runs-label').length === 3")
    card.get_by_role("button", name="parameters", exact=True).click()
    card.get_by_role("button", name="parameters", exact=True).click()
    card.get_by_role("button", name="all columns").click()
    card.get_by_label("Show the runs of one model").select_option(KEY)
    text = page.evaluate(
        "() => document.querySelector('.runs-filters select:last-of-type').options[1].value"
    )
    card.get_by_label("Show the runs of one text").select_option(text)
    chart = page.locator(".runs-chart")
    chart.get_by_role("button", name="FLOPs", exact=True).click()
    chart.get_by_role("button", name="log x", exact=True).click()
    chart.get_by_role("button", name="training", exact=True).click()
    page.wait_for_function(
        "() => document.querySelector('.runs-chart .plot').layout.xaxis.type === 'log'"
    )
    zoom_into(page, chart.locator(".plot"))
    card.get_by_role("button", name="two prompts").click()
    page.locator(".runs-prompt").first.fill("the & that")
    page.locator(".runs-prompt").nth(1).fill("and")
    page.get_by_label("The run that continues both prompts").select_option("local:layers")
    page.locator(".runs-setting input[name=temperature]").evaluate(
        "(n) => { n.value = 0.3; n.dispatchEvent(new Event('input', { bubbles: true })) }"
    )
    page.mouse.move(2, 2)
    lists = {
        "ticked",
        "sort",
        "only_model",
        "only_text",
        "columns",
        "axis",
        "log",
        "curves",
        "zoom",
    }
    names = {"tab", *lists, "view", "prompt", "prompt_2", "prompt_run", "sample_temperature"}
    named(page, names)
    same_to_somebody_else(page, new_context().new_page(), on_runs)
    card.get_by_role("button", name="settings", exact=True).click()
    card.get_by_role("button", name="all settings").click()
    named(page, names - {"prompt_run"} | {"rows"})  # of the view that was left
    same_to_somebody_else(page, new_context().new_page(), on_runs)
