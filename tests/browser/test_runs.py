"""The Runs tab in a browser, with five small runs that are really trained."""

import itertools
import shutil
import zipfile
from functools import partial

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture
def runs_page(server, context, five_runs):
    """The Runs tab over the five runs and the included ones; ticked: "base", "layers" and "rotary"."""
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_selector(".start-race:visible")
    page.wait_for_function("() => /^[0-9]+ · compare$/.test(NOTE)".replace("NOTE", NOTE))
    page.locator("#rung-runs-button").click()
    row(page, "base").wait_for()
    while page.locator(".runs-tick:checked").count():
        page.locator(".runs-tick:checked").first.click()
    for name in ("base", "layers", "rotary"):
        row(page, name).locator(".runs-tick").check()
    page.wait_for_function("() => document.querySelectorAll('.runs-label').length === 3")
    return page


NOTE = "document.getElementById('rung-runs-button').dataset.note"


def row(page: Page, name: str):
    return page.locator(f'.runs-row[data-run="local:{name}"]')


def words(page: Page, name: str, column: str = "what") -> str:
    return row(page, name).locator(f'[data-column="{column}"] .runs-text').inner_text()


def lit(page: Page) -> list:
    return page.evaluate(
        "() => [...document.querySelectorAll('.lit')].map((n) => n.className + n.dataset.run)"
    )


def drawn(page: Page, curve: str = "validation") -> dict:
    """The x values of each run's curve."""
    return page.evaluate(
        """(curve) => Object.fromEntries(document.querySelector('.runs-chart .plot').data
            .filter(({meta}) => meta.curve === curve).map(({meta, x}) => [meta.run, x]))""",
        curve,
    )


def chart_axis(page: Page, axis: str = "xaxis") -> dict:
    return page.evaluate(
        "(axis) => { const a = document.querySelector('.runs-chart .plot').layout[axis];"
        " return {type: a.type, range: [...a.range]}; }",
        axis,
    )


def said(page: Page, text: str) -> None:
    page.locator(".runs-notice", has_text=text).first.wait_for()


def test_ticked_runs_are_compared_on_one_chart_in_words_in_texts_and_in_settings(runs_page):
    page = runs_page
    assert words(page, "layers") == "layers 1→2"
    assert "positions" in words(page, "rotary").lower() and "rotary" in words(page, "rotary")
    page.wait_for_function(
        "() => document.querySelector('.runs-chart .plot').data.filter(({ meta, x }) =>"
        " meta.curve === 'training' && x.length > 10 || meta.curve === 'validation' && x.at(-1) === 40)"
        ".length >= 6"
    )
    curves = drawn(page)
    assert list(curves) == ["local:base", "local:layers", "local:rotary"]
    assert all(x[-1] == 40 for x in curves.values())
    assert all(len(x) > 10 for x in drawn(page, "training").values())
    page.locator(".runs-verdicts p", has_text="Layers 1→2").wait_for()
    expect(page.locator(".runs-verdicts p")).to_have_count(2)
    labels_do_not_overlap(page)

    # one run lights up everywhere
    row(page, "rotary").hover()
    assert {one.split()[0] for one in lit(page)} == {"runs-row", "runs-label", "runs-pane"}
    assert all(one.endswith("local:rotary") for one in lit(page))
    page.locator(".runs-label", has_text="layers").hover()
    assert all(one.endswith("local:layers") for one in lit(page)) and lit(page)
    hover_the_line_of(page, "local:rotary")
    page.wait_for_function(
        "() => document.querySelector('.runs-row.lit')?.dataset.run === 'local:rotary'"
    )
    page.locator("h1").hover()
    assert not lit(page)

    # axes
    for axis, last in (("tokens", 40 * 64), ("seconds", None), ("FLOPs", None), ("step", 40)):
        page.get_by_role("button", name=axis, exact=True).last.click()
        pressed(page, axis)
        if last:
            page.wait_for_function(
                "(last) => document.querySelector('.runs-chart .plot').data[1].x.at(-1) === last",
                arg=last,
            )
    page.locator(".runs-chart").get_by_role("button", name="log y").click()
    page.wait_for_function(
        "() => document.querySelector('.runs-chart .plot').layout.yaxis.type === 'log'"
    )
    page.locator(".runs-chart").get_by_role("button", name="log y").click()

    # a run of another text is drawn, and the sentence says that its loss does not compare
    row(page, "elsewhere").locator(".runs-tick").check()
    page.locator(".runs-verdicts p", has_text="texts do not compare").wait_for()
    row(page, "elsewhere").locator(".runs-tick").uncheck()

    # the same prompt, twice quickly: the second request is answered
    page.locator(".runs-prompt").first.fill("the")
    page.locator(".runs-setting input[name=max_new_tokens]").evaluate("(n) => { n.value = 30 }")
    page.locator(".runs-go").click()
    page.locator(".runs-go").click()
    texts = written(page, 33)
    assert len(texts) == 3 and all(text.startswith("the") for text in texts)
    page.locator(".runs-go").click()  # the same seed writes the same texts
    assert written(page, 33) == texts

    page.get_by_role("button", name="two prompts").click()
    page.get_by_role("textbox", name="Second prompt").fill("and")
    page.locator(".runs-go").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.runs-written')]"
        ".map((n) => n.textContent.slice(0, 3)).join() === 'the,and'"
    )

    page.get_by_role("button", name="settings", exact=True).click()
    page.wait_for_selector(".runs-settings th[scope=row]")
    titles = page.locator(".runs-settings th[scope=row]").all_inner_texts()
    assert {"Layers", "Positions"} <= set(titles) and "Learning rate" not in titles
    page.get_by_role("button", name="all settings").click()
    assert "Learning rate" in page.locator(".runs-settings th[scope=row]").all_inner_texts()


def whole_words_in_the_menus_of_a_phone(page: Page) -> None:
    """They said "all mode" beside the button and the count."""
    size = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    room = page.locator(".runs-filters .runs-menu").evaluate_all(
        """(menus) => menus.map((menu) => {
            const pen = document.createElement("canvas").getContext("2d");
            pen.font = getComputedStyle(menu).font;
            return menu.clientWidth - 12 - pen.measureText(menu.options[0].text).width;
        })"""
    )
    assert len(room) == 2 and min(room) >= 20, room  # its arrow takes that
    page.set_viewport_size(size)


def all_rows(page: Page) -> list[str]:
    return page.locator(".runs-row").evaluate_all("(all) => all.map((n) => n.dataset.run)")


def hover_the_line_of(page: Page, token: str) -> None:
    """Point at the last but one dot of a run's line."""
    x, y = page.evaluate(
        """(run) => {
            const plot = document.querySelector('.runs-chart .plot');
            const { x, y } = plot.data.find(({ meta }) => meta.run === run && meta.curve === 'validation');
            const { xaxis, yaxis } = plot.layout;
            const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
            const share = (value, [low, high]) => (value - low) / (high - low);
            return [box.left + box.width * share(x.at(-2), xaxis.range),
                    box.bottom - box.height * share(y.at(-2), yaxis.range)];
        }""",
        token,
    )
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)


def written(page: Page, length: int) -> list[str]:
    """The texts, once all have so many characters and are done."""
    page.wait_for_function(
        "(length) => [...document.querySelectorAll('.runs-written')].every((node) =>"
        " node.textContent.length === length && !node.classList.contains('writes'))",
        arg=length,
    )
    return page.locator(".runs-written").all_inner_texts()


def overlay_it(page: Page, token: str) -> None:
    """Other runs of its text over the live run on its own tab, where they stay as it grows; and back."""
    page.locator("#rung-decoder_transformer-button").click()
    panel = page.locator("#panel-decoder_transformer")
    panel.locator(".overlay-menu summary").click()
    panel.locator(".runs-row").first.wait_for()
    assert not panel.locator(f'.runs-row[data-run="{token}"]').count()  # it is on the chart already
    panel.locator(".runs-row .runs-tick").first.check()
    panel.locator(".key-overlay").wait_for()
    # which line is which, in words and when one is pointed at, and what the difference bought
    assert [one.text_content() for one in panel.locator(".key-item:not([hidden])").all()][:2] == [
        "this run, train",
        "this run, validation",
    ]
    panel.locator(".runs-verdicts p").wait_for()
    assert panel.locator(".runs-verdicts p").get_attribute("data-run")
    panel.locator(".overlay-menu summary").click()
    panel.locator(".key-overlay").hover()
    faded = (
        "() => [...document.querySelectorAll('#panel-decoder_transformer .loss-card .scatterlayer .trace')]"
        ".filter((n) => n.style.opacity === '0.18').length"
    )
    page.wait_for_function(f"() => ({faded})() >= 2")
    page.locator("h1").hover()
    page.wait_for_function(f"() => ({faded})() === 0")
    panel.locator(".overlay-menu summary").click()
    roles = (
        "() => document.querySelector('#panel-decoder_transformer .loss-card .plot').data"
        ".filter(({meta}) => meta.role === 'overlay').length"
    )
    page.wait_for_function(f"() => ({roles})() === 2")
    panel.locator(".overlay-menu summary").click()
    panel.locator(".key-overlay").click()
    page.wait_for_function(f"() => ({roles})() === 0")
    has_focus(page, "#panel-decoder_transformer .overlay-menu summary")
    page.locator("#rung-runs-button").click()


def has_focus(page: Page, selector: str) -> None:
    """Nobody who uses the keys is thrown back to the top of the page."""
    page.wait_for_function("(wanted) => document.activeElement.matches(wanted)", arg=selector)


def pressed(page: Page, name: str) -> None:
    page.wait_for_function(
        "(name) => [...document.querySelectorAll('.runs-chart .pill-button.on')]"
        ".some((n) => n.textContent === name)",
        arg=name,
    )


def labels_do_not_overlap(page: Page) -> None:
    boxes = [label.bounding_box() for label in page.locator(".runs-label").all()]
    tops = sorted(box["y"] for box in boxes)
    assert all(b - a >= 16 for a, b in itertools.pairwise(tops)), tops


def test_runs_are_sorted_filtered_named_deleted_brought_back_and_sent_as_files(
    runs_page, server, tmp_path
):
    page = runs_page
    rows = partial(all_rows, page)

    # sorting and filtering, by keyboard
    page.get_by_role("button", name="parameters").focus()
    page.keyboard.press("Enter")
    few = rows()
    page.keyboard.press("Enter")
    assert rows() == few[::-1] or sorted(rows()) == sorted(few)
    assert page.locator('th[aria-sort="descending"]').inner_text().startswith("parameters")
    page.get_by_label("Show the runs of one model").select_option("bigram")
    assert all("bigram" in one or one == "local:pairs" for one in rows()) and len(rows()) < len(few)
    page.get_by_label("Show the runs of one model").select_option("")
    whole_words_in_the_menus_of_a_phone(page)

    # renaming in place: Enter keeps, Escape does not; what misleads is refused with a sentence
    row(page, "base").locator(".runs-tick").focus()
    page.keyboard.press("F2")
    page.keyboard.type("<img src=x onerror=alert(1)>")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('[data-run=\"local:base\"] .runs-text ~ *') && "
        "[...document.querySelectorAll('.runs-label')].some((n) => n.textContent.includes('<img'))"
    )
    assert words(page, "base") == "<img src=x onerror=alert(1)>"
    page.keyboard.press("F2")
    page.keyboard.type("other")
    page.keyboard.press("Escape")
    assert words(page, "base").startswith("<img")
    for name, why in (("a" * 10_000, "at most 80"), ("safe\u202egpj.exe", "U+202E")):
        page.keyboard.press("F2")
        page.locator(".runs-edit").fill(name)
        page.keyboard.press("Enter")
        said(page, why)
    assert words(page, "base").startswith("<img")

    # included runs keep what they are
    included = page.locator('.runs-row[data-run="shipped:bigram"]')
    included.locator(".runs-tick").focus()
    page.keyboard.press("Delete")
    said(page, "Included runs cannot be deleted")

    # deleting, twice, and back
    row(page, "layers").locator(".runs-tick").focus()
    page.keyboard.press("Delete")
    page.keyboard.press("Delete")
    row(page, "layers").wait_for(state="detached")
    assert not (server.runs / "layers").exists()
    has_focus(page, ".runs-row .runs-tick")  # of the row that is in its place
    page.get_by_role("button", name="Undo").click()
    row(page, "layers").wait_for()
    assert (server.runs / "layers" / "run.json").exists()

    # those that are deleted together come back together, and ticked
    page.get_by_role("button", name="delete", exact=True).click()
    said(page, "3 runs deleted")
    page.get_by_role("button", name="Undo: bring back 3 runs").click()
    said(page, "3 runs are back")
    for name in ("base", "layers", "rotary"):
        expect(row(page, name).locator(".runs-tick")).to_be_checked()
    expect(page.locator(".runs-undo")).to_be_hidden()

    # out as a zip, and in again
    row(page, "rotary").locator(".runs-tick").check()
    page.locator(".runs-tools .runs-export summary").click()
    with page.expect_download() as download:
        page.locator('.runs-export a[title*="rotary"]').click()
    file = tmp_path / "run.zip"
    download.value.save_as(file)
    assert any(name.endswith("run.json") for name in zipfile.ZipFile(file).namelist())
    before = set(rows())
    page.locator(".runs-file").set_input_files(file)
    said(page, "The run is in the list")
    expect(page.locator(".runs-row")).to_have_count(len(before) + 1)
    (new,) = set(rows()) - before
    expect(page.locator(f'.runs-row[data-run="{new}"] .runs-tick')).to_be_checked()

    # what is no run is refused in one sentence, and leaves nothing
    (tmp_path / "no.zip").write_bytes(b"this is no zip")
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.writestr("../run.json", "{}")
    before = {path.name for path in server.runs.iterdir()}
    for name, why in (("no.zip", "no zip file"), ("out.zip", "path outside")):
        page.locator(".runs-file").set_input_files(tmp_path / name)
        refused = page.locator(".exchange-import .problem", has_text=why)
        refused.wait_for(state="attached")
        assert str(tmp_path) not in refused.text_content()
    page.locator(".runs-file").set_input_files([tmp_path / "no.zip", file])  # two at once
    page.locator(".exchange-import .problem", has_text="one at a time").wait_for(state="attached")
    assert {path.name for path in server.runs.iterdir()} == before

    # a ticked run that somebody deletes on the disk
    row(page, "rotary").locator(".runs-tick").check()
    verdict = page.locator('.runs-verdicts p[data-run="local:rotary"]')
    verdict.wait_for()
    shutil.rmtree(server.runs / "rotary")
    row(page, "rotary").wait_for(state="detached")
    said(page, "No longer here")
    page.wait_for_function(
        "() => ![...document.querySelectorAll('.runs-label')].some((n) => n.dataset.run === 'local:rotary')"
    )
    expect(verdict).to_have_count(0)


def test_a_live_run_grows_on_the_chart_and_a_zoom_stays(runs_page, server):
    page = runs_page
    page.locator("#rung-decoder_transformer-button").click()
    page.wait_for_selector("#train-decoder_transformer:visible")
    query = {"n_embd": 16, "n_head": 2, "n_layer": 1, "context_length": 16, "batch_size": 4}
    for name, value in (query | {"steps": 50_000, "evaluate_every": 200}).items():
        box = page.locator(f"#decoder_transformer-{name} input[type=number]")
        if box.is_visible():
            box.fill(str(value))
            box.press("Enter")
    page.locator("#train-decoder_transformer").click()
    page.wait_for_function(
        "() => Playground.tab('decoder_transformer').record.status === 'running'"
    )
    page.locator("#rung-runs-button").click()
    live = page.locator(".runs-row.live")
    live.wait_for()
    live.locator(".runs-tick").check()
    token = live.get_attribute("data-run")
    points = (
        "(run) => document.querySelector('.runs-chart .plot').data.find("
        "({meta}) => meta.run === run && meta.curve === 'training')?.x.length ?? 0"
    )
    page.wait_for_function(f"(run) => ({points})(run) > 3", arg=token)
    box = page.locator(".runs-chart .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 120, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="whole").wait_for()
    zoomed = chart_axis(page), chart_axis(page, "yaxis")
    seen = page.evaluate(points, token)
    page.wait_for_function(f"([run, seen]) => ({points})(run) > seen", arg=[token, seen])
    assert (chart_axis(page), chart_axis(page, "yaxis")) == zoomed
    page.get_by_role("button", name="whole").click()
    page.wait_for_function(
        "(range) => document.querySelector('.runs-chart .plot').layout.xaxis.range[1] !== range",
        arg=zoomed[0]["range"][1],
    )
    overlay_it(page, token)
    live.locator(".runs-tick").focus()
    page.keyboard.press("Delete")
    said(page, "in training cannot be deleted")
