"""The address holds how a page is set, and a link sets it (whole pages: test_whole_page_in_link.py)."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from lm.ladder import RUNGS
from tests.browser.tab import Tab

KEY = "multi_head_attention"
FIELDS = """(key) => {
    const panel = document.querySelector(`#panel-${key}`), tab = Playground.tab(key);
    const text = (selector) => panel.querySelector(selector)?.textContent;
    const on = (selector) => [...panel.querySelectorAll(selector)].map((n) => n.textContent);
    return {
        place: document.querySelector(".ladder [role=tab][aria-selected=true]").id,
        text: tab.chosen?.text, settings: tab.chosen?.values, run: tab.record.run, step: tab.step,
        moment: text(".snapshot-step"), view: panel.querySelector(".attention-view").dataset.view,
        inside: panel.querySelector(".text-input").value, axes: on(".loss-card .pill-button.on"),
        prompt: document.querySelector(`#prompt-${key} input, #prompt-${key} textarea`).value,
        writes: [...panel.querySelectorAll(`[id^="${key}-sample-"] input[type=number]`)].map((n) => n.value),
        overlays: on(".key-overlay"), guide: text(".guide-place"),
        recipe: document.querySelector(`#recipe-${key} input`)?.value,
    };
}"""
SET = {
    "model": KEY,
    "text": "synthetic_plays",
    "n_embd": "32",
    "learning_rate": "0.002",
    "run": f"shipped:{KEY}",
    "step": "0",
    "view": "score",
    "inside": "To be or",
    "axis": "tokens",
    "log": "x,y",
    "prompt": "JULIET: ä?&=",
    "sample_temperature": "0.5",
    "sample_seed": "7",
    "overlay": "shipped:bigram",
    "utm_source": "mail",
}


def query_of(page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query))


def settled(page, wanted) -> dict[str, str]:
    """The parameters of the address as soon as they fulfil a condition."""
    for _ in range(200):
        if wanted(query := query_of(page)):
            return query
        page.wait_for_timeout(50)
    pytest.fail(f"the address stays {page.url}")


def test_what_is_set_by_hand_stands_in_the_address(server, context):
    page = context.new_page()
    page.goto(f"{server.url}/?{urlencode({'model': KEY})}")
    first = Tab(page, RUNGS[KEY]).ready().reaches("finished")
    first.set("n_embd", 32)
    first.panel.get_by_role("button", name="tokens", exact=True).click()
    first.panel.get_by_role("button", name="log y", exact=True).click()
    first.panel.locator("[data-view=next]").click()
    first.panel.locator(".text-input").fill("JULIET: a")
    first.prompt("ROMEO: & JULIET?")
    page.locator(f"#{KEY}-sample-temperature input[type=number]").fill("0.5")
    page.keyboard.press("Tab")
    first.until("tab.snapshots.length > 1")
    page.evaluate(f"() => Playground.tab('{KEY}').showSnapshot(1)")
    told = settled(page, lambda q: "step" in q and "prompt" in q and "sample_temperature" in q)
    assert told == {
        "model": KEY,
        "n_embd": "32",
        "axis": "tokens",
        "log": "y",
        "view": "next",
        "inside": "JULIET: a",
        "prompt": "ROMEO: & JULIET?",
        "sample_temperature": "0.5",
        "step": told["step"],
    }


def test_every_parameter_is_taken_and_told_again_and_unknown_ones_stay(server, context):
    page = context.new_page()
    page.goto(f"{server.url}/?{urlencode(SET)}")
    tab = Tab(page, RUNGS[KEY]).ready().reaches("finished")
    usual = {"run"}  # that of the page as it is written
    written = {name: text for name, text in SET.items() if name not in usual}
    tab.until("tab.snapshots.length > 1 && tab.chosen")
    settled(page, lambda query: query == written)
    tab.until("tab.step === 0")
    page.wait_for_timeout(500)  # and nothing changes it again
    fields = page.evaluate(FIELDS, KEY)
    assert (fields["text"], fields["step"], fields["view"]) == ("synthetic_plays", 0, "score")
    assert (fields["inside"], fields["prompt"]) == ("To be or", SET["prompt"])
    assert fields["axes"][:3] and "log x" in fields["axes"] and "tokens" in fields["axes"]
    assert query_of(page) == written
    page.locator("#rung-start-button").click()
    assert settled(page, lambda q: "model" not in q) == {
        "text": "synthetic_plays",
        "utm_source": "mail",
    }


def test_the_link_of_the_runs_tab_ticks_its_runs(server, context):
    page = context.new_page()
    runs = "shipped:bigram,shipped:ngram"
    asked = {"tab": "runs", "ticked": runs, "axis": "tokens", "view": "two", "sample_seed": "4"}
    page.goto(f"{server.url}/?{urlencode(asked)}")
    page.wait_for_function("() => document.querySelectorAll('.runs-pane').length === 2")
    page.wait_for_timeout(500)
    assert query_of(page) == asked


@pytest.mark.slow
def test_two_tabs_of_one_browser_hold_separate_runs(decoder, open_tab):
    """Each shows its own runs when it is loaded again; a live run is shown by a new tab, which can end it."""
    first = open_tab(decoder, steps=100_000).train().reaches("running")  # longer than this test
    second = open_tab(decoder)
    second.until(f"record.run === '{first.token}'")  # nobody loses sight of a live run
    bigrams = []
    for one in (second, first):
        one.page.bring_to_front()
        bigram = one.beside(RUNGS["bigram"]).select().set("steps", 20)
        bigrams.append(bigram.train().reaches("finished"))
    tokens = [bigram.token for bigram in bigrams]
    assert len({*tokens, first.token}) == 3
    for bigram, token in zip(bigrams, tokens, strict=True):
        bigram.page.bring_to_front()
        bigram.page.reload()
        bigram.ready().until(f"record.run === '{token}'")
    first.page.bring_to_front()
    first.select().reaches("running")
    second.page.bring_to_front()
    second.select().press("stop").reaches("stopped")
    first.page.bring_to_front()
    first.reaches("stopped")
    first.panel.locator(".strip-line", has_text="from another tab").wait_for()
