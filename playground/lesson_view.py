"""The lesson under a rung's tab: its text, section by section, and the code that runs."""

import inspect
import sys
from types import ModuleType

import gradio as gr

from lm.plan import Rung
from playground import lessons

BUILT_FROM = (
    "lm.layers.",
    "lm.models.",
    "lm.ngrams",
)  # modules that are shown after the model's own file


def build(rung: Rung) -> None:
    """Lay out the lesson; must be called inside the rung's `gr.Tab`."""
    module = sys.modules[rung.model.__module__]
    with gr.Column(elem_classes="lesson"):
        gr.Markdown(f"## How it works: {rung.title}")
        for section in lessons.lesson(rung.name, module.__doc__ or "").sections:
            with gr.Accordion(section.title, open=section.title == "The idea"):
                gr.Markdown(
                    section.markdown,
                    latex_delimiters=list(lessons.LATEX_DELIMITERS),
                    container=False,
                )
        for part in [module, *_modules_used(module)]:
            file = part.__name__.replace(".", "/") + ".py"
            with gr.Accordion(f"The code that runs: {file}", open=False):
                gr.Code(
                    inspect.getsource(part), language="python", interactive=False, show_label=False
                )


def _modules_used(module: ModuleType) -> list[ModuleType]:
    """The modules of `BUILT_FROM` that a module uses, each before those that it uses itself."""
    found: list[ModuleType] = []
    for value in vars(module).values():
        name = str(getattr(value, "__module__", ""))
        if name.startswith(BUILT_FROM) and name != module.__name__:
            part = sys.modules[name]
            found += [m for m in [part, *_modules_used(part)] if m not in found]
    return found
