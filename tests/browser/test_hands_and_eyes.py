"""The page for every hand and eye: axe-core, the keyboard, small and large screens; nothing moves or is cut."""

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile

import pytest
from playwright.sync_api import Page, expect

from lm.ladder import RUNGS
from tests.browser.conftest import LAPTOP
from tests.browser.tab import Tab

AXE = "4.14.1"  # its checksum is npm's, of the registry
INTEGRITY = (
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)
VIOLATIONS = """(within) => axe.run(within, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id, nodes }) =>
        id + nodes.map(({ html, any }) => ` | ${html.slice(0, 150)} ${any[0]?.message ?? ""}`).join("")))"""
CUT = """() => [...document.querySelectorAll("input[type=number], input[role=combobox], select")]
    .filter((node) => node.offsetParent && node.scrollWidth > node.clientWidth)
    .map((node) => `${node.ariaLabel} ${node.value}: ${node.scrollWidth} > ${node.clientWidth}`)"""
SIZES = {  # what a window of 1366 x 768 is at a zoom of 200 %: 683 x 384 CSS pixels
    "1280 x 720": (1280, 720),
    "200 %": (683, 384),
    "phone": (390, 844),
}


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    """The source of axe-core, by npm from its registry; without it only a machine that is no CI may skip."""
    folder = tmp_path_factory.mktemp("axe")
    command = ["npm", "pack", f"axe-core@{AXE}", "--pack-destination", str(folder)]
    done = None
    if shutil.which("npm"):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder)
    if done is None or done.returncode:
        sentence = f"axe-core cannot be fetched: {done.stderr if done else 'no npm on the PATH'}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    packed = (folder / f"axe-core-{AXE}.tgz").read_bytes()
    assert base64.b64encode(hashlib.sha512(packed).digest()).decode() == INTEGRITY
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.fixture
def page(server, context) -> Page:
    """The page, opened on Start."""
    page = context.new_page()
    page.goto(server.url)
    page.locator(".start-race").wait_for()
    return page


def tabs(page: Page) -> list[str]:
    """The ids of the tabs' buttons."""
    return page.eval_on_selector_all(".ladder [role=tab]", "(tabs) => tabs.map(({ id }) => id)")


def opened(page: Page, button: str) -> str:
    """Click a tab, wait until it is drawn, and give the selector of its panel."""
    page.locator(f"#{button}").click()
    key = button.removeprefix("rung-").removesuffix("-button")
    if key in RUNGS:
        Tab(page, RUNGS[key]).ready()
        page.locator(f"#panel-{key} .loss-card .main-svg").first.wait_for()
        page.locator(f"#panel-{key} .attention-view:not(.waiting)").wait_for()
    else:
        page.locator(".tabitem:visible .part:visible").first.wait_for()
    page.evaluate("() => window.scrollTo(0, 0)")
    return f"#panel-{key}"


def turn(page: Page, theme: str) -> None:
    """Make the page dark or light, and wait until no colour changes any more."""
    if page.evaluate("() => document.body.classList.contains('dark')") != (theme == "dark"):
        page.get_by_label("Dark or light").click()
    page.wait_for_function(
        "() => document.getAnimations().every(({ playState }) => playState !== 'running')"
    )


def violations(page: Page, within: str = "body") -> list[tuple[str, str]]:
    """Each serious or critical finding of axe-core on what is visible there now, light and dark."""
    found = []
    for theme in ("light", "dark"):
        turn(page, theme)
        found += [(theme, finding) for finding in page.evaluate(VIOLATIONS, within)]
    return found


@pytest.mark.slow
def test_axe_finds_nothing_serious_on_any_tab_in_light_or_dark(page, axe):
    """On one of them also with all settings, the code and each view of the model's inside in sight."""
    page.evaluate(axe)
    for button in tabs(page):
        panel = opened(page, button)
        assert violations(page) == [], button
        if button == "rung-tokens-button":
            for mode in ("apply learned merges", "Unigram"):
                page.get_by_role("button", name=mode, exact=True).click()
                page.locator(".merge-pairs tr.next:visible, .lattice-grid:visible").first.wait_for()
                assert violations(page) == [], mode
        if button != "rung-decoder_transformer-button":
            continue
        closed = page.locator(f"{panel} .settings .label-wrap:not(.open)")
        for title in closed.all()[::-1]:
            title.click()
        page.locator(".lesson:visible .label-wrap", has_text="The code that runs").click()
        assert violations(page) == []
        for view in page.locator(f"{panel} .view-pills .pill-button").all():
            view.click()
            page.locator(f"{panel} .attention-view:not(.waiting)").wait_for()
            assert violations(page, f"{panel} .attention-card") == [], view.inner_text()


def takes_the_focus(page: Page, expected: str) -> None:
    """Wait until the node that has the focus is this one, by its class, id or name."""
    page.wait_for_function(
        "(expected) => { const { className, id, ariaLabel } = document.activeElement;"
        " return [className, id, ariaLabel ?? ''].join(' ').includes(expected) }",
        arg=expected,
    )


def test_the_page_is_worked_and_read_by_keys_alone(page):
    menus_and_the_panel_of_an_own_text_keep_and_return_the_focus(page)
    the_tabs_answer_to_keys_and_train_is_two_tab_stops_away(page)
    what_is_drawn_and_written_is_read_by_the_arrow_keys(page)


def the_tabs_answer_to_keys_and_train_is_two_tab_stops_away(page: Page) -> None:
    first, *_, last = tabs(page)
    page.locator(f"#{first}").focus()
    second, third = tabs(page)[1:3]
    keys = ("End", last), ("Home", first), ("ArrowRight", second), ("ArrowRight", third)
    for key, expected in keys:
        page.keyboard.press(key)
        takes_the_focus(page, expected)
        page.wait_for_function(
            "(id) => document.getElementById(id).ariaSelected === 'true'", arg=expected
        )
    Tab(page, RUNGS["ngram"]).ready()
    page.keyboard.press("Tab")
    takes_the_focus(page, "skip-link")
    page.keyboard.press("Enter")
    takes_the_focus(page, "train-ngram")
    page.locator(f"#{second}").click()  # the tokens: nothing trains there
    page.keyboard.press("Tab")
    takes_the_focus(page, "skip-link")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.closest('.tabitem')")


def menus_and_the_panel_of_an_own_text_keep_and_return_the_focus(page: Page) -> None:
    menu, lists = page.locator("#corpus input"), page.locator("[role=listbox]")
    page.locator("#facts", has_text="characters").first.wait_for()  # the text in use is known
    menu.focus()
    lists.first.wait_for(state="visible")
    for opens in (1, 0):  # the menu of tokens, and a button
        page.keyboard.press("Tab")  # left: its list closes, and Gradio does not open it again
        expect(lists).to_have_count(opens)
        page.wait_for_timeout(300)
        assert lists.count() == opens
        assert menu.get_attribute("aria-expanded") == "false"
    menu.focus()
    page.keyboard.press("Escape")
    lists.first.wait_for(state="hidden")
    assert "combobox" in page.evaluate("() => document.activeElement.role")
    option = ""
    while "own text" not in option:
        page.keyboard.press("ArrowDown")
        option = page.wait_for_function(NEXT_OPTION, arg=option).json_value()
    page.keyboard.press("Enter")
    box = page.locator("#own-text-box textarea")
    box.wait_for()
    page.wait_for_function("() => document.activeElement.matches('#own-text-box textarea')")
    page.keyboard.press("Escape")
    box.wait_for(state="hidden")
    page.wait_for_function("() => document.activeElement.matches('#corpus input')")
    lists.first.wait_for(state="hidden")


# The entry of an open menu on which the arrow keys are, once it is another one.
NEXT_OPTION = """(before) => {
  const option = document.getElementById(document.activeElement.getAttribute('aria-activedescendant'));
  return option && option.innerText !== before && option.innerText;
}"""


def what_is_drawn_and_written_is_read_by_the_arrow_keys(page: Page) -> None:
    """Rows of a heatmap, its cells, the text below it, and what the model wrote; each key reads out numbers."""
    panel = opened(page, "rung-single_head_attention-button")
    tip = page.locator(".playground-tip")
    heat = page.locator(f"{panel} .attention-card .plot")
    page.wait_for_function(
        "(node) => node.ariaLabel?.includes('W: W 1.00')", arg=heat.element_handle()
    )
    heat.focus()
    page.keyboard.press("ArrowDown")
    expect(tip).to_have_text("“W” at 1: “W” 1.00", use_inner_text=True)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(tip).to_have_text("“W” at 1, “W” at 1: 1.000", use_inner_text=True)
    page.keyboard.press("ArrowRight")
    expect(tip).to_have_text("“W” at 1, “h” at 2: not allowed", use_inner_text=True)
    page.locator(f"{panel} .token-strip").focus()
    expect(tip).to_be_hidden()  # left: it is gone
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(tip).to_have_text(re.compile("^“h”"), use_inner_text=True)
    page.locator("#sample-single_head_attention").click()
    page.locator(f"{panel} .made").nth(20).wait_for(state="attached")
    page.locator(f"{panel} .written").focus()
    page.keyboard.press("ArrowRight")
    expect(tip).to_contain_text("%", use_inner_text=True)
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    loss = page.locator(f"{panel} .loss-card .plot")
    expect(loss).to_have_attribute("aria-label", re.compile("Validation loss by step: 150: "))


def test_no_value_is_cut_beside_the_models(page):
    """The models' tabs: test_every_tab.py."""
    for button in tabs(page):
        key = button.removeprefix("rung-").removesuffix("-button")
        if key not in RUNGS:
            opened(page, button)
            no_value_is_cut_and_the_page_does_not_scroll_sideways(page, key)


def no_value_is_cut_and_the_page_does_not_scroll_sideways(page: Page, key: str) -> None:
    """On the tab shown, at each size; on a model's also the longest values that people choose for Write."""
    if key in RUNGS:
        closed = page.locator(f"#panel-{key} .controls .label-wrap:not(.open):visible")
        for title in closed.all()[::-1]:
            title.click()
        longest = (("max_new_tokens", 1000), ("top_p", 0.95), ("temperature", 0.85))
        for name, value in () if RUNGS[key].rewrites else longest:
            page.locator(f"#{key}-sample-{name} input[type=number]").fill(str(value))
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(CUT) == [], (key, size)
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= width, (key, size)
        assert key not in RUNGS or page.locator(f"#train-{key}").is_visible()
    page.set_viewport_size(LAPTOP)


def boxes(page: Page, panel: str) -> dict:
    """Where the cards and Train stand."""
    return page.evaluate(
        """(panel) => Object.fromEntries([...document.querySelectorAll(
            `${panel} :is(.card, .settings, .train-button, .block.estimate)`)]
            .map((node) => [node.className, JSON.stringify(node.getBoundingClientRect())]))""",
        panel,
    )


def test_a_models_page_stands_still_names_its_fold_and_is_read_from_the_last_row(page):
    panel = opened(page, "rung-decoder_transformer-button")
    nothing_moves_when_a_hint_or_another_estimate_appears(page, panel)
    settings_below_the_fold_are_named_and_a_press_brings_them(page, panel)
    presenters_mode_can_be_read_from_the_last_row(page)


def nothing_moves_when_a_hint_or_another_estimate_appears(page: Page, panel: str) -> None:
    tab = Tab(page, RUNGS["decoder_transformer"])
    page.locator(f"#estimate-{tab.key}", has_text="parameters").first.wait_for()
    before = boxes(page, panel)
    assert len(before) == 7
    for typed, said in ((48, "parameters"), (99999, "from 4 to 1,024"), (50, "cannot share")):
        tab.set("n_embd", typed)
        page.locator(f"#estimate-{tab.key}", has_text=said).first.wait_for()
        tab.until("tab.differing.length > 0")
        assert boxes(page, panel) == before, typed
    tab.set("n_layer", 6).set("n_head", 8).set("context_length", 32)
    tab.differs("Embedding size", "Attention heads", "Context length", "Layers")
    assert boxes(page, panel) == before
    for step in ("›", "›", "‹"):  # a guide's step of one line or of two
        page.locator(f".tabitem:has({panel}) .guide").get_by_text(step, exact=True).click()
        assert boxes(page, panel) == before, step


def settings_below_the_fold_are_named_and_a_press_brings_them(page: Page, panel: str) -> None:
    fold = page.locator(f"{panel} .settings-fold")
    expect(fold).to_have_text(re.compile("Below: .*Optimiser"))
    assert "Embedding size" not in fold.inner_text()
    hidden = page.locator(f"{panel} .settings .label-wrap", has_text="Earlier runs")
    frame = page.locator(f"{panel} .settings").bounding_box()
    assert hidden.bounding_box()["y"] > frame["y"] + frame["height"]
    while fold.inner_text():
        before = fold.inner_text()
        fold.click()
        page.wait_for_function(
            "([fold, before]) => fold.textContent !== before", arg=[fold.element_handle(), before]
        )
    assert hidden.bounding_box()["y"] < frame["y"] + frame["height"]


def presenters_mode_can_be_read_from_the_last_row(page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    panel = opened(page, "rung-decoder_transformer-button")
    page.keyboard.press("p")
    page.wait_for_function(
        "(panel) => document.querySelector(`${panel} .loss-card .plot`).layout.font.size >= 18",
        arg=panel,
    )
    sizes = page.evaluate(
        """(panel) => Object.fromEntries([".loss-number", ".guide-said", ".loss-card .figure-words",
            ".loss-card .xtick text", ".loss-card .ytick text", ".loss-card .annotation-text"]
            .map((name) => [name, parseFloat(getComputedStyle(document.querySelector(`${panel} ${name}`) ??
                document.querySelector(`.tabitem:has(${panel}) ${name}`)).fontSize)]))""",
        panel,
    )
    assert sizes.pop(".loss-number") >= 60
    assert min(sizes.values()) >= 18, sizes
    lines = page.evaluate(
        "(panel) => document.querySelector(`${panel} .loss-card .plot`).data.map(({ line }) => line.width)",
        panel,
    )
    assert max(lines) >= 4
    frame = page.locator(f"{panel} .loss-card").bounding_box()
    assert frame["height"] > 1080 * 0.45
    for name in page.locator(f"{panel} .loss-card .annotation-text").all():
        box = name.bounding_box()
        # The names at the lines are whole.
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
    presenters_mode_is_whole_in_a_small_window(page, panel)
    page.keyboard.press("p")
    page.wait_for_function("() => !document.body.classList.contains('presenting')")


def presenters_mode_is_whole_in_a_small_window(page: Page, panel: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.wait_for_function(
        "(panel) => document.querySelector(`${panel} .loss-card .plot`).layout.font.size < 20",
        arg=panel,
    )
    parts = [
        page.locator(f"{panel} .loss-card {part}")
        for part in (".plot", ".figure-foot .figure-words")
    ]
    plot, words = (part.bounding_box() for part in parts)
    frame = page.locator(f"{panel} .loss-card").bounding_box()
    assert plot["height"] >= 100
    assert plot["y"] + plot["height"] <= words["y"] + 1
    assert words["y"] + words["height"] <= frame["y"] + frame["height"]
    for name in page.locator(f"{panel} .loss-card .annotation-text").all():
        box = name.bounding_box()
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
    last = page.locator(".ladder [role=tab]:visible").last.bounding_box()
    assert last["x"] + last["width"] <= 1280


def test_a_phone_shows_chart_and_train_at_once_and_answers_to_taps(server, new_context):
    context = new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(server.url + "/?model=single_head_attention")
    tab = Tab(page, RUNGS["single_head_attention"]).ready()
    tab.panel.locator(".loss-card .main-svg").first.wait_for()
    for what in ("#train-single_head_attention", ".loss-card .plot"):
        box = tab.panel.locator(what).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 844, what
    tab.panel.locator("#sample-single_head_attention").tap()
    tab.panel.locator(".written:not(.writes) .made").first.wait_for(state="attached")
    tip = page.locator(".playground-tip")
    tab.panel.locator(".made").nth(3).tap()
    page.wait_for_timeout(300)  # a finger has left by now
    expect(tip).to_contain_text("%", use_inner_text=True)
    tab.panel.locator(".loss-number").tap()
    tip.wait_for(state="hidden")
    heat = tab.panel.locator(".attention-card .plot")
    heat.scroll_into_view_if_needed()
    box = heat.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.6)
    tab.panel.locator(".attention-view[data-view=score]").wait_for()
    # The gradient of a deep run would have its own height, below the loss.
    height = tab.panel.locator(".gradient-chart").evaluate(
        """(node) => {
            node.hidden = false;
            node.querySelector(".figure-words").textContent = "long words ".repeat(8);
            return node.querySelector(".gradient-plot").clientHeight;
        }"""
    )
    assert height >= 80
