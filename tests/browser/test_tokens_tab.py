"""The Tokens tab in a browser: cuts that are linked, the merge player by keys, the guide, and bad input."""

import json
import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import Page, expect

from playground.cutting.cut import MOST
from playground.guides import guide
from playground.tabs.tokens_tab import USUAL, TokensTab
from playground.texts import Texts


@pytest.fixture
def page(server, context) -> Page:
    page = context.new_page()
    page.goto(server.url + "/?tab=tokens")
    page.locator(".tokens-side:last-child .piece").first.wait_for()
    return page


def pieces(page: Page, side: int) -> list[str]:
    """The texts of the pieces of a side, 0 or 1, as they are drawn."""
    return page.locator(".pieces").nth(side).locator(".piece > :not(.piece-id)").all_inner_texts()


def said(page: Page) -> str:
    return page.locator(".tokens-words").inner_text()


def cut(page: Page, text: str) -> None:
    """Type a text, and wait until it is cut."""
    with page.expect_response(lambda one: json.dumps(text) in (one.request.post_data or "")):
        page.locator(".tokens-text textarea").fill(text)
    page.wait_for_function("() => !document.querySelector('.tokens-cut.waiting')")


def test_a_text_is_cut_and_its_pieces_are_linked_whatever_it_holds(page):
    """On one page: a text of one's own, bad input, and the examples."""
    a_piece_is_linked_with_the_text_and_with_the_other_side(page)
    ready_texts_show_where_pieces_hurt(page)
    bad_input_is_told_in_one_sentence(page)
    a_visitor_s_text_never_becomes_markup(page)


def a_piece_is_linked_with_the_text_and_with_the_other_side(page) -> None:
    """By the pointer and by keys; a tip tells its id and its counts."""
    cut(page, "the king thinks of the thing")
    assert "".join(pieces(page, 0)).replace("␣", " ") == "the king thinks of the thing"
    right = page.locator(".pieces").nth(1)
    assert (
        right.locator(".piece").count() < page.locator(".pieces").nth(0).locator(".piece").count()
    )
    page.locator(".pieces").nth(0).locator(".piece").nth(1).hover()
    expect(page.locator(".tokens-mirror mark")).to_have_text("h")
    assert right.locator(".piece.lit").count() == 1
    expect(page.locator(".playground-tip")).to_contain_text("times in the training text, 4 here")
    right.focus()
    page.keyboard.press("End")
    expect(page.locator(".playground-tip")).to_contain_text("id ")
    assert page.locator(".pieces").nth(0).locator(".piece.lit").last.inner_text() == "g"
    page.locator(".tokens-text textarea").press("Home")  # the caret is at “t”
    expect(page.locator(".pieces").nth(0).locator(".piece.lit")).to_have_text(
        "t", use_inner_text=True
    )
    page.locator("button", has_text="ids").click()
    expect(right.locator(".piece-id").first).to_be_visible()


def ready_texts_show_where_pieces_hurt(page) -> None:
    page.locator("[data-example=chinese]").click()
    expect(page.locator(".pieces").nth(0).locator(".piece.unknown").first).to_be_visible()
    assert page.locator(".pieces").nth(1).locator(".byte").count() > 20
    assert "bytes are cut apart" in said(page) and "per character" in said(page)
    page.locator("[data-example=numbers]").click()
    expect(page.locator(".tokens-words")).to_contain_text("pieces with BPE 1,024: ")
    page.locator(".tokens-menu").nth(1).select_option("bpe:512")
    expect(page.locator(".tokens-foot").last).to_contain_text("512 pieces = 256 bytes + 256")
    page.wait_for_function("() => location.search.includes('right=bpe%3A512')")
    assert "example=numbers" in page.evaluate("location.search")
    page.reload()
    expect(page.locator(".tokens-foot").last).to_contain_text("512 pieces = 256 bytes + 256")
    assert page.locator("[data-example=numbers]").get_attribute("aria-pressed") == "true"


# Texts as JavaScript, what is told of them, and the number of pieces on the left.
BAD = [
    ("''", "There is nothing to cut: type a text, or choose an example.", 0),
    ("'ab'.repeat(1e5)", f"The text has 200,000 characters; the first {MOST:,} are cut.", MOST),
    ("'a\\ud83d'", "half of a surrogate pair, which no text can hold: remove it.", 0),
]


def bad_input_is_told_in_one_sentence(page) -> None:
    for made, sentence, count in BAD:
        change = f"(area) => {{ area.value = {made}; area.dispatchEvent(new Event('input')) }}"
        page.locator(".tokens-text textarea").evaluate(change)
        expect(page.locator(".tokens-note")).to_contain_text(sentence)
        expect(page.locator(".pieces").nth(0).locator(".piece")).to_have_count(count)


def a_visitor_s_text_never_becomes_markup(page) -> None:
    text = "<img src=x onerror=alert(1)>\0 ${1} <b>bold</b>"
    cut(page, text)
    assert page.locator(".tokens img, .tokens .pieces b").count() == 0
    assert "␀" in "".join(pieces(page, 1))
    page.locator(".player-sentence").fill(text)
    expect(page.locator(".merge-words")).to_contain_text("<")
    assert page.locator(".tokens img").count() == 0


def test_the_player_joins_pairs_and_shows_the_paths_of_unigram(page):
    it_steps_plays_and_goes_back_by_keys_alone(page)
    it_does_learned_merges_and_shows_the_paths_of_unigram(page)


def it_steps_plays_and_goes_back_by_keys_alone(page) -> None:
    place, words = page.locator(".player-place"), page.locator(".player-said")
    expect(place).to_contain_text("merge 0 of ")
    stage = page.locator(".player-stage")
    stage.focus()
    assert page.locator(".merge-token.next").count() >= 2
    before = page.locator(".merge-token").count()
    first = words.inner_text()
    page.keyboard.press("ArrowRight")
    expect(place).to_contain_text("merge 1 of ")
    assert page.locator(".merge-token").count() < before and words.inner_text() != first
    assert page.locator(".merge-token.made").count() >= 1
    page.keyboard.press("End")
    expect(words).to_contain_text("No pair is left")
    page.keyboard.press("Home")
    expect(words).to_have_text(first)
    page.keyboard.press("Space")
    expect(place).to_contain_text(re.compile(r"merge ([2-9]|\d\d) of "))
    page.keyboard.press("Space")
    stopped = place.inner_text()
    page.wait_for_timeout(1500)
    assert place.inner_text() == stopped
    page.keyboard.press("ArrowLeft")
    before = f"merge {int(stopped.split()[1]) - 1} of "
    expect(place).to_contain_text(before)
    assert stage.get_attribute("aria-label").startswith(before)


def it_does_learned_merges_and_shows_the_paths_of_unigram(page) -> None:
    page.locator("[data-mode=encode]").click()
    expect(page.locator(".merge-pairs caption")).to_contain_text("the one learned first on top")
    page.locator(".player-stage").focus()
    page.keyboard.press("End")
    expect(page.locator(".player-said")).to_contain_text("a model reads these")
    page.locator("[data-mode=unigram]").click()
    expect(page.locator(".lattice-piece.best").first).to_be_visible()
    assert page.locator(".lattice-piece").count() > page.locator(".lattice-piece.best").count()
    expect(page.locator(".player-said")).to_contain_text("likeliest path")
    page.locator(".player-stage").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".player-place")).to_contain_text("word 2 of ")
    page.wait_for_function("() => location.search.includes('player=unigram')")
    page.locator(".player-sentence").fill("")
    expect(page.locator(".player-said")).to_contain_text("type a sentence")


def test_the_guide_is_walked_from_its_first_step_to_its_last(page, corpus, tmp_path):
    """What it tells is what the numbers of the tab's own cut say."""
    tab = TokensTab(SimpleNamespace(texts=Texts(tmp_path, {})))
    asked = {"key": corpus, "example": "passage", "left": USUAL[0], "right": USUAL[1]}
    strip = page.locator(".tabitem:has(#panel-tokens) .guide")
    steps = guide("tokens").step
    for index, step in enumerate(steps):
        expect(strip.locator(".guide-question")).to_have_text(step.question, use_inner_text=True)
        strip.locator(".guide-do").click()
        given = step.do.cut.model_dump(exclude_none=True)
        asked |= {name: given[name] for name in ("example", "left", "right") if name in given}
        told = tab.happened([index, asked])["text"]
        expect(strip.locator(".guide-words")).to_have_text(told, timeout=30_000)
        if index + 1 < len(steps):
            strip.locator(".guide-place + button").click()
    assert strip.locator(".guide-place + button").is_disabled()


def test_a_phone_shows_all_without_scrolling_sideways(server, new_context):
    page = new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(server.url + "/?tab=tokens&player=encode")
    page.locator(".pieces .piece").first.wait_for()
    page.locator(".merge-token").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("[data-mode=unigram]").click()
    page.locator(".lattice-piece").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
