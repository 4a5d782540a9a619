"""What differs between two runs, and what that difference bought and cost: computed from their numbers.

Losses are in nats per character, whatever a token is, so runs of one validation text compare across tokenizers
and models. Losses of different texts do not, and nothing is said of them together. The loss of pairs is that of
the answers, given the lines: it compares with that of another model of the same pairs, and never with a text's.
"""

import os
from collections.abc import Sequence
from typing import Any

from lm import tasks
from lm.plan import Plan
from lm.runs.curve import Judged
from lm.runs.facts import Facts
from lm.wording import inside_sentence

SAME_TIME = 0.05  # measured times that differ by a smaller share are told as about the same


def differences(first: Plan, other: Plan) -> list[str]:
    """What another plan changes, as "layers 3→6"; [] if nothing.

    Of two models, a setting that only one of them has is part of the model, and not listed.
    """
    told = []
    if first.rung is not other.rung:
        told.append(
            f"model {inside_sentence(first.rung.title)}→{inside_sentence(other.rung.title)}"
        )
    mine, theirs = first.parts, other.parts
    for name in ("model", *(part for part in mine if part != "model")):
        titles = {one: field.title or one for one, field in type(mine[name]).model_fields.items()}
        old, new = mine[name].model_dump(), theirs[name].model_dump()
        told += [
            f"{inside_sentence(titles[setting])} {value(old[setting])}→{value(new[setting])}"
            for setting in titles
            if setting in new and old[setting] != new[setting]
        ]
    return told


def differences_of(first: Facts, other: Facts) -> list[str]:
    """As `differences`, also of the text, and of changes that were made while one of them trained."""
    told = differences(first.begun, other.begun)
    if first.text_sha256 != other.text_sha256:
        texts = f"text {first.text}→{other.text}"
        if first.text == other.text:
            texts = f"text {first.text}→another of {other.text_characters:,} characters"
        told.insert(first.model != other.model, texts)
    mine, theirs = changes_told(first.changes), changes_told(other.changes)
    told += [f"not: {one}" for one in mine if one not in theirs]
    return told + [one for one in theirs if one not in mine]


def changes_told(changes: Sequence[Any]) -> list[str]:
    """What a person changed in a run that had begun: "steps 3,000→6,000 from step 3,000 on"."""
    return [
        f"{name.replace('_', ' ')} {value(old)}→{value(new)} from step {change.step:,} on"
        for change in changes
        for name, (old, new) in change.settings.items()
    ]


def shortened(told: Sequence[str], most: int = 3) -> str:
    """Some differences as one phrase, the further ones counted."""
    if len(told) <= most + 1:  # "and 1 more" is no shorter than the difference itself
        return ", ".join(told)
    return f"{', '.join(told[:most])} and {len(told) - most} more"


def value(setting: Any) -> str:
    """The value of a setting as people write it; of the directory of a run, its name alone."""
    if isinstance(setting, str) and os.sep in setting:
        return os.path.basename(setting)
    if isinstance(setting, bool):
        return "on" if setting else "off"
    if isinstance(setting, int):
        return f"{setting:,}"
    if isinstance(setting, float):
        return f"{setting:.6g}"
    return "none" if setting is None else str(setting).replace("_", " ")


# The verdict


def verdict(first: Facts, other: Facts) -> str:
    """What the other run's differences bought, as a change of the loss, and what they cost.

    Finished runs are compared by their last evaluations, others at the last step at which both were evaluated.
    Times are those measured: two machines, or one that was busy, give ratios of their own.
    """
    told = shortened(differences_of(first, other)) or "the same settings"
    why = _incomparable(first, other)
    if why:
        return _sentence(f"{told}: {why}{_costs(first, other, None)}")
    ended = first.finished and other.finished
    pair = _ends(first, other) if ended else _last_common(first, other)
    if pair is None:
        return _sentence(f"{told}: {_nothing_in_common(first, other)}")
    mine, theirs = pair
    where = "" if ended else f" at step {mine.step:,}, the last at which both were evaluated"
    change = _change(mine.loss, theirs.loss, unit(first.plan))
    sentences = [f"{told}: {change}{where}{_costs(first, other, pair)}"]
    sentences += _other_orders(first, other, pair) if ended else []
    if first.tokens != other.tokens:
        sentences.append("Losses are per character, whatever a token is, so they compare")
    for run, one in ((first, mine), (other, theirs)):
        if one.characters is not None and (mine.characters is None or theirs.characters is None):
            sentences.append(f"the loss of {run.title} is that of a part of the validation text")
    return " ".join(_sentence(one) for one in sentences)


def _incomparable(first: Facts, other: Facts) -> str:
    """Why the losses of two runs say nothing about each other; "" if they do."""
    if rewrites(first.plan) != rewrites(other.plan):
        return "the loss of answers to lines and the loss of a text do not compare"
    if first.text_sha256 != other.text_sha256:
        kind = "pairs" if rewrites(first.plan) else "texts"
        return f"losses on different {kind} do not compare"
    if not rewrites(first.plan) and first.plan.task != other.plan.task:
        return "losses of different tasks do not compare"
    for run, another in ((first, other), (other, first)):
        if _sees_answers(run) and not _sees_answers(another):
            return f"{run.title} sees the characters that it should predict, so the losses do not compare"
    return ""


def rewrites(plan: Plan) -> bool:
    """Whether a run learns to answer lines: its loss is then that of the answers."""
    return tasks.KINDS[plan.task.task].pairs


def unit(plan: Plan) -> str:
    """The unit of a run's losses."""
    return "nats per character of the answers" if rewrites(plan) else "nats per character"


def _sees_answers(run: Facts) -> bool:
    return run.plan.values().get("causal_mask") is False


def _ends(first: Facts, other: Facts) -> tuple[Judged, Judged] | None:
    """The last evaluations of two finished runs."""
    return (first.last, other.last) if first.last and other.last else None


def _last_common(first: Facts, other: Facts) -> tuple[Judged, Judged] | None:
    """The evaluations of two runs at the last step that both have; None if there is none.

    A step of a run that counts is nothing that a step of gradient descent could be compared with.
    """
    if first.plan.training.learner != other.plan.training.learner:
        return None
    mine, theirs = ({one.step: one for one in run.judged} for run in (first, other))
    common = max(mine.keys() & theirs.keys(), default=None)
    return None if common is None else (mine[common], theirs[common])


def _nothing_in_common(first: Facts, other: Facts) -> str:
    """Why two runs cannot be compared yet."""
    for run in (first, other):
        if not run.judged:
            return f"{run.title} has no validation loss yet"
    if first.plan.training.learner != other.plan.training.learner:
        run = other if first.finished else first
        return f"{run.title} has taken {run.step:,} of its {run.steps:,} steps; compare them when it has ended"
    return "no step is one at which both were evaluated"


def _change(mine: float, theirs: float, unit: str) -> str:
    """The change of the loss, with enough digits to see it: "−0.031 (1.512 against 1.543)"."""
    if mine == theirs:
        return f"no change, {mine:.4f} both"
    for digits in range(3, 9):
        old, new = f"{mine:.{digits}f}", f"{theirs:.{digits}f}"
        if old != new:  # the change is that of the numbers as they are shown
            change = f"{float(new) - float(old):+.{digits}f}".replace("-", "−")
            return f"{change} ({new} against {old} {unit})"
    return f"no change in eight digits, {mine:.4f} both"


def _costs(first: Facts, other: Facts, pair: tuple[Judged, Judged] | None) -> str:
    """The ratios of time, parameters and tokens that are not 1; times and tokens are those up to `pair`."""
    mine, theirs = pair or (None, None)
    times = (mine.seconds, theirs.seconds) if mine and theirs else (first.seconds, other.seconds)
    tokens = [
        (one.step if one else run.step) * run.tokens_per_step
        for run, one in ((first, mine), (other, theirs))
    ]
    told = []
    if min(times) > 0:
        ratio = times[1] / times[0]
        same = abs(ratio - 1) < SAME_TIME
        told.append("about the same time" if same else f"{_ratio(ratio)} × the time")
    told += _times("parameters", first.parameters, other.parameters)
    told += _times("tokens read", *tokens)
    if not told:
        return ""
    *most, last = told
    return f", for {', '.join(most)} and {last}" if most else f", for {last}"


def _times(what: str, mine: int, theirs: int) -> list[str]:
    if mine == theirs:
        return []
    if min(mine, theirs) <= 0:
        return [f"{theirs:,} {what}" if theirs else f"no {what}"]
    return [f"{_ratio(theirs / mine)} × the {what}"]


def _ratio(ratio: float) -> str:
    """A ratio with two or three digits, and with more if it would read as 1."""
    for digits in (2, 3, 4, 5):
        text = f"{ratio:.{digits}g}"
        if float(text) != 1:
            break
    return f"{float(text):,.10g}" if ratio >= 0.001 else text


def _other_orders(first: Facts, other: Facts, pair: tuple[Judged, Judged]) -> list[str]:
    """Sentences on the best step and the last common one, where they put the runs in another order."""
    order = _order(*pair)
    sentences = []
    if first.best and other.best and _order(first.best, other.best) != order:
        told = _change(first.best.loss, other.best.loss, unit(first.plan))
        sentences.append(
            f"by the best evaluation of each, at steps {first.best.step:,} and {other.best.step:,}: {told}"
        )
    common = _last_common(first, other)
    if common and common[0].step < max(one.step for one in pair) and _order(*common) != order:
        told = _change(common[0].loss, common[1].loss, unit(first.plan))
        sentences.append(f"at step {common[0].step:,}, which both have taken: {told}")
    return sentences


def _order(mine: Judged, theirs: Judged) -> int:
    """-1 if the other is ahead, 1 if it is behind, 0 if they are equal."""
    return (theirs.loss > mine.loss) - (theirs.loss < mine.loss)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
