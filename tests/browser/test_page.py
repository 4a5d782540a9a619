"""The page as a whole: its scripts, a frame without storage, reloads, several windows and runs, its colours."""

import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from lm.ladder import RUNGS
from playground.components import files
from tests.browser.conftest import ROOT, TINY, query_for
from tests.browser.tab import Tab

COLOURS = """(key) => [getComputedStyle(document.body).backgroundColor,
    getComputedStyle(document.querySelector(`#panel-${key} .card`)).backgroundColor,
    document.querySelector(`#panel-${key} .plot`).layout.font.color]"""

# Its scripts


def test_a_page_loads_its_modules_once_and_remembers_dark_or_light(server, decoder, open_tab):
    """Two copies would be two feeds of a run; one without a version could be an old one."""
    tab = open_tab(decoder)
    dark_and_light_turn_the_page_and_the_chart(tab)
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.page.reload()
    tab.ready().wait_for_points(1)
    ours = [url for url in asked if files.SCRIPT_ADDRESS in url or "/components/" in url]
    (address,) = ours
    mapped = tab.page.locator("script[type=importmap]").text_content() or ""
    assert re.search(r"\?v=[0-9a-f]{12}$", address) and f".{address[len(server.url) :]}" in mapped
    assert tab.page.evaluate("() => document.body.classList.contains('dark')")


def dark_and_light_turn_the_page_and_the_chart(tab: Tab) -> None:
    page = tab.wait_for_points(1).page
    light = page.evaluate(f"() => ({COLOURS})({tab.key!r})")
    page.get_by_label("Dark or light").click()
    page.wait_for_function("() => document.body.classList.contains('dark')")
    page.wait_for_function(
        f"([key, light]) => ({COLOURS})(key).every((colour, index) => colour !== light[index])",
        arg=[tab.key, light],
    )


@pytest.mark.slow
def test_the_page_at_rest_asks_for_no_frames_of_its_own(decoder, open_tab):
    """It stands on the machine of somebody who wants to train. Gradio's loading message does ask for frames."""
    tab = open_tab(decoder)
    tab.page.add_init_script(
        "window.asked = 0; const frame = window.requestAnimationFrame;"
        "window.requestAnimationFrame = (draw) => {"
        " if (new Error().stack.includes('/playground.js')) asked++; return frame(draw); };"
    )
    tab.page.reload()
    tab.ready().wait_for_points(1)
    assert tab.page.evaluate("() => asked") > 0  # the chart was drawn
    counts = []
    while not counts or (counts[-1] and len(counts) < 6):  # until all is drawn
        before = tab.page.evaluate("() => asked")
        tab.page.wait_for_timeout(3000)
        counts.append(tab.page.evaluate("() => asked") - before)
    assert counts[-1] == 0


REFUSE_STORAGE = """
    for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, {
        configurable: true, get() { throw new DOMException("refused", "SecurityError"); },
    });
"""


def test_a_page_in_a_frame_whose_storage_is_refused_works_and_forgets(decoder, server, new_context):
    """As a course embeds it, read in a browser that blocks the storage and the clipboard of other sites."""
    context = new_context(permissions=[])
    context.add_init_script(REFUSE_STORAGE)
    page = context.new_page()
    address = server.url + query_for(decoder, steps=20)
    page.set_content(
        f'<iframe src="{address}" width=1366 height=760 sandbox="allow-scripts allow-same-origin">'
    )
    page.wait_for_function("() => window.length === 1")
    frame = page.frames[-1]
    tab = Tab(frame, decoder).ready()
    tab.train().reaches("finished")
    frame.get_by_role("button", name="Share").click()
    link = frame.locator(".share-link")
    link.wait_for(state="visible")
    assert link.input_value().startswith(server.url)
    frame.get_by_label("Dark or light").click()
    frame.wait_for_function("() => document.body.classList.contains('dark')")


def test_a_frame_without_an_origin_says_what_it_lacks(browser, server):
    """The browser refuses it every module, and it said "Loading…" for ever."""
    context = browser.new_context()  # unwatched: the refusals are errors in its console
    page = context.new_page()
    page.set_content(f'<iframe src="{server.url}/?model=bigram" sandbox="allow-scripts">')
    said = page.frame_locator("iframe").get_by_role("alert")
    said.filter(has_text="lacks allow-same-origin").wait_for()
    assert said.get_by_role("link").get_attribute("href") == f"{server.url}/?model=bigram"
    context.close()


# Reloads, windows, several runs


def test_a_reload_and_a_second_window_go_on_with_the_run(decoder, open_tab):
    tab = open_tab(decoder).train().reaches("running").until("record.step > 5")
    a_reload_in_the_middle_goes_on_with_the_run_and_its_settings(tab)
    two_windows_watch_and_steer_the_same_run(tab, open_tab)


def a_reload_in_the_middle_goes_on_with_the_run_and_its_settings(tab: Tab) -> None:
    token, reached = tab.token, tab.step
    tab.page.goto(urlsplit(tab.page.url)._replace(query="").geturl())
    tab.select().until(f"record.run === '{token}' && record.step >= {reached}")
    assert tab.get("record.status") == "running"
    assert tab.get("record.train.step[0]") <= 3  # from its beginning
    assert [tab.value(name) for name in ("n_embd", "n_layer", "steps")] == ["16", "2", "10000"]
    tab.wait_for_points(reached // 3)
    tab.until(f"record.step > {reached}")


def two_windows_watch_and_steer_the_same_run(first: Tab, open_tab) -> None:
    decoder = first.rung
    second = open_tab(decoder, plain=True)  # the same visitor: the same storage
    second.until(f"record.run === '{first.token}'").reaches("running").wait_for_points(2)
    second.press("pause").reaches("paused")
    held = second.step
    first.page.bring_to_front()
    first.reaches("paused").press("step").until(f"record.step === {held + 1}")
    second.page.bring_to_front()
    second.until(f"record.step === {held + 1}")
    first.page.close()
    second.press("resume").reaches("running").until(f"record.step > {held + 1}")
    second.press("stop").reaches("stopped")
    assert len(set(second.get("Object.values(record.train).map((c) => c.length)"))) == 1


@pytest.mark.slow
def test_two_models_train_at_once_and_the_page_still_answers(decoder, open_tab):
    first = open_tab(decoder).train().reaches("running")
    second = first.beside(RUNGS["bigram"]).select()
    second.set("steps", 10000).set("context_length", 16).train().reaches("running")
    second.until("record.step > 5")
    first.until(f"record.step > {first.step}")  # it goes on out of sight
    assert [tab.note().split(" ")[0] for tab in (first, second)] == ["training"] * 2
    before = second.estimate()
    second.set("n_embd", 64).estimate_changes(before)
    second.press("stop").reaches("stopped")
    first.select().wait_for_points(3)
    first.press("stop").reaches("stopped")


@pytest.fixture
def trainer(server, decoder) -> Iterator[subprocess.Popen]:
    """A process of its own, `python -m lm train`, that trains a run in the page's runs folder."""
    flags = {name: value for name, value in TINY.items() if name in decoder.settings()}
    flags |= {"steps": 1_000_000, "corpus": "synthetic_plays", "out": server.runs / "elsewhere"}
    command = [sys.executable, "-m", "lm", "train", decoder.name]
    for name, value in flags.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        yield process
        process.terminate()


def test_a_run_of_another_process_is_watched_but_not_steered(trainer, decoder, server, open_tab):
    """Its chart is live; Train, not Pause and Stop, which would do nothing, is there for a run of one's own."""
    tab = open_tab(decoder)
    metrics = server.runs / "elsewhere" / "metrics.jsonl"
    while not (metrics.exists() and b'"step"' in metrics.read_bytes()):
        assert trainer.poll() is None
        tab.page.wait_for_timeout(100)
    tab.panel.locator(".label-wrap", has_text="Earlier runs").click()
    tab.panel.locator(f"#saved-{decoder.name} input").click()
    tab.page.get_by_role("option", name="steps so far").click()
    tab.until("record.run === 'local:elsewhere'").reaches("running")
    tab.until(f"record.step > {tab.step}")
    tab.panel.get_by_text("another process trains this run").wait_for()
    assert not tab.page.locator(f"#pause-{tab.key}").is_visible()
    tab.force("stop").force("pause").train().reaches("running")
    tab.panel.locator(f"#pause-{tab.key}").wait_for(state="visible")
    assert trainer.poll() is None
    tab.press("stop").reaches("stopped")
