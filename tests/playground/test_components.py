"""The live parts: their files exist, nothing is fetched from elsewhere, no text becomes markup."""

import re
from pathlib import Path

import gradio as gr
import pytest

from playground import components, theme
from playground.figures import loss, template


def begin(data):
    return None


def poll(data):
    return None


def order(data):
    return None


def look(data):
    return None


def keep_alive(data):
    return None


def chart() -> dict:
    return template.as_json(loss.figure(steps=10, uniform=4.17))


def every_part() -> dict[str, gr.HTML]:
    with gr.Blocks():
        return {
            "runFeed": components.run_feed("toy", {"run": "a"}, begin, poll, order, tab="rung-toy"),
            "liveFigure": components.live_figure("toy", chart()),
            "diary": components.diary("toy", prompt="ROMEO:"),
            "attentionView": components.attention_view("toy", {"run": "a"}, look, text="a"),
            "writing": components.writing("toy"),
            "headerTools": components.header_tools(),
            "ladderNotes": components.ladder_notes({"rung-toy": "2.48"}, keep_alive),
        }


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def all_scripts() -> str:
    return "".join(map(text_of, components.SCRIPTS))


def names(braces: str) -> set[str]:
    return set(re.findall(r"\w+", braces))


def test_every_script_and_style_sheet_is_served():
    folders = {path.parent for path in (*components.SCRIPTS, *components.STYLES)}
    there = {
        file for folder in folders for file in folder.iterdir() if file.suffix in (".js", ".css")
    }
    there.remove(components.FIRST)  # it is in the page itself
    assert there == {*components.SCRIPTS, *components.STYLES}
    assert len(there) == len(components.SCRIPTS) + len(components.STYLES)
    assert components.PLOTLY.is_file()


@pytest.mark.parametrize(
    "path", [*components.SCRIPTS, *components.STYLES], ids=lambda path: path.name
)
def test_each_file_has_one_subject(path):
    assert text_of(path).count("\n") < 400


def test_each_script_takes_only_what_those_before_it_share():
    shared: dict[str, set[str]] = {}
    for path in components.SCRIPTS[:-1]:
        source = text_of(path)
        for taken, part in re.findall(r"const \{([^}]*)\} =\s+Playground\.parts\.(\w+);", source):
            assert names(taken) <= shared.get(part, set()), (path.name, part)
        (given,) = re.findall(r"  Playground\.parts\.(\w+) = \{([^}]*)\};", source)
        assert given[0] not in shared, path.name
        shared[given[0]] = names(given[1])
    for taken, part in re.findall(
        r"const \{([^}]*)\} = parts\.(\w+);", text_of(components.SCRIPTS[-1])
    ):
        assert names(taken) <= shared[part], part


def test_scripts_leave_nothing_behind_but_their_one_object():
    assert re.findall(r"window\.\w+ = ", all_scripts()) == ["window.Playground = "]
    for path in components.SCRIPTS:
        outside = re.sub(r"^\{\n.*?^\}\n", "", text_of(path), flags=re.DOTALL | re.MULTILINE)
        lines = [line for line in outside.splitlines() if line and not line.startswith("//")]
        assert lines == ['"use strict";'], path.name


def test_every_file_carries_the_version_of_what_it_holds(tmp_path):
    for path in (*components.SCRIPTS, *components.STYLES):
        address = components._address(path)
        assert address in components.scripts() + components.page_head()
    copy = tmp_path / "dom.js"
    copy.write_text("1")
    before = components._address(copy)
    copy.write_text("2")
    assert components._address(copy) != before
    assert components._address(copy).partition("?")[0] == before.partition("?")[0]


def test_every_part_starts_a_function_that_the_page_is_given():
    last = text_of(components.SCRIPTS[-1])
    exported = re.search(r"Object\.assign\(Playground, \{(.*?)\n  \}\);", last, re.DOTALL).group(1)
    for name, part in every_part().items():
        assert part.js_on_load.startswith(f"Playground.{name}(")
        assert "\n" not in part.js_on_load
        assert re.search(rf"\b{name}\b", exported), name


def test_templates_hold_no_value():
    for part in every_part().values():
        assert "${" not in part.html_template and "{{" not in part.html_template


def test_text_never_becomes_markup():
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc",
        all_scripts(),
    )


def test_only_local_files_are_loaded():
    heads = [components.page_head(), *(part.head for part in every_part().values())]
    for head in heads:
        for address in re.findall(r"(?:src|href)=\"([^\"]*)\"", head):
            assert address.startswith("./gradio_api/file="), address
    sources = [*map(text_of, (*components.SCRIPTS, *components.STYLES)), *heads]
    for source in sources:
        assert not re.search(r"https?://|@import|url\(|//[a-z]+\.[a-z]", source)


def test_the_theme_fetches_no_font():
    look_of_page = theme.playground_theme()
    assert not look_of_page._stylesheets
    assert not re.search(r"@import|url\(\W?https?:", look_of_page._get_theme_css())


@pytest.mark.parametrize("make", ["begin", "poll", "order", "look"])
def test_server_functions_must_carry_the_name_the_page_calls(make):
    def other(data):
        return None

    with gr.Blocks(), pytest.raises(ValueError, match=make):
        if make == "look":
            components.attention_view("toy", {"run": "a"}, other)
        else:
            named = {"begin": begin, "poll": poll, "order": order, make: other}
            components.run_feed("toy", {"run": "a"}, *named.values())


def test_the_scripts_read_the_roles_that_the_figure_writes():
    roles = {one["meta"]["role"] for one in chart()["data"]}
    assert roles == {"ghost", "raw", "smooth", "validation"}
    for role in roles:
        assert re.search(rf"\b{role}\b", all_scripts()), role


def test_every_colour_the_scripts_ask_for_is_in_both_themes():
    light, _, dark = text_of(components.STYLES[0]).partition(".dark {")
    asked = set(re.findall(r"colour\(\"(\w+)\"\)", all_scripts())) | {"train", "validation"}
    for name in asked:
        assert f"--chart-{name}:" in light and f"--chart-{name}:" in dark, name
