"""A run that has ended goes on: from its last checkpoint, with more steps or other settings, if a person wants.

The weights, the optimizer's averages and the batches so far stay as they are, so only few settings can change:
how many steps are planned, the learning rate, and how often the run is evaluated. A change is kept in run.json
(`RunRecord.changes`) and, once the run trains again, in metrics.jsonl, with the step after which it holds. A
run with changes is no longer what its settings alone would make: it has no recipe.

The learning rate is always that of the schedule for the steps that are planned now (`training/schedule.py`). A
run that had decayed to nothing at step 3,000 of 3,000 therefore begins step 3,001 of 6,000 at half its peak:
`in_words` says so, and the line in metrics.jsonl marks it.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lm.errors import RunProblem, SettingsProblem
from lm.plan import Plan
from lm.runs import recording
from lm.runs.comparing import value
from lm.runs.files import explained, write_json
from lm.runs.format import Change
from lm.runs.lock import WriterLock
from lm.runs.run import Run, open_run
from lm.settings import Naming, flag
from lm.training.config import TrainingConfig
from lm.training.schedule import learning_rate_factor

CHANGEABLE = ("steps", "learning_rate", "evaluate_every")
REASONS = {  # why a setting cannot change in a run that has begun; of a part, or of one setting in "training"
    "task": "it has learned that task",
    "tokenizer": "the rows of its weights are the numbers of these tokens",
    "model": "its weights were learned in that model",
    "start": "its first weights came from there",
    "seed": "its batches so far were drawn with it, and a resumed run goes on exactly where it stopped",
    "batch_size": "every step of its curve has read as many windows",
    "optimizer": "the averages it goes on with belong to that optimiser",
    "muon_learning_rate": "the learning rate scales Muon's with it",
    "warmup_steps": "its warm-up is over",
    "ngram_share": "its losses so far are averaged with so much counting",
    "precision": "its losses so far were computed in it",
}
OTHERWISE = "one curve shows one way of training"


def check(run: Run, given: Mapping[str, Any], named: Naming = flag) -> None:
    """Raise a `SettingsProblem` or `RunProblem` if a run cannot go on with these settings, and why.

    named: how the sentence calls a setting.
    """
    step, rate = _place(run)
    changed(run.plan, changes(run.plan, given, step=step, rate=rate, named=named))


def go_on(
    run: Run, given: Mapping[str, Any], lock: WriterLock | None = None, named: Naming = flag
) -> Run:
    """Let a run that nobody trains go on with these settings; returns it with its new plan.

    It is rewound to its last checkpoint and the change is written into run.json; whoever then resumes it
    (`recording.rewind`, `train`), now or after a crash, trains with it. Settings that are as they were are no
    change. lock: that of the run, if the caller holds it. Raises as `check`; the run is then left as it is.
    """
    with WriterLock(run.directory) if lock is None else contextlib.nullcontext(lock) as held:
        run = open_run(run.directory)  # as it is now that no other can change it
        step, rate = _place(run)
        settings = changes(run.plan, given, step=step, rate=rate, named=named)
        if not settings:
            return run
        plan = changed(run.plan, settings)
        recording.rewind(run, held)
        update: dict[str, Any] = {"recipe": None}
        # It has learned nothing yet: these are its settings.
        if step == 0 and recording.unbegun(run):
            if "learning_rate" in settings:
                plan = _updated(plan, {"learning_rate": settings["learning_rate"][1]})
            update = {"recipe": plan.recipe}
        else:
            change = Change(
                step=step, settings=settings, rate=_rates(run.plan, plan, step, rate, settings)
            )
            update["changes"] = (*run.record.changes, change)
        update["plan"] = {name: part.model_dump() for name, part in plan.parts.items()}
        with explained(run.directory):
            write_json(
                run.directory / "run.json", run.record.model_copy(update=update).model_dump()
            )
        return open_run(run.directory)


def changes(
    plan: Plan,
    given: Mapping[str, Any],
    *,
    step: int,
    rate: float | None = None,
    named: Naming = flag,
) -> dict[str, tuple[Any, Any]]:
    """The settings that differ from those of a run after `step` steps: the old value and the new one of each.

    rate: the peak of its learning rate, which may have been changed. `RunProblem` on a setting that cannot
    change, with the reason; `SettingsProblem` on steps that it has already taken.
    """
    values, settings = plan.values(), {}
    for name, new in given.items():
        if name not in values:
            raise SettingsProblem(f"{plan.rung.title} has no setting called {name!r}.")
        old = rate if name == "learning_rate" and rate is not None else values[name]
        if new != old:
            if name not in CHANGEABLE:
                raise refusal(plan, name, new, named)
            settings[name] = (old, new)
    if "steps" in settings and settings["steps"][1] <= step:
        raise SettingsProblem(
            f"The run has taken {step:,} steps: to go on, it needs more than that, not "
            f"{value(settings['steps'][1])}."
        )
    return settings


def refusal(plan: Plan, name: str, new: Any, named: Naming = flag) -> RunProblem:
    """The problem with changing a setting that a run keeps, with the reason."""
    part = next(part for part, config in plan.parts.items() if name in type(config).model_fields)
    reason = REASONS.get(name) or REASONS.get(part, OTHERWISE)
    *most, last = map(named, CHANGEABLE)
    return RunProblem(
        f"The run was begun with {named(name)} {value(plan.values()[name])}, not {value(new)}, and keeps it: "
        f"{reason}. A run that goes on can change {', '.join(most)} and {last}; for another {named(name)}, "
        "begin a new run."
    )


def changed(plan: Plan, settings: Mapping[str, tuple[Any, Any]]) -> Plan:
    """The plan of a run that goes on. `SettingsProblem` on a value out of bounds.

    It keeps the learning rate that the run began with: of the change, the checkpoints tell.
    """
    new = {name: after for name, (_, after) in settings.items()}
    _updated(plan, new)  # checks all of them
    return _updated(plan, {name: new[name] for name in new if name != "learning_rate"})


def _updated(plan: Plan, new: Mapping[str, Any]) -> Plan:
    training = plan.training.model_dump() | dict(new)
    return replace(plan, training=type(plan.training).make(**training))


def _rates(
    old: Plan,
    new: Plan,
    step: int,
    rate: float | None,
    settings: Mapping[str, tuple[Any, Any]],
) -> tuple[float, float] | None:
    """The learning rate of the next step by the old plan and by the new one; None without a gradient."""
    before, after = old.training, new.training
    if (
        rate is None
        or not isinstance(before, TrainingConfig)
        or not isinstance(after, TrainingConfig)
    ):
        return None
    peak = settings.get("learning_rate", (rate, rate))[1]
    factors = learning_rate_factor(step, before), learning_rate_factor(step, after)
    return rate * factors[0], peak * factors[1]


def in_words(change: Change, steps: int) -> str:
    """A change in words, with the jump of the learning rate, if it makes one; steps: planned from then on."""
    said = ", ".join(
        f"{name.replace('_', ' ')} {value(old)}→{value(new)}"
        for name, (old, new) in change.settings.items()
    )
    sentence = f"From step {change.step + 1:,} on: {said}."
    if change.rate is None or abs(change.rate[1] - change.rate[0]) <= 0.01 * change.rate[0]:
        return sentence
    before, after = (f"{rate:.3g}" for rate in change.rate)
    why = f", because its schedule now ends at step {steps:,}" if "steps" in change.settings else ""
    return f"{sentence} The learning rate jumps from {before} to {after}{why}."


def _place(run: Run) -> tuple[int, float | None]:
    """The step after which a run goes on, and the peak of its learning rate there."""
    if recording.unbegun(run):
        return 0, run.plan.training.model_dump().get("learning_rate")
    checkpoint, written = run.checkpoint()
    rate = recording.rate_of(checkpoint, recording.pending(run, written.length))
    return checkpoint.step, rate or None
