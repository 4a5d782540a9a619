"""The card of a model's tab with its samples: what it writes while it learns, and on demand.

Of a text these are the diary and Write, of pairs the held-out lines and Try one.
"""

from typing import Any

import gradio as gr

from lm.generation import SamplingConfig
from lm.plan import Rung
from lm.rewriting import GREEDY
from lm.settings import describe
from playground import components
from playground.serving.visitors import visitor_of
from playground.tabs import controls
from playground.tabs.actions import Actions
from playground.tabs.events import AS_TYPED

PROMPT = "ROMEO:"  # until another is typed
LINE = "eighty-four"  # the same of a model that rewrites; the page puts one of the run's lines in its place


def _writing(key: str, actions: Actions) -> dict[str, Any]:
    """Write: a prompt, the sampling settings, and the text. The page puts the run and step shown in `asked`.

    Returns the prompt and the controls of the settings by name.
    """
    with gr.Column(elem_classes="write of-text"):
        with gr.Row(elem_classes="write-row"):
            gr.HTML("Write", elem_classes="card-title", apply_default_css=False)
            prompt = gr.Textbox(
                PROMPT,
                label="The text to continue",  # read out, not shown
                show_label=False,
                container=False,
                max_lines=1,
                elem_classes="prompt",
                elem_id=f"prompt-{key}",
                interactive=True,
            )
            go = gr.Button("Sample", elem_classes="sample-button", elem_id=f"sample-{key}")
        with gr.Row(elem_classes="write-settings"):
            values = {
                field.name: controls.control(field, f"{key}-sample-{field.name}")
                for field in describe(SamplingConfig)
            }
        usual = {field.name: field.default for field in describe(SamplingConfig)}
        text = components.writing(key, PROMPT, usual)
        asked = gr.JSON(None, visible=False)

    def write(request: gr.Request, *inputs: Any) -> Any:
        session = request.session_hash
        yield from actions.write(*inputs, visitor=visitor_of(request), session=session)

    for event in (go.click, prompt.submit):
        event(
            write,
            [asked, prompt, *values.values()],
            text,
            js=f"(...inputs) => Playground.askToWrite('{key}', inputs)",
            **AS_TYPED,
            concurrency_limit=4,
            concurrency_id="writing",
            trigger_mode="multiple",
        )
    told = f"(...inputs) => import('playground').then(() => Playground.asWritten('{key}', inputs))"
    inputs: list[Any] = [prompt, *values.values()]
    gr.on([one.change for one in inputs], None, inputs, js=told, trigger_mode="multiple")
    return {"prompt": prompt, **values}


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


def _trying(rung: Rung, actions: Actions) -> dict[str, Any]:
    """Try one: a line, how to choose the answer, and the answer. Returns the line and the control by name."""
    key = rung.name
    # Write has these names on a tab that has both.
    box, press = ("prompt", "sample") if rung.rewrites else ("line", "answer")
    field = next(one for one in describe(SamplingConfig) if one.name == "temperature")
    with gr.Column(elem_classes="write try-one of-pairs"):
        with gr.Row(elem_classes="write-row"):
            gr.HTML("Try one", elem_classes="card-title", apply_default_css=False)
            line = gr.Textbox(
                LINE,
                label="The line to rewrite",  # read out, not shown
                show_label=False,
                container=False,
                max_lines=1,
                elem_classes="prompt",
                elem_id=f"{box}-{key}",
                interactive=True,
            )
            go = gr.Button("Answer", elem_classes="sample-button", elem_id=f"{press}-{key}")
        with gr.Row(elem_classes="write-settings"):
            named = f"{key}-{press}-temperature"
            temperature = controls.control(field.with_default(GREEDY.temperature), named)
        usual = {field.name: GREEDY.temperature}
        text = components.trying(key, f"{box}-{key}", LINE, usual, linked=rung.rewrites)
        asked = gr.JSON(None, visible=False)

    def answer(request: gr.Request, *inputs: Any) -> Any:
        asked, line, temperature = inputs
        return actions.rewrite(asked, line, temperature, visitor=visitor_of(request))

    for event in (go.click, line.submit):
        event(
            answer,
            [asked, line, temperature],
            text,
            js=f"(...inputs) => Playground.askToWrite('{key}', inputs)",
            **AS_TYPED,
            concurrency_limit=4,
            concurrency_id="writing",
            trigger_mode="multiple",
        )
    if rung.rewrites:
        told = (
            f"(...inputs) => import('playground').then(() => Playground.asWritten('{key}', inputs))"
        )
        inputs: list[Any] = [line, temperature]
        gr.on([one.change for one in inputs], None, inputs, js=told, trigger_mode="multiple")
    return {"prompt": line, "temperature": temperature}
