"""What every rung's tab must do, on each of them."""

from pathlib import Path

import pytest

from playground.looking import has_attention
from playground.services import SHIPPED


def test_a_tab_opens_with_something_to_see(rung, open_tab):
    tab = open_tab(rung, plain=True)
    assert tab.panel.locator(".loss-card .plot .main-svg").first.is_visible()
    if not (SHIPPED / rung.name / "run.json").exists():
        tab.page.get_by_text("nothing trained yet: press Train").first.wait_for()
        return
    tab.reaches("finished", "stopped").wait_for_points(10)
    tab.panel.locator(".diary-row").first.wait_for()
    tab.panel.locator(".attention-card .plot .main-svg").first.wait_for()
    assert tab.panel.locator(".loss-card .figure-words").inner_text()
    assert float(tab.note()) == pytest.approx(tab.get("record.best"), abs=0.006)


def test_the_lesson_has_its_formulas_and_its_source(rung, open_tab):
    tab = open_tab(rung)
    lesson = tab.page.locator(".lesson:visible")
    for title in lesson.locator("button.label-wrap").all():
        if "open" not in (title.get_attribute("class") or "").split():
            title.click()
    lesson.locator(".katex").first.wait_for()
    assert lesson.locator(".katex-error").count() == 0
    text = lesson.inner_text()
    assert "$$" not in text and "\\frac" not in lesson.locator("p").first.inner_text()
    source = lesson.locator(".cm-content").first
    source.wait_for()
    own = Path(__import__(rung.config.__module__, fromlist=["_"]).__file__).read_text()
    first_line = own.split("\n")[0]
    assert first_line in source.inner_text()


def test_train_pause_step_resume_and_stop(rung, open_tab):
    tab = open_tab(rung).train().reaches("running")
    tab.wait_for_points(2)
    seen = tab.points()
    tab.wait_for_points(seen + 1)  # they keep coming, appended
    tab.press("pause").reaches("paused")
    tab.page.wait_for_timeout(500)
    held = tab.step
    for n in (1, 2):
        tab.press("step").until(f"record.step === {held + n}")
        tab.page.wait_for_timeout(400)
        assert (tab.step, tab.get("record.status")) == (held + n, "paused")
    tab.press("resume").reaches("running").until(f"record.step > {held + 2}")
    tab.press("stop").reaches("stopped")
    stopped = tab.step
    tab.page.wait_for_timeout(400)
    assert tab.step == stopped
    assert tab.get("record.train.step.length") > 1


def test_a_changed_setting_makes_stale_and_reset_begins_anew(rung, open_tab):
    tab = open_tab(rung)
    before = tab.estimate()
    tab.set("n_embd", 32).estimate_changes(before)
    if tab.token:
        tab.panel.locator(".strip-hint", has_text="Settings changed").wait_for()
        assert "stale" in tab.panel.get_attribute("class").split()
    old = tab.token
    tab.press("reset").until(f"record.run && record.run !== {old!r}".replace("None", "null"))
    tab.reaches("paused").until("record.events.some((e) => e.type === 'sample')")
    assert tab.step == 0
    assert "stale" not in tab.panel.get_attribute("class").split()
    tab.panel.locator(".diary-row", has_text="step 0").wait_for()
    seed = tab.value("seed") if tab.panel.locator(f"#{rung.name}-seed").count() else None
    tab.press("seed")
    tab.panel.locator(".strip-hint", has_text="Settings changed").wait_for()
    if seed:
        assert tab.value("seed") != seed
    tab.press("resume").reaches("running").until("record.step > 3")
    tab.press("stop").reaches("stopped")


def test_look_inside_and_let_it_write(rung, open_tab):
    tab = open_tab(rung, steps=200).train().reaches("finished")
    tab.until("record.events.some((e) => e.type === 'evaluation' && e.step === 200)")
    card = tab.panel.locator(".attention-card")
    card.locator(".plot .main-svg").first.wait_for()
    tab.page.wait_for_function(
        "(key) => document.querySelector(`#panel-${key} .snapshot-step`).innerText === '200'",
        arg=rung.name,
    )
    words = card.locator(".figure-words")
    if has_attention(rung):
        heads = card.locator(".thumb")
        if heads.count() > 1:
            heads.nth(1).click()
            tab.page.wait_for_function(
                "(key) => document.querySelector(`#panel-${key} .attention-card .figure-words`)"
                ".innerText.startsWith('Head 2')",
                arg=rung.name,
            )
        layers = card.locator(".pill-button")
        if layers.count() > 1:
            layers.nth(1).click()
            assert layers.nth(1).get_attribute("aria-pressed") == "true"
        card.locator(".text-input").fill("The king!")
        tab.page.wait_for_function(
            "(key) => document.querySelectorAll(`#panel-${key} .token`).length === 9", arg=rung.name
        )
    assert words.inner_text()
    slider = card.locator(".snapshot-slider")
    slider.focus()
    slider.press("Home")
    tab.page.wait_for_function(
        "(key) => document.querySelector(`#panel-${key} .snapshot-step`).innerText === '0'",
        arg=rung.name,
    )
    tab.panel.locator(f"#prompt-{rung.name} input, #prompt-{rung.name} textarea").fill("KING:")
    tab.press("sample")
    tab.page.wait_for_function(
        "(key) => document.querySelectorAll(`#panel-${key} .written .made`).length === 300"
        " && !document.querySelector(`#panel-${key} .written.writes`)",
        arg=rung.name,
    )
    assert tab.panel.locator(".written .prompt-text").inner_text() == "KING:"
