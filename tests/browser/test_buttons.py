"""Buttons, pressed twice, in the wrong order and while the server is silent; the menu of a chart."""

import json
import re
from pathlib import Path


def test_buttons_twice_and_in_the_wrong_order_do_no_harm(decoder, open_tab):
    tab = open_tab(decoder)
    for name in ("stop", "pause", "resume"):  # there is nothing yet that they could mean
        tab.force(name).force(name)
    tab.force("step").until("record.status === 'paused' && record.step === 1")
    tab.force("resume").force("resume").force("resume").reaches("running")
    tab.force("pause").force("pause").force("step").reaches("paused")
    tab.force("reset").force("reset")
    tab.until("record.status === 'paused' && record.step === 0")
    tab.force("resume").reaches("running").force("stop").force("stop").reaches("stopped")
    tab.force("pause").force("resume")
    tab.panel.locator(f"#train-{decoder.name}").dblclick()
    tab.reaches("running").until("record.step > 2").press("stop").reaches("stopped")


def test_an_order_that_got_lost_is_given_again(decoder, open_tab):
    """Also when the page stops waiting for it; a later order takes its place."""
    tab = open_tab(decoder).train().reaches("running")
    lost: list[str] = []

    def lose(route) -> None:
        lost.append(route.request.post_data_json["fn_name"])
        route.fulfill(json=None)

    tab.page.route(re.compile("component_server"), lose)
    tab.press("pause").until("tab.connected === false")
    assert "order" in lost
    tab.page.unroute(re.compile("component_server"))
    tab.reaches("paused")
    tab.press("resume").reaches("running").press("stop").reaches("stopped")


def test_a_server_that_does_not_answer_train_is_one_sentence_and_nothing_is_lost(open_tab, decoder):
    tab = open_tab(decoder)
    shown = tab.token
    tab.page.route(re.compile("component_server"), lambda route: route.fulfill(json=None))
    tab.press("train")
    said = "The server does not answer. Try again in a moment."
    tab.page.locator(f"#notice-{tab.key}", has_text=said).wait_for()
    assert tab.token == shown
    tab.page.unroute(re.compile("component_server"))
    tab.train().reaches("running")
    tab.page.wait_for_selector(f"#notice-{tab.key}", state="detached")


def test_a_double_click_on_train_begins_one_run_and_leaves_it_running(open_tab, decoder):
    tab = open_tab(decoder, steps=10000)
    button = tab.page.locator(f"#train-{tab.key}").bounding_box()
    middle = button["x"] + button["width"] / 2, button["y"] + button["height"] / 2
    tab.page.mouse.click(*middle)
    tab.page.locator(f"#pause-{tab.key}").wait_for(state="visible")
    tab.page.mouse.down(click_count=2)
    tab.page.mouse.up(click_count=2)
    tab.reaches("running").until("record.step > 3")


def test_runs_of_other_tabs_are_kept_alive_through_the_page(open_tab, decoder):
    tab = open_tab(decoder)
    with tab.page.expect_request(lambda request: "keep_alive" in (request.post_data or "")) as sent:
        tab.page.evaluate("Playground.keepAlive([null, 'shipped:bigram', 'a-run'])")
    assert json.loads(sent.value.post_data)["data"] == ["a-run"]


def test_a_learning_rate_changed_on_the_way_is_marked(decoder, open_tab):
    tab = open_tab(decoder, learning_rate=0.001).train().reaches("running")
    tab.choose("learning_rate", "0.0003")
    tab.until("record.events.some((e) => e.type === 'learning_rate')")
    assert tab.get("record.status") == "running"
    assert tab.get("record.events.find((e) => e.type === 'learning_rate').learning_rate") == 0.0003
    tab.panel.locator(".loss-card .annotation-text", has_text="rate 0.0003").first.wait_for()
    tab.differs()
    tab.press("stop").reaches("stopped")


def test_a_refused_learning_rate_is_repeated_as_it_was_typed(decoder, open_tab):
    """The notice was Markdown, in which "<b>" is markup: the page left out a part of what it refused."""
    tab = open_tab(decoder, steps=10000).train().reaches("running")
    box = tab.panel.locator(f"#{tab.key}-learning_rate input")
    box.fill("<b>*fast*</b>")
    box.press("Enter")
    tab.page.locator(f"#notice-{tab.key}", has_text="not '<b>*fast*</b>'.").wait_for()


def test_the_chart_changes_its_axes_and_is_saved(decoder, open_tab):
    """As its points, and as a picture with its background, also in the dark."""
    tab = open_tab(decoder, steps=100).train().reaches("finished").wait_for_points(100)
    card = tab.panel.locator(".loss-card")
    for name in ("tokens", "seconds", "step", "log x", "log y"):
        card.get_by_role("button", name=name, exact=True).click()
        assert tab.points() == 100
    settings, head, *lines = saved(card, "CSV").read_text().splitlines()
    assert "n_embd=16" in settings and head == "step,tokens,seconds,training,smoothed,validation"
    assert [line.split(",")[0] for line in lines] == [str(n) for n in range(1, 101)]
    tab.page.get_by_label("Dark or light").click()
    tab.page.wait_for_function("() => document.body.classList.contains('dark')")
    picture = saved(card, "SVG").read_text()
    shown = tab.page.evaluate(
        "() => getComputedStyle(document.body).getPropertyValue('--chart-card').trim()"
    )
    rgb = ", ".join(str(int(shown[i : i + 2], 16)) for i in (1, 3, 5))
    assert f"fill: rgb({rgb})" in picture and "validation" in picture
    assert saved(card, "PNG").read_bytes()[:4] == b"\x89PNG"


def saved(card, kind: str) -> Path:
    """The file that an entry of the menu of the card's chart gives."""
    with card.page.expect_download() as download:
        card.locator(".figure-files summary").first.click()
        card.locator(".figure-files").first.get_by_role("button", name=kind, exact=True).click()
    assert download.value.suggested_filename == f"decoder_transformer-loss.{kind.lower()}"
    return download.value.path()
