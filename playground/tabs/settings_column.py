"""The left column of a rung's tab: recipe, settings, earlier runs, and the buttons of a run."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from lm.plan import Rung
from lm.settings import Setting
from playground import components, controls, tokens
from playground.tabs import masks, pretrained

ALWAYS_SHOWN = ("learning_rate", "steps", "batch_size")  # beside the model's own fields
OPEN = ("apart",)  # groups that are not folded


def shown_first(rung: Rung, fields: Mapping[str, Setting]) -> list[str]:
    """The settings above the groups: those of the model; of a pretrained one, whose are given, its start."""
    if pretrained.is_one(rung):
        own = ["context_length", *ALWAYS_SHOWN]
        return [*(n for n, f in fields.items() if f.group == "start"), *own]
    return [n for n, f in fields.items() if f.group == "model" or n in ALWAYS_SHOWN]


def settings(rung: Rung) -> tuple[gr.Dropdown, dict[str, Any], gr.Dropdown]:
    """Recipes; the controls by the name of their setting, in the order of `Rung.settings`; runs.

    The tokens have no controls here: the page's header chooses them for all tabs.
    """
    fields = {name: one for name, one in rung.settings().items() if name not in tokens.SETTINGS}
    made: dict[str, Any] = {}

    def make(names: list[str]) -> None:
        for name in names:
            made[name] = controls.control(fields[name], f"{rung.name}-{name}")

    shown = shown_first(rung, fields)
    with gr.Column(elem_classes="settings"):
        gr.Markdown(rung.idea, elem_classes="idea")
        recipe = gr.Dropdown(
            [recipe.name for recipe in rung.recipes],
            value=rung.usual,
            label="Recipe",
            info="\n".join(f"{recipe.name}: {recipe.help}" for recipe in rung.recipes),
            elem_id=f"recipe-{rung.name}",
            interactive=True,
            visible=len(rung.recipes) > 1,
        )
        make(shown)
        if pretrained.is_one(rung):
            pretrained.another(rung.name)
        for group, title in controls.GROUPS.items():
            names = [n for n, f in fields.items() if f.group == group and n not in shown]
            offered = [n for n in names if not fields[n].is_fixed]
            if names:  # settings with a single value are inputs of the handlers, too
                given = group == "model"  # by the model that others trained
                with gr.Accordion(title, open=group in OPEN, visible=bool(offered) and not given):
                    make(names)
                    if group == "pattern":
                        components.mask_designer(rung.name, masks.facts(rung))
        with gr.Accordion("Earlier runs", open=False):
            saved = gr.Dropdown(
                [],
                label="Open a run",
                info="Shows an included run, or one from the runs folder, with its settings.",
                elem_id=f"saved-{rung.name}",
                interactive=True,
            )
        gr.Markdown(controls.narrowed(rung), elem_classes="narrowed")
    components.settings_fold(rung.name)
    return recipe, {name: made[name] for name in fields}, saved


def buttons(key: str, with_seed: bool) -> dict[str, gr.Button]:
    """Every button; "New seed" only for a rung that has a seed.

    The run's feed sends Pause, Resume and Stop. The run's state decides which of the first three is visible
    (style/running.css).
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
            # In the place of Stop, once a run has ended:
            *([("go_on", "Go on")] if with_seed else []),
            ("reset", "Reset"),
            *([("seed", "New seed")] if with_seed else []),
        ):
            made[name] = gr.Button(
                label, size="sm", elem_classes=f"{name}-button", elem_id=f"{name}-{key}"
            )
    return made
