"""The one tab that serves every rung: controls on the left, what they do on the right, the lesson below.

Nothing here knows which rung it shows. What the controls do is in `actions.py`; how they are made from the
config's fields is in `controls.py`; the parts that move are in `components/`.
"""

import inspect
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import gradio as gr

from lm.generation import SamplingConfig
from lm.plan import Rung
from lm.settings import describe
from playground import components, controls, lessons
from playground.actions import Actions
from playground.looking import DEFAULT_TEXT, has_attention
from playground.services import Services

ALWAYS_SHOWN = ("learning_rate", "steps", "batch_size")  # beside the model's own fields
BUILT_FROM = (
    "lm.layers.",
    "lm.ngrams",
    "lm.models.ngram",
    "lm.models.single_head_attention",
)  # shown as code beside the model's own file


@dataclass(frozen=True)
class Tab:
    """What the page needs to fill a tab when it opens."""

    rung: Rung
    actions: Actions
    token: gr.BrowserState
    outputs: list[Any]  # of Actions.restore
    controls: list[Any]
    estimate: gr.HTML


def remembered_run(rung: Rung) -> gr.BrowserState:
    """The token of the rung's run, kept in the browser.

    It must stand outside the tabs: what is inside an unopened tab is not mounted, and would not be read.
    """
    return gr.BrowserState(None, storage_key=f"lm-run-{rung.name}", secret="language-models")


def build(
    rung: Rung,
    number: int,
    services: Services,
    token: gr.BrowserState,
    corpus: gr.BrowserState,
    share: gr.HTML,
) -> Tab:
    """Lay out one rung's tab and connect it; must be called inside the page's `gr.Tabs`."""
    key, actions = rung.name, Actions(rung, services)
    shipped = services.workers.shipped(key)

    def begin(data: list[Any]) -> Any:
        return actions.begin(data)

    def poll(data: list[Any]) -> Any:
        return actions.poll(data)

    def order(data: list[Any]) -> Any:
        return actions.order(data)

    def look(data: list[Any]) -> Any:
        return actions.look(data)

    with gr.Tab(f"{number}  {rung.title}", elem_id=f"rung-{key}", id=key) as tab:
        with gr.Row(elem_classes="rung", elem_id=f"panel-{key}"):
            with gr.Column(elem_classes="controls card"):
                recipe, settings, saved = _settings(rung)
                with gr.Column(elem_classes="run-box"):
                    estimate = gr.HTML(
                        "",
                        elem_classes="estimate",
                        apply_default_css=False,
                        elem_id=f"estimate-{key}",
                    )
                    buttons = _buttons(key, with_seed="seed" in settings)
                    feed = components.run_feed(
                        key, {"run": shipped}, begin, poll, order, tab=f"rung-{key}"
                    )
            with gr.Column(elem_classes="stage"):
                notice = gr.Markdown(
                    "", visible=False, elem_classes="notice", elem_id=f"notice-{key}"
                )
                with gr.Column(elem_classes="loss-card card"):
                    chart = components.live_figure(key, actions.chart(shipped))
                with gr.Column(elem_classes="samples-card card"):
                    components.diary(key)
                    _writing(key, actions, token)
                with gr.Column(elem_classes="attention-card card"):
                    components.attention_view(
                        key,
                        {"run": shipped},
                        look,
                        text=DEFAULT_TEXT,
                        has_attention=has_attention(rung),
                    )
        _lesson(rung)

    values = list(settings.values())
    outputs = [token, feed, chart, notice]
    _connect_run(key, buttons, [token, corpus, *values], outputs)
    _connect_settings(key, actions, settings, token, notice)
    new_seed = _connect_seed(key, actions, settings, buttons)
    restored = [*outputs, recipe, *values]
    saved.focus(actions.choices, token, saved, **QUICK)
    opened = saved.input(actions.open, saved, restored, **QUICK)
    followed = recipe.input(actions.follow, recipe, values, **QUICK)
    followed.then(None, js=f"() => {{ Playground.stale('{key}', true) }}")
    for changed in (opened, followed, *new_seed):
        changed.then(actions.name, values, [share, recipe], **QUICK)
    for control in values:
        control.change(actions.estimate, [corpus, *values], estimate, **_latest)
        control.input(actions.name, values, [share, recipe], **_latest)
    corpus.change(actions.estimate, [corpus, *values], estimate, **_latest)
    tab.select(actions.name, values, [share, recipe], **_latest)
    return Tab(rung, actions, token, restored, values, estimate)


# Straight to the server, past the queue: these answer in milliseconds.
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_latest: dict[str, Any] = {**QUICK, "trigger_mode": "always_last"}


def _settings(rung: Rung) -> tuple[gr.Dropdown, dict[str, Any], gr.Dropdown]:
    """Recipes; the controls by the name of their setting, in the order of `controls.settings_of`; runs."""
    fields = controls.settings_of(rung)
    made: dict[str, Any] = {}

    def make(names: list[str]) -> None:
        for name in names:
            made[name] = controls.control(fields[name], f"{rung.name}-{name}")

    shown = [n for n, f in fields.items() if f.group == "model" or n in ALWAYS_SHOWN]
    with gr.Column(elem_classes="settings"):
        gr.Markdown(rung.idea, elem_classes="idea")
        recipe = gr.Dropdown(
            [recipe.name for recipe in rung.recipes],
            value=rung.recipes[0].name,
            label="Recipe",
            info="\n".join(f"{recipe.name}: {recipe.help}" for recipe in rung.recipes),
            elem_id=f"recipe-{rung.name}",
            interactive=True,
            visible=len(rung.recipes) > 1,
        )
        make(shown)
        for group, title in controls.GROUPS.items():
            names = [n for n, f in fields.items() if f.group == group and n not in shown]
            if names:
                with gr.Accordion(title, open=False):
                    make(names)
        with gr.Accordion("Earlier runs", open=False):
            saved = gr.Dropdown(
                [],
                label="Open a run",
                info="The one that came along, and those in the runs folder, with their settings.",
                elem_id=f"saved-{rung.name}",
                interactive=True,
            )
        gr.Markdown(controls.narrowed(rung), elem_classes="narrowed")
    return recipe, {name: made[name] for name in fields}, saved


def _buttons(key: str, with_seed: bool) -> dict[str, gr.Button]:
    """Every button, "New seed" where chance plays a part. The run's feed sends Pause, Resume and Stop.

    Which of the first three shows is decided by the run's state (style/running.css).
    """
    made = {
        name: gr.Button(
            label, variant="primary", elem_classes=f"{name}-button", elem_id=f"{name}-{key}"
        )
        for name, label in (("train", "▶  Train"), ("pause", "❚❚  Pause"), ("resume", "▶  Resume"))
    }
    with gr.Row(elem_classes="minor-buttons"):
        for name, label in (
            ("step", "Step"),
            ("stop", "Stop"),
            ("reset", "Reset"),
            *([("seed", "New seed")] if with_seed else []),
        ):
            made[name] = gr.Button(
                label, size="sm", elem_classes=f"{name}-button", elem_id=f"{name}-{key}"
            )
    return made


def _connect_run(
    key: str, buttons: dict[str, gr.Button], inputs: list[Any], outputs: list[Any]
) -> None:
    """Train, Step and Reset: the run's feed calls the server (status_strip.js), Gradio knows the settings.

    An event with a function on the server would tell every component of the page three times how it stands.
    """
    for name in ("train", "step", "reset"):
        begin = f"(...inputs) => Playground.begin('{key}', '{name}', inputs)"
        buttons[name].click(None, inputs, outputs, js=begin)


def _connect_settings(
    key: str,
    actions: Actions,
    settings: dict[str, Any],
    token: gr.BrowserState,
    notice: gr.Markdown,
) -> None:
    stale = f"() => {{ Playground.stale('{key}', true) }}"
    for name, control in settings.items():
        if name == "learning_rate":  # takes hold at once in a run that trains; else it waits, too
            control.input(actions.change_learning_rate, [token, control], notice, **QUICK)
            control.input(None, js=f"() => {{ if (!Playground.live('{key}')) ({stale})() }}")
        else:
            control.input(None, js=stale)


def _connect_seed(
    key: str, actions: Actions, settings: dict[str, Any], buttons: dict[str, gr.Button]
) -> list[Any]:
    """The events of "New seed", where chance plays a part."""
    if "seed" not in buttons:
        return []
    clicked = buttons["seed"].click(actions.new_seed, None, settings["seed"], **QUICK)
    clicked.then(None, js=f"() => {{ Playground.stale('{key}', true) }}")
    return [clicked]


def _writing(key: str, actions: Actions, token: gr.BrowserState) -> None:
    with gr.Column(elem_classes="write"):
        with gr.Row(elem_classes="write-row"):
            gr.HTML("Write", elem_classes="card-title", apply_default_css=False)
            prompt = gr.Textbox(
                "ROMEO:",
                show_label=False,
                container=False,
                max_lines=1,
                elem_classes="prompt",
                elem_id=f"prompt-{key}",
                interactive=True,
            )
            go = gr.Button("Sample", elem_classes="sample-button", elem_id=f"sample-{key}")
        with gr.Row(elem_classes="write-settings"):
            values = [
                controls.control(field, f"{key}-sample-{field.name}")
                for field in describe(SamplingConfig)
            ]
        text = components.writing(key)
    for event in (go.click, prompt.submit):
        event(
            actions.write,
            [token, prompt, *values],
            text,
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=4,
            concurrency_id="writing",
            trigger_mode="multiple",
        )


def _lesson(rung: Rung) -> None:
    module = sys.modules[rung.config.__module__]
    with gr.Column(elem_classes="lesson"):
        gr.Markdown(f"## How it works: {rung.title}")
        for section in lessons.lesson(rung.name, module.__doc__ or "").sections:
            with gr.Accordion(section.title, open=section.title == "The idea"):
                gr.Markdown(
                    section.markdown,
                    latex_delimiters=list(lessons.LATEX_DELIMITERS),
                    container=False,
                )
        for part in [module, *_parts(module)]:
            file = part.__name__.replace(".", "/") + ".py"
            with gr.Accordion(f"The code that runs: {file}", open=False):
                gr.Code(
                    inspect.getsource(part), language="python", interactive=False, show_label=False
                )


def _parts(module: ModuleType) -> list[ModuleType]:
    """The modules of `lm` that a model is built from, each before those it uses."""
    found: list[ModuleType] = []
    for value in vars(module).values():
        name = str(getattr(value, "__module__", ""))
        if name.startswith(BUILT_FROM) and name != module.__name__:
            part = sys.modules[name]
            found += [m for m in [part, *_parts(part)] if m not in found]
    return found
