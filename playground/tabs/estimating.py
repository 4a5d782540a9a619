"""The parameters, the memory and the predicted time of the settings that a tab's controls show."""

import math
from collections.abc import Sequence
from typing import Any

from lm.costs.sizes import count_parameters, outline
from lm.errors import Problem
from lm.plan import Rung
from playground.services import Services
from playground.texts import NotYet
from playground.tokens import context_told
from playground.training.starts import tuning_told


def estimate(services: Services, rung: Rung, corpus: str, values: Sequence[Any]) -> dict[str, Any]:
    """{"parameters", "steps", "seconds", "state", "context", "tuned"} or {"error": a sentence}.

    An error has "again": True if the text is still being prepared. The state is "timing" or "waiting" (for the
    runs in training to end) while there are no seconds yet, "busy" if other work disturbed the timing,
    "impossible" if the plan cannot be timed here, and "settled" otherwise. "context" tells pieces in words, and
    is "" of characters. "tuned" tells what a run from another one trains, or is None (`starts.tuning_told`).
    """
    try:
        plan, base = services.starts.plan(rung, values)
        text = services.starts.text(corpus, plan, base)
        text.check(plan.context_length)
        services.allowance.check_size(plan, text.tokenizer.vocab_size)
    except Problem as problem:
        again = {"again": True} if isinstance(problem, NotYet) else {}
        return {"error": str(problem)} | again
    seconds, settled = services.estimates.of(plan, text)
    if seconds is None:
        state = "waiting" if services.supervisor.running() else "timing"
    elif math.isnan(seconds):
        seconds, state = None, "impossible" if settled else "waiting"  # it is tried again
    else:
        state = "settled" if settled else "busy"
    return {
        "parameters": count_parameters(outline(plan, text.tokenizer.vocab_size)),
        "steps": plan.steps,
        "seconds": seconds,
        "state": state,
        "context": context_told(plan, text),
        "tuned": tuning_told(plan, text, base),
    }
