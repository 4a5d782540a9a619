"""Tokens in the header: chosen, told in the link, trained on by a tab, and refused without a trace."""

import pytest
from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.browser.test_link import settled
from tests.browser.test_texts import choose_own_text

TEXT = "She sells sea shells by the sea shore, and the shells she sells are sea shells. 日本\n" * 40


def menus_show(page, kind: str, size: str | None) -> None:
    """Wait until the menus of tokens and vocabulary show these; None: the second is not there."""
    expect(page.locator("#tokens input")).to_have_value(kind)
    if size is None:
        expect(page.locator("#vocabulary input")).to_be_hidden()
    else:
        expect(page.locator("#vocabulary input")).to_have_value(size)


def choose(page, menu: str, option: str) -> None:
    page.locator(f"#{menu} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def pieces(page, size: int) -> None:
    """Wait until the header tells so many pieces."""
    page.locator("#facts", has_text=f"{size} pieces · ").wait_for()


def test_a_link_with_tokens_opens_and_trains_on_them(server, decoder, open_tab, new_context):
    """And whoever opens the address of that page afresh has the same tokens, and the same settings."""
    first = open_tab(decoder, tokens="bpe:300", text="synthetic_plays", steps=30)
    page = first.page
    pieces(page, 300)
    menus_show(page, "BPE", "300")
    page.locator("#estimate-decoder_transformer", has_text="sees 16 tokens, about").wait_for()
    first.train().reaches("finished").differs()
    told = settled(page, lambda query: query.get("tokens") == "bpe:300")
    assert not {"tokenizer", "vocab_size"} & told.keys()

    second = new_context().new_page()
    second.goto(page.url)
    other = Tab(second, decoder).ready()
    pieces(second, 300)
    menus_show(second, "BPE", "300")
    other.until("record.best !== null").differs()
    assert other.get("record.best") == first.get("record.best")
    second.goto(server.url)  # the browser remembers them, too
    pieces(second, 300)
    choose(second, "tokens", "characters")
    second.locator("#facts", has_text=" characters · ").wait_for()
    menus_show(second, "characters", None)


@pytest.mark.slow
def test_refused_tokens_leave_menu_address_and_run_as_they_were(decoder, open_tab):
    """Issue 12, row 36. Of another text, pieces that it does not have become characters, with a sentence."""
    tab = open_tab(decoder, tokens="unigram:300", text="synthetic_plays", steps=30)
    page = tab.page
    pieces(page, 300)
    box = page.locator("#vocabulary input")
    for typed, said in (
        ("9000", "from 257 to 8,192 pieces, not 9000"),
        ("many", "not 'many'"),
    ):
        box.fill(typed)
        box.press("Enter")
        page.locator("#notice-page", has_text=said).wait_for()
        page.wait_for_function("() => document.querySelector('#vocabulary input').value === '300'")
        pieces(page, 300)
        menus_show(page, "Unigram", "300")
    box.fill("280")
    box.press("Enter")
    pieces(page, 280)
    page.locator("#notice-page").wait_for(state="hidden")
    settled(page, lambda query: query.get("tokens") == "unigram:280")
    tab.until("tab.chosen.values.includes(280)")
    choose_own_text(page)
    page.locator("#own-text-box textarea").fill(TEXT)
    page.locator("#own-text-use").click()
    page.locator("#notice-page", has_text="The tokens are characters now.").wait_for()
    menus_show(page, "characters", None)
    settled(page, lambda query: "tokens" not in query)
    tab.until("tab.chosen.values.includes('characters')")
