"""Models that rewrite lines, in a browser: their pairs, their numbers, the held-out lines, Try one."""

import pytest
from playwright.sync_api import expect

from lm.ladder import RUNGS
from tests.browser.tab import Tab

MODEL, DECODER = RUNGS["encoder_decoder"], RUNGS["decoder_transformer"]
SMALL = {"n_embd": 32, "n_layer": 1, "batch_size": 32, "learning_rate": 0.01}
EXACT = """(key) => document.querySelector(`#panel-${key} .loss-card .plot`).data
    .find(({ meta }) => meta.curve === 'exact').y.length"""


def test_a_small_encoder_decoder_learns_to_reverse_digits(open_tab):
    tab = open_tab(MODEL, pairs="sums:reverse", steps=60, evaluate_every=30, **SMALL)
    page, panel = tab.page, tab.panel
    expect(page.locator("#pairs input")).to_have_value("Reversed digits")
    expect(page.locator("#corpus")).to_be_hidden()
    tab.train().reaches("running").press("pause").reaches("paused")
    tab.press("resume").reaches("finished")
    tab.until("record.events.filter(({ type }) => type === 'evaluation').length === 2").differs()
    share = tab.get("record.events.filter((e) => e.type === 'evaluation').at(-1).scores.exact")
    number = f"{100 * share:.1f} %".replace(".0 %", " %")
    expect(panel.locator(".loss-number")).to_have_text(number, use_inner_text=True)
    expect(tab.button()).to_have_attribute("data-note", f"{number} right")
    expect(panel.locator(".loss-meaning")).to_contain_text("of held-out lines exactly right")
    page.wait_for_function(f"(key) => ({EXACT})(key) === 2", arg=tab.key)
    expect(panel.locator(".figure-foot .figure-words")).to_contain_text("exactly right")
    rows = panel.locator(".pairs-row")
    expect(rows).to_have_count(8)
    expect(panel.locator(".pairs-row .pairs-dots i")).to_have_count(8 * 3)  # at steps 0, 30 and 60
    for row in rows.all():
        source = row.locator(".pairs-source").inner_text()
        right = row.locator(".pairs-wanted, .pairs-written").last.inner_text()
        assert right == source[::-1]
        assert row.locator(".pairs-dots i").count() == 3
    panel.locator(".moment").focus()
    page.keyboard.press("Home")
    panel.locator(".samples-card .figure-unit", has_text="at step 0").wait_for()
    try_one(tab)
    tab.beside(RUNGS["bigram"]).select()  # which reads a text
    expect(page.locator("#corpus")).to_be_visible()
    expect(page.locator("#pairs")).to_be_hidden()


def try_one(tab) -> None:
    """The line that stands there is one of the run's; another is answered, with the truth and alternatives."""
    panel = tab.panel
    first = panel.locator(".pairs-source").first.inner_text()
    box = panel.locator(f"#prompt-{tab.key} textarea, #prompt-{tab.key} input")
    expect(box).to_have_value(first)
    tab.prompt("1234").press("sample")
    panel.locator(".tried-answer", has_text="1234").wait_for()
    note = panel.locator(".tried .figure-note").inner_text()
    assert "at step 0" in note and "the likeliest at each step" in note
    assert "✗ right is 4321" in note or "✓ right" in note
    expect(panel.locator(".tried-other")).to_have_count(5)
    tab.set("sample-temperature", 1).press("sample")
    panel.locator(".tried .figure-note", has_text="drawn").wait_for()
    tab.prompt("12a4").press("sample")
    panel.locator(".tried-answer").wait_for(state="detached")  # and the note before has an "a", too
    assert "a" in panel.locator(".tried .figure-note").inner_text()


def test_own_pairs_are_pasted_and_a_mistake_is_said(open_tab):
    tab = open_tab(MODEL, steps=20)
    page = tab.page
    page.locator("#pairs input").click()
    page.get_by_role("option", name="Your own pairs …").click()
    box = page.locator("#own-pairs-box textarea")
    box.fill("one side only\nand another")
    page.locator("#own-pairs-use").click()
    page.locator("#notice-pairs", has_text="no tab").wait_for()
    expect(page.locator("#pairs input")).to_have_value("Number words")
    box.fill("".join(f"{n}\t{n + 1}\n" for n in range(40)))
    page.locator("#own-pairs-use").click()
    page.locator(".pairs-facts", has_text="36 pairs").first.wait_for()
    expect(page.locator("#own-pairs")).to_be_hidden()
    tab.train().reaches("finished")
    assert tab.get("record.events.some(({ scores }) => scores?.exact >= 0)")


@pytest.mark.slow
def test_a_decoder_answers_lines_when_that_is_its_task(open_tab):
    small = {"task": "answer", "pairs": "sums:reverse", "context_length": 32}
    tab = open_tab(DECODER, steps=20, evaluate_every=20, **SMALL, **small)
    page, panel = tab.page, tab.panel
    page.locator("#pairs").wait_for()
    panel.locator(".settings .label-wrap", has_text="Regularisation").click()
    panel.locator(f"#{tab.key}-token_noise").wait_for()
    expect(panel.locator(f"#{tab.key}-ngram_share")).to_be_hidden()  # of lines nothing is counted
    tab.train().reaches("finished")
    panel.locator(".pairs-row").nth(7).wait_for()
    expect(panel.locator(f"#prompt-{tab.key}")).to_be_hidden()  # Write continues a text
    panel.locator(f"#line-{tab.key} textarea, #line-{tab.key} input").fill("57")
    tab.press("answer")
    panel.locator(".tried .figure-note", has_text="75").or_(
        panel.locator(".tried-verdict.good")
    ).first.wait_for()
    Tab(page, RUNGS["bigram"]).select()
    expect(page.locator("#corpus")).to_be_visible()
