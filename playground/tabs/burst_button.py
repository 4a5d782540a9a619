"""The button of a GPU burst: the plan that a tab shows trains on a GPU that the Space lends to its visitor.

The event goes through Gradio's queue, because ZeroGPU tells by it whose quota it is. It lasts as long as the
training, and closing the page ends it.
"""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from lm.errors import Problem
from playground import controls
from playground.serving.zero_gpu import Burst
from playground.tabs.actions import Actions, Answer
from playground.tabs.events import AS_TYPED
from playground.tokens import config_of

LABEL = "⚡ GPU burst"


def button(key: str) -> gr.Button:
    """It stands beside Step and Reset, where there is such a GPU."""
    return gr.Button(LABEL, size="sm", elem_classes="burst-button", elem_id=f"burst-{key}")


def burst(
    actions: Actions, lend: Burst, corpus: Any, tokens: Any, values: list[Any]
) -> Iterator[Answer]:
    """Show the new run, then let it train; nothing changes while it does. A `Problem` is one sentence.

    values: of the tab's controls.
    """
    library, texts = actions.library, actions.services.texts
    try:
        config = config_of(tokens)
        tokenizer = {"tokenizer": config.tokenizer, "vocab_size": config.vocab_size}
        names = actions.rung.settings()
        every = dict(zip(names, controls.all_values(actions.rung, values), strict=True))
        plan = controls.plan_of(actions.rung, list((every | tokenizer).values()))
        text = texts.get(str(corpus), plan.tokenizer, plan.task)
        text.check(plan.context_length)
        run = text.new_run(library.new_directory(actions.rung.name), plan)
        token = library.adopt(run.directory)
    except Problem as problem:
        yield {"notice": str(problem)}
        return
    yield {
        "token": token,
        "feed": actions.feed(token),
        "chart": actions.chart(token),
        "notice": "The run waits for a GPU. It trains there for up to 50 seconds, on your quota.",
    }
    try:
        for _ in lend(run.directory, text.data):
            yield {}
    except gr.Error as refused:  # ZeroGPU's: no quota, or no GPU was free
        yield {"notice": f"The GPU burst has ended: {refused.message}"}
        return
    except Problem:  # the run tells it
        pass
    yield {"notice": ""}


def connect(tab: Any, pressed: gr.Button, lend: Burst) -> None:
    """tab: a `model_tab.Tab`."""

    def act(_token: Any, corpus: Any, tokens: Any, *values: Any) -> Any:
        for answer in burst(tab.actions, lend, corpus, tokens, list(values)):
            yield tab.update(answer)

    pressed.click(
        act,
        [tab.parts["token"], *tab.chosen],
        tab.shown("token", "feed", "chart", "notice"),
        js=f"(...inputs) => Playground.bursting('{tab.rung.name}', inputs, {tab.tokens_at})",
        **AS_TYPED,
        concurrency_limit=4,
        concurrency_id="burst",
    )
