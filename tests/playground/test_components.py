"""The live parts: their files exist, nothing is fetched from elsewhere, no text becomes markup."""

import json
import re
from pathlib import Path

import gradio as gr
import pytest

from playground import components, theme
from playground.components import files
from playground.figures import loss

RUN_FEED = ("begin", "poll", "order")
BOARD = ("entries", "put", "withdraw")
RUNS_TAB = ("table", "poll", "settings", "change", "remove", "restore")
SWEEPS = ("costs", "sweep", "swept", "steer")
START = ("race", "state", "steer", "poll")


def function(name: str):
    """A server function of this name."""

    def stub(data):
        return None

    stub.__name__ = name
    return stub


def functions(*names: str) -> list:
    return [function(name) for name in names]


def run_feed(*names: str) -> gr.HTML:
    settings, recipes = [["n", "N", 1]], {"classic": [1]}
    return components.run_feed("toy", {"run": "a"}, settings, recipes, *functions(*names))


def chart() -> dict:
    return loss.empty(10, 4.17, {}, None)


def every_part() -> dict[str, gr.HTML]:
    with gr.Blocks():
        return {
            "runFeed": run_feed(*RUN_FEED),
            "estimate": components.estimate("toy", function("estimate")),
            "maskDesigner": components.mask_designer("toy", {}),
            "pretrained": components.pretrained("toy", False, function("newest")),
            "settingsFold": components.settings_fold("toy"),
            "liveFigure": components.live_figure("toy", chart(), *functions("table", "poll")),
            "diary": components.diary("toy", prompt="ROMEO:"),
            "pairsDiary": components.pairs_diary("toy"),
            "trying": components.trying("toy", "line", "eighty-four", {}, linked=True),
            "insideView": components.inside_view(
                "toy", *functions("look", "cost"), "a", ["attention"]
            ),
            "guide": components.guide("toy", [], function("happened"), None),
            "start": components.start({}, *functions(*START)),
            "runs": components.runs([], [], *functions(*RUNS_TAB, *SWEEPS)),
            "board": components.board(*functions(*BOARD)),
            "tokens": components.tokens(*functions("cut_text", "play"), examples=[]),
            "tokensGuide": components.tokens_guide([], function("happened")),
            "writing": components.writing("toy", "ROMEO:", {}),
            "headerTools": components.header_tools(),
            "ladderNotes": components.ladder_notes({"rung-toy": "2.48"}, function("keep_alive")),
            "opening": components.opening([["toy", None]], 2, function("restore")),
        }


def text_of(path: Path) -> str:
    """A file's text, without the name of the language of drawings, which looks like an address."""
    return path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")


def all_modules() -> str:
    return "".join(map(text_of, files.MODULES))


def imports_of(path: Path) -> set[Path]:
    found = re.findall(r'^(?:import|\} from|export) .*?"(\.\.?/.+?)";', text_of(path), re.MULTILINE)
    return {(path.parent / address).resolve() for address in found}


def import_map() -> dict[str, str]:
    (text,) = re.findall(r'<script type="importmap">(.*?)</script>', files.page_first())
    return json.loads(text)["imports"]


def test_every_module_and_style_sheet_is_served():
    """A style sheet is served only if it is listed, for their order matters; a module by its place."""
    folder = files.STYLES[0].parent
    assert set(folder.glob("*.css")) == set(files.STYLES)
    assert len(files.STYLES) == len(set(files.STYLES))
    assert files.ENTRY in files.MODULES
    assert files.BEFORE_PAINT.is_file() and files.BEFORE_PAINT not in files.MODULES
    assert files.PLOTLY.is_file()


@pytest.mark.parametrize("path", [*files.MODULES, *files.STYLES], ids=lambda path: path.name)
def test_each_file_has_one_subject(path):
    assert text_of(path).count("\n") < (300 if path.suffix == ".css" else 201)


def test_the_page_asks_for_one_style_sheet_in_the_order_of_the_cascade():
    """Two dozen requests for each visitor took a tenth of what a page costs the server."""
    assert files.page_head().count("<link") == 1
    sheet = files.style_sheet().decode()
    places = [sheet.index(text_of(path)) for path in files.STYLES]
    assert places == sorted(places)


def test_every_module_is_reached_from_the_one_that_the_page_loads():
    """A module that nothing imports would be served and linted, and never run."""
    reached, rest = set(), {files.ENTRY}
    while rest:
        reached |= rest
        rest = set().union(*map(imports_of, rest)) - reached
    assert reached == set(files.MODULES)


def test_modules_leave_nothing_behind_but_one_object():
    assert re.findall(r"(?:window|globalThis)\.\w+ = ", all_modules()) == ["window.Playground = "]
    assert "window.Playground = " in text_of(files.ENTRY)


def test_the_import_map_gives_every_module_its_version():
    """Modules import one another by relative addresses without a version: the map must have them all."""
    versions = import_map()
    entry = versions.pop("playground")
    assert len(versions) == len(files.MODULES)
    for path in files.MODULES:
        address = files.address(path)
        assert versions[address.partition("?")[0]] == address
    assert entry == files.address(files.ENTRY)
    assert f'<script type="module" src="{entry}"></script>' in files.page_first()


def test_the_version_of_a_file_changes_with_its_text(tmp_path):
    copy = tmp_path / "dom.js"
    copy.write_text("1")
    before = files.address(copy)
    copy.write_text("2")
    assert files.address(copy) != before
    assert files.address(copy).partition("?")[0] == before.partition("?")[0]


def test_the_import_map_stands_before_every_module():
    first = files.page_first()
    assert first.index('type="importmap"') < first.index('type="module"')


def test_every_part_starts_a_function_that_the_entry_exports():
    exported = re.findall(r"^export \{(.*?)\};", text_of(files.ENTRY), re.MULTILINE | re.DOTALL)
    names = set(re.findall(r"\w+", "".join(exported)))
    started = {
        re.search(r"page\.(\w+)\(", part.js_on_load).group(1) for part in every_part().values()
    }
    assert started == names == set(every_part())


def test_templates_hold_no_value():
    for part in every_part().values():
        assert "${" not in part.html_template and "{{" not in part.html_template


def test_text_never_becomes_markup():
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc",
        all_modules() + text_of(files.BEFORE_PAINT),
    )


def test_only_local_files_are_loaded():
    heads = [files.page_first(), files.page_head()]
    heads += [part.head for part in every_part().values() if part.head]
    for address in import_map().values():
        assert address.startswith("./gradio_api/file="), address
    for head in heads:
        for address in re.findall(r"(?:src|href)=\"([^\"]*)\"", head):
            assert address.startswith(("./gradio_api/file=", "./style.css?v=")), address
    sources = [*map(text_of, (*files.MODULES, *files.STYLES)), *heads]
    for source in sources:
        assert not re.search(r"https?://|@import|url\(|//[a-z]+\.[a-z]", source)


def test_the_theme_fetches_no_font():
    look_of_page = theme.playground_theme()
    assert not look_of_page._stylesheets
    assert not re.search(r"@import|url\(\W?https?:", look_of_page._get_theme_css())


@pytest.mark.parametrize("wrong", range(len(RUN_FEED)))
def test_server_functions_must_carry_the_name_the_page_calls(wrong):
    names = [name if place != wrong else "other" for place, name in enumerate(RUN_FEED)]
    with gr.Blocks(), pytest.raises(ValueError, match=r"not .*other"):
        run_feed(*names)


def test_the_chart_draws_the_curves_that_the_figure_styles():
    """Those of a run on pairs have one more."""
    pairs = loss.empty(10, 4.17, {}, None, {})
    curves = {one["meta"]["curve"] for one in pairs["data"]}
    source = text_of(files.ENTRY.parent / "loss" / "traces.js")
    (listed,) = re.findall(r"shown: \[(.*?)\]", source)
    assert set(re.findall(r"\w+", listed)) == curves
    assert curves == {"raw", "smooth", "validation", "old", "exact"}


def test_every_colour_the_modules_ask_for_is_in_both_themes():
    light, _, dark = text_of(files.STYLES[0]).partition(".dark {")
    asked = set(re.findall(r"colour\(\"(\w+)\"\)", all_modules()))
    asked |= {one["meta"]["colour"] for one in chart()["data"]}
    assert "ink" in asked and "train" in asked
    for name in asked:
        assert f"--chart-{name}:" in light and f"--chart-{name}:" in dark, name
