"""Texts: typed as a prompt, written by a model, chosen from the menu, and the visitor's own."""

import re

import pytest

from lm import corpora
from lm.ladder import RUNGS, text_models


@pytest.mark.slow
def test_a_second_sample_takes_the_place_of_the_first(decoder, open_tab):
    """Two answers in one pane would alternate: the first is still being written when the second is wanted."""
    tab = open_tab(decoder, steps=20).train().reaches("finished")
    tab.page.evaluate(
        """(key) => {
            window.seen = [];
            const pane = document.querySelector(`#panel-${key} .written`);
            new MutationObserver(() => {
                const prompt = pane.querySelector(".prompt-text")?.textContent;
                if (prompt !== seen.at(-1)) seen.push(prompt);
            }).observe(pane, { childList: true });
        }""",
        decoder.name,
    )
    tab.set("sample-max_new_tokens", 600)
    tab.prompt("first").press("sample")
    tab.panel.locator(".prompt-text", has_text="first").wait_for()
    tab.prompt("second").press("sample")
    tab.panel.locator(".prompt-text", has_text="second").wait_for()
    tab.panel.locator(".written:not(.writes) .made").nth(599).wait_for(state="attached")
    assert tab.panel.locator(".written .made").count() == 600
    assert tab.page.evaluate("() => seen") == ["first", "second"]


def test_whatever_is_typed_is_continued_and_never_becomes_markup(decoder, open_tab):
    evil = "<img src=x onerror='window.hurt=1'>${window.hurt=2}{{window.hurt=3}}"
    tab = open_tab(decoder, steps=100).train().reaches("finished")
    tab.set("sample-max_new_tokens", 40)
    done = tab.panel.locator(".written:not(.writes) .made").nth(39)
    note = tab.panel.locator(".writing-block .figure-note")
    tab.panel.locator(".text-input").fill(evil)
    tab.prompt(evil).press("sample")
    done.wait_for(state="attached")
    tab.panel.locator(".attention-card .figure-note", has_text="Left out").wait_for()
    assert tab.page.evaluate("() => window.hurt") is None
    assert tab.panel.locator(".written img, .attention-card img").count() == 0
    long = "What news, my lord? The king is come again. " * 3
    tab.prompt(long).press("sample")
    tab.panel.locator(".prompt-text", has_text=long.strip()).wait_for()
    note.filter(has_text="last 16 tokens").wait_for()
    done.wait_for(state="attached")
    tab.prompt("").press("sample")
    tab.page.wait_for_function(
        "(key) => document.querySelector(`#panel-${key} .prompt-text`)?.textContent === ''",
        arg=decoder.name,
    )
    done.wait_for(state="attached")


# The visitor's own text


def choose_own_text(page) -> None:
    page.locator("#corpus input").click()
    page.get_by_role("option", name="Your own text …").click()
    page.locator("#own-text-box textarea").wait_for()


def test_an_own_text_is_checked_taken_remembered_and_learned_from(decoder, open_tab, tmp_path):
    tab = open_tab(decoder, steps=100)
    page = tab.page
    characters = page.locator("#facts", has_text=re.compile(r"\d+ characters")).first
    characters.wait_for()
    before = characters.inner_text()
    choose_own_text(page)
    menu = page.locator("#corpus input")
    in_use = menu.input_value()
    for bad, said in (("too short", "at least 1,200"), ("", "empty"), ("a" * 2000, "repeats one")):
        page.locator("#own-text-box textarea").fill(bad)
        page.locator("#own-text-use").click()
        page.locator("#notice-page", has_text=said).wait_for()
        assert characters.inner_text() == before
        assert menu.input_value() == in_use
    page.locator("#own-text-close").click()
    page.locator("#own-text-box").wait_for(state="hidden")
    page.locator("#notice-page").wait_for(state="hidden")
    choose_own_text(page)
    text = "She sells sea shells by the sea shore, 123.\n" * 50
    page.locator("#own-text-box textarea").fill(text)
    page.locator("#own-text-use").click()
    said = f"{len(set(text))} characters"
    page.locator("#facts", has_text=said).first.wait_for()
    page.locator("#notice-page").wait_for(state="hidden")
    page.locator("#own-text-box").wait_for(state="hidden")
    # Nothing is chosen in a menu that is left; Gradio calls that an input.
    nothing = re.compile(r'"data":\[null,')
    with page.expect_request(lambda request: bool(nothing.search(request.post_data or ""))):
        menu.focus()
        page.keyboard.press("Tab")
    tab.train().reaches("finished")
    assert tab.get("record.summary").startswith("Your own text")
    page.reload()
    page.locator("#facts", has_text=said).first.wait_for()
    tab.ready().until("tab.chosen !== null").differs()
    bigram = tab.beside(RUNGS["bigram"]).select()  # the text was chosen before it was opened
    bigram.until("record.run === null || tab.differing[0] === 'text'")
    tab.select()

    choose_own_text(page)
    upload = page.locator("#own-text input[type=file]")
    picture = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"\x89PNG\x00\xff" * 500}
    upload.set_input_files(files=[picture])
    page.locator("#notice-page", has_text="not UTF-8").wait_for()
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    for size in (5_400_000, 5_400_000, 50_000_000):  # Gradio refuses the last with words of its own
        large = tmp_path / f"{size}.txt"
        with large.open("wb") as file:
            file.truncate(size)
        upload.set_input_files(large)
        said = f"has {size / 1e6:.1f} MB; the page takes up to 4 MB"
        page.locator("#own-text .unsent", has_text=said).first.wait_for()
    assert not [url for url in sent if "/upload" in url]
    text = "Peter Piper picked a peck of pickled peppers.\n" * 50
    upload.set_input_files(files=[picture | {"buffer": text.encode()}])
    page.locator("#facts", has_text=f"{len(set(text))} characters").first.wait_for()
    tab.differs("text")


@pytest.mark.slow
def test_the_run_before_is_drawn_only_if_it_learned_the_same_text(open_tab):
    """Its losses mean something else, and the axes are those of the run shown."""
    roles = "() => document.querySelector('#panel-bigram .plot').data.map(({ meta }) => meta.role)"
    tab = open_tab(RUNGS["bigram"], steps=30)
    tab.train().reaches("finished")
    tab.page.locator("#corpus input").click()
    tab.page.get_by_role("option", name="Synthetic plays").click()
    tab.differs("text")
    tab.train().reaches("finished").wait_for_points(2)
    assert "previous" not in tab.page.evaluate(roles)
    assert tab.get("record.summary").startswith("Synthetic plays")
    tab.train().reaches("finished").wait_for_points(2)
    tab.page.wait_for_function(f"({roles})().includes('previous')")


@pytest.mark.slow
def test_the_plays_can_be_chosen_and_show_their_floor(decoder, open_tab):
    tab = open_tab(decoder, steps=100)
    tab.page.locator("#corpus input").click()
    tab.page.get_by_role("option", name="Synthetic plays").click()
    alphabet = len(set(corpora.load("synthetic_plays").text))
    tab.page.locator("#facts", has_text=f"{alphabet} characters").first.wait_for()
    for name in text_models():  # their losses are of Tiny Shakespeare
        tab.page.wait_for_selector(
            f'#rung-{name}-button:is([data-note=""], :not([data-note]))', state="attached"
        )
    tab.train().reaches("finished")
    tab.panel.locator(".loss-card .annotation-text", has_text="floor").first.wait_for()
    assert float(tab.note()) == pytest.approx(tab.get("record.best"), abs=0.006)
