"""The page's live parts as Gradio components: factories over `gr.HTML`, one script behind them.

Every part of a rung's tab shares `key`, the rung's name.  `run_feed` polls the run and the others
draw what it brings; none of them puts text of a model or a visitor into markup.  The behaviour is
in the scripts of this folder, which share one object, `window.Playground`; what a component starts
stands in `playground.js`.

They are classic scripts rather than modules: Gradio waits for the scripts in a component's `head`
before it starts the component, but drops their `type`, and what a module imports by a relative
address would carry no version and so could come stale out of the browser's cache.

These are functions rather than subclasses because Gradio writes a `.pyi` file beside the source of
every component class with events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import plotly

_FOLDER = Path(__file__).parent

# Each takes from those before it; Gradio runs them in this order.
SCRIPTS = tuple(
    _FOLDER / f"{name}.js"
    for name in (
        "dom",
        "wording",
        "appearance",
        "tooltip",
        "feed",
        "ladder",
        "status_strip",
        "loss_points",
        "loss_axes",
        "loss_chart",
        "diary",
        "heat_map",
        "attention_picture",
        "attention_view",
        "writing",
        "header",
        "playground",
    )
)

# In the order of the cascade: where two rules weigh the same, the later one holds.
STYLES = tuple(
    _FOLDER.parent / "style" / f"{name}.css"
    for name in (
        "colours",
        "page",
        "ladder_and_stage",
        "settings",
        "running",
        "figures",
        "writing",
        "attention",
        "lesson",
        "small_screens",
        "tooltip",
    )
)

PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"

FIRST = _FOLDER / "first.js"  # belongs to the page, not to a component

ServerFunction = Callable[[list[Any]], Any]


def serve_static() -> None:
    """Let Gradio serve the scripts and the style sheets; call once before `launch`."""
    gr.set_static_paths([*SCRIPTS, *STYLES, PLOTLY])


def page_head() -> str:
    """What belongs into the page's head (`launch(head=...)`): the styles.

    Not `launch(css_paths=...)`: Gradio would write every rule twice, once behind its own prefix, and
    the rules inside media queries only behind it.
    """
    links = (f'<link rel="stylesheet" href="{_address(path)}">' for path in STYLES)
    return "".join(links)


def page_first() -> str:
    """What must run before Gradio's own scripts."""
    return f"<script>{FIRST.read_text('utf-8')}</script>"


@cache
def scripts(with_plotly: bool = True) -> str:
    """The script tags a component asks for; Gradio loads each address once a page."""
    return "".join(_script(path) for path in ((PLOTLY, *SCRIPTS) if with_plotly else SCRIPTS))


def run_feed(
    key: str,
    value: Mapping[str, Any],
    begin: ServerFunction,
    poll: ServerFunction,
    order: ServerFunction,
    tab: str = "",
) -> gr.HTML:
    """The status strip of a rung, which polls the run `value["run"]` for all its other parts.

    begin, poll and order: plain functions of these names, each of one list.  `poll` is called with [token,
    from, from_events]; its answer is described in `playground/run_view.py`.  `order`, whose list ends with
    "pause", "resume" or "stop", is called at a click on the button `pause-KEY`, and so on, in the same
    `.run-box`, and answers as `poll` does.  `begin` is called with what the page's `Playground.begin` is
    given, and answers {"run": token, "chart": value of `live_figure`}, {} or {"error": sentence}.  tab:
    elem_id of the rung's gr.Tab, whose second line then tells the best loss so far.
    """
    server = _named(["begin", "poll", "order"], [begin, poll, order])
    return _component("runFeed", dict(value), server=server, plotly_too=False, feed=key, tab=tab)


def live_figure(key: str, value: dict[str, Any]) -> gr.HTML:
    """The loss chart with its axis switches; value: `figures.template.as_json` of a loss figure."""
    return _component("liveFigure", value, classes="live-figure-block", feed=key)


def diary(key: str, prompt: str = "") -> gr.HTML:
    """Samples while it learns, newest last; prompt: what every sample continues, if anything."""
    return _component(
        "diary", None, classes="diary-block", plotly_too=False, feed=key, prompt=prompt
    )


def attention_view(
    key: str,
    value: Mapping[str, Any],
    look: ServerFunction,
    text: str = "",
    has_attention: bool = True,
) -> gr.HTML:
    """Where each character looks, or for a rung without attention its next-character table.

    look: a plain function called `look`, of one list [token, step or None, text].
    """
    return _component(
        "attentionView",
        dict(value),
        server=_named(["look"], [look]),
        classes="attention-block",
        feed=key,
        text=text,
        attends=has_attention,
    )


def writing(key: str, value: dict[str, Any] | None = None) -> gr.HTML:
    """Generated text, token by token, each with its probability and its alternatives.

    value: {"prompt": str, "tokens": [[text, probability, [[text, probability], ...]], ...],
    "done": bool, "note": str or None}, or None for nothing yet.
    """
    return _component("writing", value, classes="writing-block", plotly_too=False, feed=key)


def header(title: str, tagline: str = "") -> gr.HTML:
    """The page's title; both texts are the project's own."""
    return gr.HTML(
        f"<h1>{title}</h1><span class='tagline'>{tagline}</span>",
        js_on_load=None,
        apply_default_css=False,
        elem_classes="page-title",
    )


def header_tools(value: Mapping[str, Any] | None = None) -> gr.HTML:
    """Share and ◐; value: {"query": "a=1&b=2"} for the link, or None for the page's address."""
    return _component(
        "headerTools", dict(value or {}), classes="header-tools", plotly_too=False, feed=""
    )


def ladder_notes(value: Mapping[str, str], keep_alive: ServerFunction) -> gr.HTML:
    """The second lines of the tabs, elem_id of the tab to text; shows nothing itself.

    keep_alive: a plain function of this name, of one list: what `Playground.keepAlive` is given, the tokens
    of the runs that the page watches.
    """
    server = _named(["keep_alive"], [keep_alive])
    return _component(
        "ladderNotes", dict(value), server=server, classes="ladder-notes", plotly_too=False, feed=""
    )


def _named(names: list[str], functions: list[ServerFunction]) -> list[ServerFunction]:
    """The functions, if they have the names by which the scripts call them."""
    if (found := [function.__name__ for function in functions]) != names:
        raise ValueError(f"the page calls functions by the names {names}, not {found}")
    return functions


def _component(
    name: str,
    value: Any,
    *,
    server: list[ServerFunction] | None = None,
    classes: str = "",
    plotly_too: bool = True,
    **props: Any,
) -> gr.HTML:
    arguments = "element, props, watch" + (", server" if server else "")
    return gr.HTML(
        value,
        html_template="<div class='part'></div>",
        js_on_load=f"Playground.{name}(element.firstElementChild, {arguments.partition(', ')[2]})",
        apply_default_css=False,
        head=scripts(plotly_too),
        server_functions=server,
        elem_classes=["part-block", *classes.split()],
        **props,
    )


def _script(path: Path) -> str:
    return f'<script src="{_address(path)}"></script>'


def _address(path: Path) -> str:
    """Where Gradio serves the file; the version makes a browser fetch it anew when it changed."""
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return f"./gradio_api/file={quote(str(path))}?v={version}"
