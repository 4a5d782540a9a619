"""The card of a model's tab with its samples: what it writes while it learns, and on demand.

Of a text these are the diary and Write, of pairs the held-out lines and Try one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from lm.generation import SamplingConfig
from lm.plan import Rung
from lm.rewriting import GREEDY
from lm.settings import Setting, describe
from playground import components, controls
from playground.serving.visitors import visitor_of
from playground.tabs.actions import Actions
from playground.tabs.events import AS_TYPED

PROMPT = "ROMEO:"  # until another is typed
LINE = "eighty-four"  # the same of a model that rewrites; the page puts one of the run's lines in its place


@dataclass(frozen=True)
class Form:
    """A line to type, a button, and the settings of the answer, which stands under them."""

    classes: str
    title: str
    line: str  # until another is typed
    label: str  # of the line; read out, not shown
    box: str  # the line's elem_id, before the name of the model
    button: str
    press: str  # the same of the button, and of the settings
    fields: tuple[Setting, ...]
    linked: bool  # whether the address of the page tells line and settings


def build(rung: Rung, actions: Actions) -> dict[str, Any]:
    """What the model writes while it learns, and on demand: of a text, of pairs, or of both.

    Of both, the page shows what fits the run (style/pairs.css). Returns the controls that links and guides set.
    """
    key, write = rung.name, dict[str, Any]()
    if not rung.rewrites:
        components.diary(key, classes="of-text")
        write = _writing(key, actions)
    if rung.rewrites or rung.answers:
        components.pairs_diary(key, classes="of-pairs")
        trying = _trying(rung, actions)
        write = write or trying
    return write


def _writing(key: str, actions: Actions) -> dict[str, Any]:
    """Write: a prompt, the sampling settings, and the text."""
    form = Form(
        classes="write of-text",
        title="Write",
        line=PROMPT,
        label="The text to continue",
        box="prompt",
        button="Sample",
        press="sample",
        fields=tuple(describe(SamplingConfig)),
        linked=True,
    )

    def write(request: gr.Request, *inputs: Any) -> Any:
        session = request.session_hash
        yield from actions.write(*inputs, visitor=visitor_of(request), session=session)

    return _form(key, form, lambda usual: components.writing(key, PROMPT, usual), write)


def _trying(rung: Rung, actions: Actions) -> dict[str, Any]:
    """Try one: a line, how to choose the answer, and the answer."""
    key, linked = rung.name, rung.rewrites
    # Write has these names on a tab that has both.
    box, press = ("prompt", "sample") if rung.rewrites else ("line", "answer")
    field = next(one for one in describe(SamplingConfig) if one.name == "temperature")
    form = Form(
        classes="write try-one of-pairs",
        title="Try one",
        line=LINE,
        label="The line to rewrite",
        box=box,
        button="Answer",
        press=press,
        fields=(field.with_default(GREEDY.temperature),),
        linked=linked,
    )

    def answer(request: gr.Request, *inputs: Any) -> Any:
        asked, line, temperature = inputs
        return actions.rewrite(asked, line, temperature, visitor=visitor_of(request))

    def show(usual: dict[str, Any]) -> gr.HTML:
        return components.trying(key, f"{box}-{key}", LINE, usual, linked=linked)

    return _form(key, form, show, answer)


def _form(
    key: str, form: Form, show: Callable[[dict[str, Any]], gr.HTML], answer: Callable[..., Any]
) -> dict[str, Any]:
    """Lay a form out and connect it; returns the line, "prompt", and the controls of its settings by name.

    show: makes the component of the answer, from the usual values of the settings. answer: its handler, in the
    place of whose first input the page puts the run and the step shown.
    """
    with gr.Column(elem_classes=form.classes):
        with gr.Row(elem_classes="write-row"):
            gr.HTML(form.title, elem_classes="card-title", apply_default_css=False)
            line = gr.Textbox(
                form.line,
                label=form.label,
                show_label=False,
                container=False,
                max_lines=1,
                elem_classes="prompt",
                elem_id=f"{form.box}-{key}",
                interactive=True,
            )
            go = gr.Button(form.button, elem_classes="sample-button", elem_id=f"{form.press}-{key}")
        with gr.Row(elem_classes="write-settings"):
            values = {
                field.name: controls.control(field, f"{key}-{form.press}-{field.name}")
                for field in form.fields
            }
        text = show({field.name: field.default for field in form.fields})
        asked = gr.JSON(None, visible=False)

    inputs: list[Any] = [line, *values.values()]
    for event in (go.click, line.submit):
        event(
            answer,
            [asked, *inputs],
            text,
            js=f"(...inputs) => Playground.askToWrite('{key}', inputs)",
            **AS_TYPED,
            concurrency_limit=4,
            concurrency_id="writing",
            trigger_mode="multiple",
        )
    if form.linked:
        told = f"(...now) => import('playground').then(() => Playground.asWritten('{key}', now))"
        gr.on([one.change for one in inputs], None, inputs, js=told, trigger_mode="multiple")
    return {"prompt": line, **values}
