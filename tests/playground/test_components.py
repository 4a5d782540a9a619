"""The live parts: their files exist, nothing is fetched from elsewhere, no text becomes markup."""

import re

import gradio as gr
import pytest

from playground import components, theme
from playground.figures import loss, template


def poll(data):
    return None


def look(data):
    return None


def chart() -> dict:
    return template.as_json(loss.figure(steps=10, uniform=4.17))


def every_part() -> dict[str, gr.HTML]:
    with gr.Blocks():
        return {
            "runFeed": components.run_feed("toy", {"run": "a"}, poll, tab="rung-toy"),
            "liveFigure": components.live_figure("toy", chart()),
            "diary": components.diary("toy", prompt="ROMEO:"),
            "attentionView": components.attention_view("toy", {"run": "a"}, look, text="a"),
            "writing": components.writing("toy"),
            "headerTools": components.header_tools(),
            "ladderNotes": components.ladder_notes({"rung-toy": "2.48"}),
        }


def script() -> str:
    return components.SCRIPT.read_text(encoding="utf-8")


def test_the_static_files_exist():
    for path in (components.SCRIPT, components.STYLE, components.PLOTLY):
        assert path.is_file(), path


def test_every_part_starts_a_function_that_the_script_exports():
    exported = re.search(r"\n  return \{(.*?)\n  \};", script(), re.DOTALL).group(1)
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
        script(),
    )


def test_only_local_files_are_loaded():
    heads = [components.page_head(), *(part.head for part in every_part().values())]
    for head in heads:
        for address in re.findall(r"(?:src|href)=\"([^\"]*)\"", head):
            assert address.startswith("./gradio_api/file="), address
    sources = [script(), components.STYLE.read_text(encoding="utf-8"), *heads]
    for source in sources:
        assert not re.search(r"https?://|@import|url\(|//[a-z]+\.[a-z]", source)


def test_the_theme_fetches_no_font():
    look_of_page = theme.playground_theme()
    assert not look_of_page._stylesheets
    assert not re.search(r"@import|url\(\W?https?:", look_of_page._get_theme_css())


@pytest.mark.parametrize("make", ["poll", "look"])
def test_server_functions_must_carry_the_name_the_page_calls(make):
    def other(data):
        return None

    with gr.Blocks(), pytest.raises(ValueError, match=make):
        if make == "poll":
            components.run_feed("toy", {"run": "a"}, other)
        else:
            components.attention_view("toy", {"run": "a"}, other)


def test_the_script_reads_the_roles_that_the_figure_writes():
    roles = {one["meta"]["role"] for one in chart()["data"]}
    assert roles == {"ghost", "raw", "smooth", "validation"}
    for role in roles:
        assert re.search(rf"\b{role}\b", script()), role


def test_every_colour_the_script_asks_for_is_in_both_themes():
    style = components.STYLE.read_text(encoding="utf-8")
    light, dark = style.split(".dark {")[0], style.split(".dark {")[1].split("}")[0]
    asked = set(re.findall(r"colour\(\"(\w+)\"\)", script())) | {"train", "validation"}
    for name in asked:
        assert f"--chart-{name}:" in light and f"--chart-{name}:" in dark, name
