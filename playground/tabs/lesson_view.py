"""The lesson under a tab: its text, section by section, and the code that runs."""

import inspect
import sys
from types import ModuleType

import gradio as gr

from lm.plan import Rung
from playground import lessons

# Modules that are shown after the model's own file.
BUILT_FROM = ("lm.layers.", "lm.models.", "lm.ngrams")


def build(rung: Rung) -> None:
    """Lay out a rung's lesson; must be called inside its `gr.Tab`."""
    module = sys.modules[rung.model.__module__]
    lay_out(rung.name, rung.title, module, _modules_used(module))


def lay_out(name: str, title: str, module: ModuleType, used: list[ModuleType]) -> None:
    """Lay out the lesson of a name.

    After the idea comes its own code, of one module; the modules that this is built from stand last, under one
    title.
    """
    sections = lessons.lesson(name, module.__doc__ or "").sections
    with gr.Column(elem_classes="lesson"):
        gr.Markdown(f"## How it works: {title}")
        for number, section in enumerate(sections):
            with gr.Accordion(section.title, open=section.title == "The idea"):
                gr.Markdown(
                    section.markdown,
                    latex_delimiters=list(lessons.LATEX_DELIMITERS),
                    container=False,
                )
            if number == 0:
                with gr.Accordion(f"The code that runs: {_file(module)}", open=False):
                    _code(module)
        if used:
            names = ", ".join(part.__name__.rpartition(".")[2] for part in used)
            with gr.Accordion(f"More code: {names}", open=False):
                for part in used:
                    gr.Markdown(f"### {_file(part)}")
                    _code(part)


def _file(module: ModuleType) -> str:
    return module.__name__.replace(".", "/") + ".py"


def _code(module: ModuleType) -> None:
    """The module's source, as text with colours: an editor for it would take the page longer to open."""
    source = f"`````python\n{inspect.getsource(module).rstrip()}\n`````"
    gr.Markdown(source, latex_delimiters=[], container=False, elem_classes="source")


def _modules_used(module: ModuleType) -> list[ModuleType]:
    """The modules of `BUILT_FROM` that a module uses, each before those that it uses itself."""
    found: list[ModuleType] = []
    for value in vars(module).values():
        name = str(getattr(value, "__module__", ""))
        if name.startswith(BUILT_FROM) and name != module.__name__:
            part = sys.modules[name]
            found += [m for m in [part, *_modules_used(part)] if m not in found]
    return found
