"""The live parts: their files exist, nothing is fetched from elsewhere, no text becomes markup."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import gradio as gr
import pytest

from playground import components, theme
from playground.components import files
from playground.components.bundle import bundle
from playground.figures import loss

MODULES = [path for path in sorted(files.ENTRY.parent.rglob("*.js")) if path != files.BEFORE_PAINT]
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
            "notice": components.notice("notice-toy"),
            "estimate": components.estimate("toy", function("estimate")),
            "maskDesigner": components.mask_designer("toy", {}),
            "pretrained": components.pretrained("toy", False, function("newest")),
            "settingsFold": components.settings_fold("toy"),
            "liveFigure": components.live_figure("toy", chart(), *functions("table", "poll")),
            "diary": components.diary("toy"),
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
            "ladderNotes": components.ladder_notes(
                {"rung-toy": "2.48"}, *functions("keep_alive", "count")
            ),
            "opening": components.opening([["toy", None]], 2, function("restore")),
        }


def text_of(path: Path) -> str:
    """A file's text, without the name of the language of drawings, which looks like an address."""
    return path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")


def all_modules() -> str:
    return "".join(map(text_of, MODULES))


def import_map(first: str) -> dict[str, str]:
    (text,) = re.findall(r'<script type="importmap">(.*?)</script>', first)
    return json.loads(text)["imports"]


def test_every_module_and_style_sheet_is_served():
    """A style sheet is served only if it is listed, for their order matters; a module by its place."""
    folder = files.STYLES[0].parent
    assert set(folder.glob("*.css")) == set(files.STYLES)
    assert len(files.STYLES) == len(set(files.STYLES))
    assert files.ENTRY in MODULES and files.BEFORE_PAINT.is_file()
    assert files.PLOTLY.is_file()


@pytest.mark.parametrize("path", [*MODULES, *files.STYLES], ids=lambda path: path.name)
def test_each_file_has_one_subject(path):
    assert text_of(path).count("\n") < (300 if path.suffix == ".css" else 201)


def test_the_page_asks_for_one_style_sheet_in_the_order_of_the_cascade():
    """Two dozen requests for each visitor took a tenth of what a page costs the server."""
    assert files.page_head().count("<link") == 1
    sheet = files.style_sheet().decode()
    places = [sheet.index(text_of(path)) for path in files.STYLES]
    assert places == sorted(places)


def test_the_page_gets_each_module_once_after_those_that_it_imports():
    """A hundred requests for each visitor took a third of a page. A module that nothing imports never runs."""
    script = files.script().decode()
    heads = [f"// {path.relative_to(files.ENTRY.parent)}\n" for path in MODULES]
    heads.remove(f"// {files.ENTRY.name}\n")  # at the top level, last
    assert [script.count(head) for head in heads] == [1] * len(heads)
    assert re.findall(r"^(?:import|export) .*", script, re.MULTILINE) == ["export {"]
    made = [
        re.escape(name)
        for name in re.findall(r"^const (\w+) = \(\(\) => \{$", script, re.MULTILINE)
    ]
    assert len(made) == len(heads)
    for name in made:  # a name that is not there yet would end the script
        assert (
            script.index(f"const {name} = (")
            < re.search(rf"^const .* = {name};$", script, re.M).start()
        )


def test_a_module_of_the_bundle_sees_its_own_names_and_those_it_imports(tmp_path):
    """Two modules have a `USUAL` each, and an import may have another name than its export."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.js").write_text("const USUAL = 1;\nexport const one = () => USUAL;\n")
    two = 'import { one as uno } from "./one.js";\nconst USUAL = 2;\n'
    (tmp_path / "a/two.js").write_text(
        f"{two}export function two() {{\n  return USUAL + uno();\n}}\n"
    )
    entry = tmp_path / "entry.js"
    entry.write_text(
        'import {\n  one,\n} from "./a/one.js";\nimport { two } from "./a/two.js";\n'
        "console.log(one(), two());\n"
    )
    code = bundle(entry).decode()
    assert code.count("const USUAL") == 2
    if node := shutil.which("node"):
        ran = subprocess.run(
            [node, "--input-type=module"], input=code, capture_output=True, text=True
        )
        assert ran.stdout == "1 3\n", ran.stderr


def test_modules_that_import_one_another_are_refused(tmp_path):
    """Neither could come first in the bundle."""
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / f"{name}.js").write_text(f'import {{ {other} }} from "./{other}.js";\n')
    with pytest.raises(ValueError, match=r"one.js → two.js → one.js"):
        bundle(tmp_path / "one.js")


def test_modules_leave_nothing_behind_but_one_object():
    assert re.findall(r"(?:window|globalThis)\.\w+ = ", all_modules()) == ["window.Playground = "]
    assert "window.Playground = " in text_of(files.ENTRY)


def test_the_import_map_gives_the_module_its_version():
    """Components import "playground" at the address that the page loads: another one would be a second copy."""
    first = files.page_first()
    address = import_map(first)["playground"]
    assert re.fullmatch(r"\./playground\.js\?v=[0-9a-f]{12}", address)
    assert f'<script type="module" src="{address}"></script>' in first


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
    for head in heads:
        for address in re.findall(r"(?:src|href)=\"([^\"]*)\"", head):
            ours = ("./gradio_api/file=", "./style.css?v=", "./playground.js?v=")
            assert address.startswith(ours), address
    sources = [*map(text_of, (*MODULES, *files.STYLES)), *heads]
    for source in sources:
        assert not re.search(r"https?://|@import|url\(|//[a-z]+\.[a-z]", source)


def test_the_theme_fetches_no_font():
    look_of_page = theme.PlaygroundTheme()
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
