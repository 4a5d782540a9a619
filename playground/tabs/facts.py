"""The numbers of a run under plain names, for sentences about it: `guides/` compares and tells them."""

import math
from typing import Any

from playground.runs.run_view import RunView


def facts(view: RunView, included: RunView | None = None) -> dict[str, Any]:
    """The settings of a run and its numbers so far; a number that is not known yet is missing.

    Losses are in nats per character: `first_loss` of the first batch, before anything is learned; `loss`,
    `best` and `previous_loss` over the validation split; `train` of the last batches, smoothed; `uniform`,
    `unigram`, `pairs` and `five` of counting. `gain` is what the last evaluation is below the one before it (of
    a model that counts: with n-grams that are one character shorter), `known` the loss on training text, judged
    as the validation text is, `gap` how far `loss` is above it, `included` the final loss of the project's own
    run, and `behind` how far this run's loss is above that. `choices` is the number of equally likely
    characters with this loss. `base_loss`, `gained` and `trained_weights`: of a run that started
    from another.
    """
    record, plan = view.run.record, view.run.plan
    baselines = record.baselines
    found: dict[str, Any] = {
        **plan.values(),
        "steps": view.steps,
        "step_now": view.step,
        "parameters": record.parameters,
        "vocab": record.vocab_size,
        "tokens_per_step": record.tokens_per_step,
        "tokens_seen": view.step * record.tokens_per_step,
        "text_characters": record.corpus.characters,
        "passes": record.passes(view.step),
        "uniform": baselines.get("uniform", math.log(record.vocab_size)),
    }
    counted = {"unigram": "unigram", "bigram": "pairs", "5-gram": "five"}
    found |= {name: baselines[key] for key, name in counted.items() if key in baselines}
    found |= _tuned(view)
    if judged := _right(view):
        found |= {
            "right": list(judged.values())[-1],
            "copied": 100 * record.known_right.get("copy", 0.0),
        }
    train, curve = view.train, view.evaluations()
    if train["loss"]:
        found |= {"first_loss": train["loss"][0], "train": train["smooth"][-1]}
        found["seconds"] = train["seconds"][-1]
    if curve["loss"]:
        losses = curve["loss"]
        best = min(losses)
        found |= {
            "loss": losses[-1],
            "choices": math.exp(min(losses[-1], 50)),
            "bits": losses[-1] / math.log(2),
            "best": best,
            "best_step": curve["step"][losses.index(best)],
            "worse": losses[-1] - best,
            "seconds": max(found.get("seconds", 0.0), curve["seconds"][-1]),
        }
        if curve["train"][-1] is not None:
            found |= {"known": curve["train"][-1], "gap": losses[-1] - curve["train"][-1]}
        before = 1 + found.get("parts", 1)  # a longer n-gram takes so many steps
        if len(losses) >= before:
            found |= {"previous_loss": losses[-before], "gain": losses[-before] - losses[-1]}
        if included is not None and (theirs := included.evaluations()["loss"]):
            found |= {"included": theirs[-1], "behind": losses[-1] - theirs[-1]}
    return found


def compared(view: RunView, before: RunView, name: str) -> dict[str, Any]:
    """What one setting changed: `before`, the loss of a run before, and `lost`, how far this is above it.

    Only if the two runs differ in this setting alone (besides the seed) and learned the same text; `before` is
    taken at the last step that both have judged, and `then` is this run's loss at that step. Of pairs,
    `right_before` and `right_then` are the shares exactly right, in per cent.
    """
    if before.run.record.corpus.sha256 != view.run.record.corpus.sha256:
        return {}
    ours, theirs = view.run.plan.values(), before.run.plan.values()
    changed = [one for one in ours if one != "seed" and ours[one] != theirs.get(one)]
    curves = [
        dict(zip(curve["step"], curve["loss"], strict=True))
        for curve in (view.evaluations(), before.evaluations())
    ]
    both = curves[0].keys() & curves[1].keys()
    if changed != [name] or not both:
        return {}
    last = max(both)
    then, past = curves[0][last], curves[1][last]
    found = {"before": past, "then": then, "lost": then - past, "at_step": last}
    right = {"right_then": _right(view).get(last), "right_before": _right(before).get(last)}
    return found | {name: share for name, share in right.items() if share is not None}


def _tuned(view: RunView) -> dict[str, Any]:
    """Of a run that started from another: `base_loss` at step 0, `gained` since, and `trained_weights`."""
    curve = view.evaluations()
    if view.run.record.base is None:
        return {}
    trained = view.run.record.trained
    found = {"trained_weights": view.run.record.parameters if trained is None else trained}
    if curve["step"] and curve["step"][0] == 0:
        first, last = curve["loss"][0], curve["loss"][-1]
        found |= {"base_loss": first, "gained": first - last}
    return found


def _right(view: RunView) -> dict[int, float]:
    """Of pairs, the share of held-out lines exactly right at each step that was judged, in per cent."""
    judged = (event for event in view.events if event.get("scores"))
    return {event["step"]: 100 * event["scores"]["exact"] for event in judged}
