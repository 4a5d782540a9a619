"""The page's live parts as Gradio components: factories over `gr.HTML`, with their behaviour in JavaScript.

Every part of a rung's tab shares `key`, the rung's name. `run_feed` polls the run and the others
draw its record; none of them puts text of a model or a visitor into markup.

A component imports `playground.js` under the name "playground" when it mounts; `files.py` has the page load it.

These are functions rather than subclasses because Gradio writes a `.pyi` file beside the source of
every component class with events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from playground.components.files import PLOTLY, address

ServerFunction = Callable[..., Any]  # of a list, and of the request if it asks for one


def run_feed(
    key: str,
    value: Mapping[str, Any],
    settings: Sequence[Sequence[Any]],
    recipes: Mapping[str, Sequence[Any]],
    begin: ServerFunction,
    poll: ServerFunction,
    order: ServerFunction,
) -> gr.HTML:
    """The status strip of a rung, which polls the run `value["run"]` for all its other parts.

    value: {"run": token or None, "trained": {"text": key, "values": of the settings} or missing}.  settings:
    [name, title, usual value] of each setting, in the order of the values.  recipes: values by name.

    begin, poll and order: plain functions of these names, each of one list. `poll` is called with
    [token, from, from_events]; its answer is described in `playground/runs/run_view.py`. `order`, whose
    list ends with "pause", "resume" or "stop", is called at a click on the button `pause-KEY`, and so on, in
    the same `.run-box`, and answers as `poll` does. `begin` is called with the arguments of the page's
    `Playground.begin`, and answers a feed's value with "chart", the value of `live_figure`; or {}, or {"error":
    sentence}. The second line of the gr.Tab `rung-KEY` shows the best loss.
    """
    server = _named(["begin", "poll", "order"], [begin, poll, order])
    return _component(
        "runFeed",
        dict(value),
        server=server,
        feed=key,
        settings=[list(one) for one in settings],
        recipes=[[name, list(values)] for name, values in recipes.items()],
        included=value["run"],
    )


def notice(elem_id: str) -> gr.HTML:
    """A sentence of which nothing is markup, hidden until there is one (`model_tab.notice`)."""
    return _component("notice", "", classes="notice", elem_id=elem_id, visible=False)


def estimate(key: str, estimate: ServerFunction) -> gr.HTML:
    """Parameters and predicted time of the settings that a rung's controls show, asked for as they change.

    estimate: a plain function of this name, of one list [text, *values]; its answer is described at
    `Actions.estimate`.
    """
    server = _named(["estimate"], [estimate])
    return _component(
        "estimate", None, server=server, classes="estimate", elem_id=f"estimate-{key}", feed=key
    )


def mask_designer(key: str, facts: Mapping[str, Any]) -> gr.HTML:
    """Who may look where with the settings that the controls show; facts: of `playground/tabs/masks.py`."""
    return _component("maskDesigner", None, classes="mask-designer", feed=key, facts=dict(facts))


def settings_fold(key: str) -> gr.HTML:
    """The line under the settings of a tab that names those below the fold."""
    return _component("settingsFold", None, classes="settings-fold-block", feed=key)


def live_figure(
    key: str, value: dict[str, Any], table: ServerFunction, poll: ServerFunction
) -> gr.HTML:
    """The loss chart with its axis switches; value: `figures.template.as_json` of a loss figure.

    table and poll: plain functions of these names, for the runs that one lays over it (`comparison.py`).
    """
    server = _named(["table", "poll"], [table, poll])
    return _component(
        "liveFigure", value, server=server, classes="live-figure-block", plotly_too=True, feed=key
    )


def diary(key: str, classes: str = "") -> gr.HTML:
    """What the model writes at each stage of its run, newest last."""
    return _component("diary", None, classes=f"diary-block {classes}", feed=key)


def pairs_diary(key: str, classes: str = "") -> gr.HTML:
    """The same held-out lines at each stage of a run on pairs, as they become right."""
    return _component("pairsDiary", None, classes=f"diary-block {classes}", feed=key)


def trying(key: str, box: str, line: str, usual: Mapping[str, Any], *, linked: bool) -> gr.HTML:
    """A model's answer to a visitor's line; its value is an answer of `Actions.rewrite`.

    box: the elem_id of the line's; line: the usual one; usual: values of the controls beside it, by name.
    linked: whether a link tells them.
    """
    both = [[name, given] for name, given in {"prompt": line, **usual}.items()]
    return _component(
        "trying", None, classes="trying-block", feed=key, box=box, usual=both, linked=linked
    )


def start(value: Mapping[str, Any], *server: ServerFunction) -> gr.HTML:
    """The Start tab; value: of `playground/tabs/ladder_data.py`.

    server: plain functions called `race` [text, tokens, budget], `state` [race], `steer` [race, order] and
    `poll`, as of `run_feed`; each of one list.
    """
    functions = _named(["race", "state", "steer", "poll"], list(server))
    return _component(
        "start", dict(value), server=functions, classes="start-block", plotly_too=True
    )


def board(entries: ServerFunction, put: ServerFunction, withdraw: ServerFunction) -> gr.HTML:
    """The class board; plain functions of these names (`playground/tabs/board_tab.py`).

    `entries` is called with the owner of the page, `put` with a list [name, token, owner], `withdraw` with
    [entry, owner]; each answers {"entries": as `Board.listed`} or {"error": a sentence}.
    """
    server = _named(["entries", "put", "withdraw"], [entries, put, withdraw])
    return _component("board", None, server=server, classes="board-block")


def pretrained(key: str, packaged: bool, newest: ServerFunction) -> gr.HTML:
    """The card of the tab of models that others trained; packaged: whether SmolLM2 is on this machine.

    newest: a plain function of this name; it answers {"run": the token of a model that is here, or None}.
    """
    server = _named(["newest"], [newest])
    return _component(
        "pretrained",
        None,
        server=server,
        classes="pretrained-block",
        feed=key,
        packaged=packaged,
    )


def runs(
    sampling: Sequence[Mapping[str, Any]],
    models: Sequence[Mapping[str, Any]],
    *server: ServerFunction,
) -> gr.HTML:
    """The Runs tab; sampling: the fields of the sampling settings, of `playground/tabs/runs_tab.py`.

    models: that can be swept, of `playground/runs/sweep_form.py`. server: plain functions called `table`,
    `poll`, `settings`, `change`, `remove` and `restore`, each of one value; see
    `playground/runs/comparison.py`; and `costs`, `sweep`, `swept` and `steer`, each of a list; see
    `playground/runs/sweeping.py`. Its value is an answer of `RunsTab.write`.
    """
    names = ["table", "poll", "settings", "change", "remove", "restore"]
    names += ["costs", "sweep", "swept", "steer"]
    functions = _named(names, list(server))
    return _component(
        "runs",
        None,
        server=functions,
        classes="runs-block",
        plotly_too=True,
        sampling=list(sampling),
        models=list(models),
    )


def guide(
    key: str, steps: Sequence[Mapping[str, Any]], happened: ServerFunction, following: str | None
) -> gr.HTML:
    """The strip with the guide of a rung; steps: of `playground/tabs/guiding.py`.

    following: the rung whose guide comes after it. happened: a plain function of this name, of one list
    [step, token shown, token of the run before].
    """
    return _component(
        "guide",
        None,
        server=_named(["happened"], [happened]),
        classes="guide-block",
        feed=key,
        steps=list(steps),
        following=following,
    )


def tokens(cut_text: ServerFunction, play: ServerFunction, **props: Any) -> gr.HTML:
    """The Tokens tab; plain functions of these names, as `TokensTab.cut` and `TokensTab.play`.

    props: examples [[name, title], ...], example (the first), sides [left, right], vocabularies, sentence, most
    [characters that are cut, characters that are played].
    """
    server = _named(["cut_text", "play"], [cut_text, play])
    return _component("tokens", None, server=server, classes="tokens-block", **props)


def tokens_guide(steps: Sequence[Mapping[str, Any]], happened: ServerFunction) -> gr.HTML:
    """The strip with the guide of the Tokens tab; as `guide`, but a step sets what that tab shows.

    happened: a plain function of this name, of one list [step, what the tab asked to be cut].
    """
    return _component(
        "tokensGuide",
        None,
        server=_named(["happened"], [happened]),
        classes="guide-block",
        feed="tokens",
        steps=list(steps),
        following=None,
    )


def inside_view(
    key: str, look: ServerFunction, cost: ServerFunction, text: str, views: Sequence[str]
) -> gr.HTML:
    """The card with the inside of the model; views: their names (`looking/inside.py`), the first one opens.

    look and cost: plain functions of these names. `look` takes one list [token, step or None, text, view,
    more], with {"cell": [layer, head, row, column], "off": [[layer, head], ...]} as `more`; `cost` takes
    [token, step or None, off].
    """
    return _component(
        "insideView",
        None,
        server=_named(["look", "cost"], [look, cost]),
        classes="attention-block",
        plotly_too=True,
        feed=key,
        text=text,
        views=list(views),
    )


def writing(key: str, prompt: str, sampling: Mapping[str, Any]) -> gr.HTML:
    """Generated text, token by token, each with its probability and its alternatives.

    prompt: the usual one; sampling: the usual values of the sampling settings by name.

    Its value is None for nothing yet, and then {"prompt": str, "tokens": [[text, probability, [[text,
    probability], ...]], ...], "done": bool, "note": str or None, "step": int, "asked": the number of the
    request}.
    """
    usual = [[name, given] for name, given in {"prompt": prompt, **sampling}.items()]
    return _component("writing", None, classes="writing-block", feed=key, usual=usual)


def header(title: str, tagline: str = "") -> gr.HTML:
    """The page's title; both texts are the project's own."""
    return gr.HTML(
        f"<h1>{title}</h1><span class='tagline'>{tagline}</span>",
        js_on_load=None,
        apply_default_css=False,
        elem_classes="page-title",
    )


def header_tools(base: str = "") -> gr.HTML:
    """Share, Guide, ▣ and ◐; base: the address that Share puts before the parameters, "" for the page's own."""
    return _component("headerTools", None, classes="header-tools", feed="", base=base)


def ladder_notes(
    value: Mapping[str, Any],
    keep_alive: ServerFunction,
    count: ServerFunction,
    pairs: Sequence[Sequence[str]] = ((), ()),
) -> gr.HTML:
    """The second lines of the tabs, elem_id of the tab to {"loss", "text": its key}; shows nothing itself.

    A run on pairs has its share of right lines, "right". A number of another text than the chosen one is not
    shown. pairs: the models that learn from pairs, and the tasks that do.
    keep_alive: a plain function of this name, of one list: the tokens of the runs that the page watches,
    which is the argument of `Playground.keepAlive`. count: likewise; it answers how many runs there are.
    """
    server = _named(["keep_alive", "count"], [keep_alive, count])
    return _component(
        "ladderNotes",
        dict(value),
        server=server,
        classes="ladder-notes",
        feed="",
        pairs=list(map(list, pairs)),
    )


def opening(
    included: Sequence[Sequence[str | None]], outputs: int, restore: ServerFunction
) -> gr.HTML:
    """Asks the server what a page shows when it opens; shows nothing itself.

    included: [model, the run that its tab shows] of each tab. outputs: how many the event `Playground.opened`
    has. restore: a plain function of this name; it is described at `Opening.answer`.
    """
    server = _named(["restore"], [restore])
    return _component(
        "opening",
        None,
        server=server,
        classes="ladder-notes",
        feed="",
        included=list(map(list, included)),
        outputs=outputs,
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
    plotly_too: bool = False,
    elem_id: str | None = None,
    **props: Any,
) -> gr.HTML:
    server_too = ", server" if server else ""
    return gr.HTML(
        value,
        html_template="<div class='part'></div>",
        js_on_load=f"import('playground').then((page) => "
        f"page.{name}(element.firstElementChild, props, watch{server_too}))",
        apply_default_css=False,
        head=f'<script src="{address(PLOTLY)}"></script>' if plotly_too else None,
        server_functions=server,
        elem_classes=["part-block", *classes.split()],
        elem_id=elem_id,
        **props,
    )
