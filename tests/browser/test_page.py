"""The page as a whole: reloads, several windows and runs, sizes, colours, links, the visitor's own text."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from lm import corpora
from lm.ladder import RUNGS
from playground import components
from playground.services import SHIPPED
from tests.browser.conftest import ROOT, TINY, query_for
from tests.browser.tab import Tab

# Its scripts


def modules_asked_for(page, visit) -> list[str]:
    """The addresses of our modules that the page asks the server for during `visit()`."""
    asked: list[str] = []

    def note(request) -> None:
        if "/components/" in request.url:
            asked.append(request.url)

    page.on("request", note)
    visit()
    page.remove_listener("request", note)
    return asked


def test_every_module_is_loaded_once_in_its_version(decoder, open_tab):
    """Two copies of a module would be two feeds of a run; one without a version could be an old one."""
    tab = open_tab(decoder)
    asked = modules_asked_for(tab.page, lambda: (tab.page.reload(), tab.ready().wait_for_points(1)))
    assert len(asked) == len(set(asked)) == len(components.MODULES)
    assert {address.rpartition("/")[2] for address in asked} == {
        components._address(path).rpartition("/")[2] for path in components.MODULES
    }


@pytest.mark.slow
def test_the_page_at_rest_asks_for_no_frames_of_its_own(decoder, open_tab):
    """It stands on the machine of somebody who wants to train. Gradio's loading message does ask for frames."""
    tab = open_tab(decoder)
    tab.page.add_init_script(
        "window.asked = 0; const frame = window.requestAnimationFrame;"
        "window.requestAnimationFrame = (draw) => {"
        " if (new Error().stack.includes('/components/')) asked++; return frame(draw); };"
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


# Reloads, windows, several runs


def test_a_reload_in_the_middle_goes_on_with_the_run_and_its_settings(decoder, open_tab):
    tab = open_tab(decoder).train().reaches("running").until("record.step > 5")
    token, reached = tab.token, tab.step
    tab.page.goto(urlsplit(tab.page.url)._replace(query="").geturl())
    tab.select().until(f"record.run === '{token}' && record.step >= {reached}")
    assert tab.get("record.status") == "running"
    assert tab.get("record.train.step[0]") <= 3  # from its beginning
    assert [tab.value(name) for name in ("n_embd", "n_layer", "steps")] == ["16", "2", "10000"]
    tab.wait_for_points(reached // 3)
    tab.until(f"record.step > {reached}").press("stop").reaches("stopped")


def test_two_windows_watch_and_steer_the_same_run(decoder, open_tab):
    first = open_tab(decoder).train().reaches("running")
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


# Buttons


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
    tab.page.wait_for_selector(f"#notice-{tab.key}")
    assert tab.notice() == "The server does not answer. Try again in a moment."
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
    assert "stale" not in tab.panel.get_attribute("class").split()
    tab.press("stop").reaches("stopped")


def test_the_chart_changes_its_axes_and_gives_its_points_away(decoder, open_tab):
    tab = open_tab(decoder, steps=100).train().reaches("finished").wait_for_points(100)
    card = tab.panel.locator(".loss-card")
    for name in ("tokens", "seconds", "step", "log x", "log y"):
        card.get_by_role("button", name=name, exact=True).click()
        assert tab.points() == 100
    with tab.page.expect_download() as download:
        save(card, "CSV")
    settings, head, *lines = download.value.path().read_text().splitlines()
    assert "n_embd=16" in settings and head == "step,tokens,seconds,training,smoothed,validation"
    assert [line.split(",")[0] for line in lines] == [str(n) for n in range(1, 101)]


def save(card, kind):
    """Choose from the menu of the card's chart."""
    card.locator(".figure-files summary").first.click()
    card.locator(".figure-files").first.get_by_role("button", name=kind, exact=True).click()


def test_a_chart_is_saved_as_a_picture_with_its_background_also_in_the_dark(decoder, open_tab):
    tab = open_tab(decoder, plain=True)
    tab.page.get_by_label("Dark or light").click()
    card = tab.panel.locator(".loss-card")
    with tab.page.expect_download() as download:
        save(card, "SVG")
    assert download.value.suggested_filename == f"{decoder.name}-loss.svg"
    picture = download.value.path().read_text()
    shown = tab.page.evaluate(
        "() => getComputedStyle(document.body).getPropertyValue('--chart-card').trim()"
    )
    rgb = ", ".join(str(int(shown[i : i + 2], 16)) for i in (1, 3, 5))
    assert f"fill: rgb({rgb})" in picture and "validation" in picture
    with tab.page.expect_download() as download:
        save(card, "PNG")
    assert download.value.path().read_bytes()[:4] == b"\x89PNG"


# Settings


def test_settings_that_cannot_work_say_so_before_and_after_train(decoder, open_tab):
    """Whatever is typed stays in its box and starts nothing; Gradio would draw it to the slider's end."""
    tab = open_tab(decoder)
    token = tab.token
    for typed, said in (
        ("99999", "from 4 to 1,024, not 99999."),
        ("-4", "from 4 to 1,024, not -4."),
        ("16.5", "must be a whole number"),
        ("", "Embedding size is empty or no number"),
        (
            "1e999",
            "Embedding size is empty or no number",
        ),  # key after key, also "1e", "1e9", "1e99"
        ("20", "cannot share"),
    ):
        if typed == "20":
            tab.set("n_head", 3)
        tab.type("n_embd", typed)
        tab.page.locator(f"#estimate-{decoder.name}", has_text=said).first.wait_for()
        tab.press("train")
        tab.page.locator(f"#notice-{decoder.name}", has_text=said).wait_for()
        assert tab.token == token
        assert typed == "1e999" or tab.value("n_embd") == typed
    assert "choose 1, 2, 4, 5, 10" in tab.notice()
    tab.set("n_head", 2).train().reaches("running")
    tab.page.locator(f"#notice-{decoder.name}").wait_for(state="hidden")
    tab.press("stop").reaches("stopped")


def test_sliders_can_be_dragged_to_round_values_and_arrows_keep_to_them(decoder, open_tab):
    tab = open_tab(decoder)
    for name, value, step in (("steps", 3000, 20), ("evaluate_every", 150, 10)):
        if name == "evaluate_every":
            tab.panel.locator(".controls .label-wrap", has_text=re.compile("^\\s*Run")).click()
        assert tab.drag(name, value).value(name) == str(value)
        tab.panel.locator(f"#{decoder.name}-{name} input[type=range]").press("ArrowRight")
        assert tab.value(name) == str(value + step)


def test_a_link_brings_its_settings_and_share_gives_them_back(decoder, open_tab, new_context):
    context = new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = open_tab(decoder, within=context, n_embd=48, n_head=3, learning_rate=0.002)
    assert [tab.value(name) for name in ("n_embd", "n_head", "n_layer")] == ["48", "3", "2"]
    assert tab.panel.locator(f"#{decoder.name}-learning_rate input").input_value() == "0.002"
    tab.page.locator(f"#estimate-{decoder.name}", has_text="10,000 steps").first.wait_for()
    tab.page.wait_for_timeout(300)
    tab.page.get_by_role("button", name="Share").click()
    tab.page.get_by_role("button", name="Copied").wait_for()
    link = tab.page.evaluate("() => navigator.clipboard.readText()")
    query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert query["model"] == decoder.name
    assert (query["n_embd"], query["n_head"], query["learning_rate"]) == ("48", "3", "0.002")
    tab.train().reaches("running").press("stop").reaches("stopped")  # also with a rate of its own


def test_a_recipe_moves_the_controls_and_a_changed_control_leaves_it(decoder, open_tab):
    tab = open_tab(decoder, plain=True)
    recipe = tab.page.locator(f"#recipe-{decoder.name} input")
    before = tab.estimate()
    recipe.click()
    tab.page.get_by_role("option", name="speedrun", exact=True).click()
    tab.estimate_changes(before)
    wanted = decoder.plan("speedrun")
    assert tab.value("n_layer") == str(wanted.model.n_layer)
    assert tab.value("steps") == str(wanted.steps)
    assert recipe.input_value() == "speedrun"
    tab.until("record.run === null || tab.stale")
    before = tab.estimate()
    tab.set("n_layer", wanted.model.n_layer + 1).estimate_changes(before)
    tab.page.wait_for_function(
        "(id) => document.querySelector(id).value !== 'speedrun'",
        arg=f"#recipe-{decoder.name} input",
    )


def test_a_link_with_nonsense_opens_with_the_defaults_and_says_so(decoder, open_tab):
    tab = open_tab(decoder, n_embd="nan", n_head="<b>many</b>")
    tab.page.locator(f"#notice-{decoder.name}", has_text="cannot be used").wait_for()
    assert tab.value("n_embd") == str(decoder.config().n_embd)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("model=unknown&guide=nonsense&present=maybe", "there is no model 'unknown'; present is"),
        ("model=bigram&guide=bigram&step=99&show=nonsense", "has no step 'bigram'"),
        ("model=bigram&model=ngram&steps=abc&n_embd=-3", "model more than once"),
        (f"model=bigram&guide={'x' * 5000}&show=" + "chart," * 900, "has no step 'xxx"),
    ],
)
def test_a_link_that_asks_for_what_there_is_not_says_so_and_the_page_works(
    query, said, server, context
):
    page = context.new_page()
    page.goto(f"{server.url}/?{query}")
    page.locator("#notice-link", has_text=said).wait_for()
    tab = Tab(page, RUNGS["bigram"])
    if "model=bigram" not in query:
        tab.select()
    tab.ready().reaches("finished")
    if "steps=abc" in query:
        page.locator("#notice-bigram", has_text="cannot be used").wait_for()
        assert tab.value("steps") == str(RUNGS["bigram"].plan().steps)


def test_the_ladder_tells_the_best_loss_of_every_rung_at_once(server, context):
    page = context.new_page()
    page.goto(server.url)
    for name in RUNGS:
        button = page.locator(f"#rung-{name}-button")
        button.wait_for()
        if (SHIPPED / name / "run.json").exists():
            page.wait_for_function(
                "(id) => /^\\d\\.\\d\\d$/.test(document.getElementById(id).dataset.note ?? '')",
                arg=f"rung-{name}-button",
            )


# Text that is typed or written


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
    done = tab.panel.locator(".written:not(.writes) .made").nth(299)
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
def test_the_plays_can_be_chosen_and_show_their_floor(decoder, open_tab):
    tab = open_tab(decoder, steps=100)
    tab.page.locator("#corpus input").click()
    tab.page.get_by_role("option", name="Synthetic plays").click()
    alphabet = len(set(corpora.load("synthetic_plays").text))
    tab.page.locator("#facts", has_text=f"{alphabet} characters").first.wait_for()
    for name in RUNGS:  # their losses are of Tiny Shakespeare
        tab.page.wait_for_selector(
            f'#rung-{name}-button:is([data-note=""], :not([data-note]))', state="attached"
        )
    tab.train().reaches("finished")
    tab.panel.locator(".loss-card .annotation-text", has_text="floor").first.wait_for()
    assert float(tab.note()) == pytest.approx(tab.get("record.best"), abs=0.006)


def test_the_estimate_says_whose_it_is_while_a_run_trains(decoder, open_tab):
    tab = open_tab(decoder).train().reaches("running")
    box = tab.page.locator(f"#estimate-{decoder.name}")
    box.filter(has_text="This run: ").wait_for()
    tab.set("n_embd", 32).differs("Embedding size")
    box.filter(has_text="Chosen: ").wait_for()
    tab.press("stop").reaches("stopped")
    box.filter(has_not_text="Chosen: ").wait_for()


# How it looks


def test_dark_and_light_turn_the_page_and_the_chart_and_are_remembered(decoder, open_tab):
    tab = open_tab(decoder)
    page = tab.page

    def colours() -> list[str]:
        return page.evaluate(
            "(key) => [getComputedStyle(document.body).backgroundColor,"
            " getComputedStyle(document.querySelector(`#panel-${key} .card`)).backgroundColor,"
            " document.querySelector(`#panel-${key} .plot`).layout.font.color]",
            decoder.name,
        )

    light = colours()
    page.get_by_label("Dark or light").click()
    page.wait_for_function("() => document.body.classList.contains('dark')")
    page.wait_for_function(
        "([key, old]) => document.querySelector(`#panel-${key} .plot`).layout.font.color !== old",
        arg=[decoder.name, light[2]],
    )
    dark = colours()
    assert all(a != b for a, b in zip(light, dark, strict=True))
    page.reload()
    tab.ready()
    assert page.evaluate("() => document.body.classList.contains('dark')")
