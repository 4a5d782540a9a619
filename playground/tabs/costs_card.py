"""What would it take? The card under the decoder that reckons what a GPT-2 or a GPT-3 takes to train."""

from html import escape
from typing import Any

import gradio as gr

from lm.costs.published import MODELS, PROCESSORS
from lm.costs.told import rows, sentence
from lm.costs.training import Take, of_published
from lm.models.decoder_transformer import DecoderTransformer
from lm.plan import Rung
from playground.tabs.events import QUICK

MOST_GPUS = 1_000_000
FIRST = ("gpt3", 1024, "a100")


def build(rung: Rung) -> None:
    """Lay the card out under the model that the published ones are; must be called inside its `gr.Tab`."""
    if rung.model is not DecoderTransformer:
        return
    models = [(model.title, name) for name, model in MODELS.items()]
    kinds = [(kind.title, name) for name, kind in PROCESSORS.items()]
    with (
        gr.Column(elem_classes="lesson costs", elem_id="costs"),
        gr.Accordion(
            "What would it take? This model, as large as the ones that became known", open=False
        ),
    ):
        with gr.Row(elem_classes="costs-form"):
            model = gr.Dropdown(models, value=FIRST[0], label="Model to train")
            gpus = gr.Number(FIRST[1], label="GPUs", precision=0, minimum=1, maximum=MOST_GPUS)
            kind = gr.Dropdown(kinds, value=FIRST[2], label="Kind of GPU")
        told = gr.HTML(table(*FIRST), elem_id="costs-told")
    for one in (model, gpus, kind):
        one.change(table, [model, gpus, kind], told, **QUICK)


def table(model: Any, gpus: Any, kind: Any) -> str:
    """The table and the sentence as HTML; what cannot be reckoned with is said in a sentence."""
    known = isinstance(model, str) and isinstance(kind, str)
    if not known or model not in MODELS or kind not in PROCESSORS:
        return "<p>Choose a model and a kind of GPU.</p>"
    if not isinstance(gpus, int | float) or not 1 <= gpus <= MOST_GPUS:
        return f"<p>Choose a number of GPUs from 1 to {MOST_GPUS:,}.</p>"
    take = Take(of_published(model), int(gpus), PROCESSORS[kind])
    lines = "".join(
        f"<tr><th scope='row'>{escape(label)}</th><td>{escape(value)}</td></tr>"
        for label, value in rows(take)
    )
    return (
        f"<p><strong>{escape(sentence(take), quote=False)}</strong></p><table>{lines}</table>"
        f"<p>The same for any settings of this page: <code>python -m lm plan {model}</code>, or "
        "<code>python -m lm plan decoder_transformer --n-layer 6 …</code></p>"
    )
