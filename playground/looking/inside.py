"""The inside of the model shown, as plain data: one score, the next character, surprise, layer by layer.

Each view of the card is a function here or, for attention and the table of pairs, in `inspection.py`, or for
models with an encoder in `pairs.py`. They answer for the snapshot that the tab shows; the mathematics is in
`lm.inside.inspection` and `lm.inside.ablation`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from lm.corpora import AnyCorpus
from lm.errors import SettingsProblem
from lm.generation import choices_of
from lm.inside import ablation, inspecting_pairs
from lm.inside.inspecting_pairs import EncoderDecoder
from lm.inside.inspection import attention_layers, inspect, layer_by_layer, one_score, surprise
from lm.layers.block import ReadsOut
from lm.runs.run import Run
from lm.tasks.continue_text import SAMPLE, first_token
from lm.tokenizers import Tokenizer
from lm.tokenizers.streaming import Stream
from lm.training.config import CountingConfig
from playground import prompts
from playground.figures import template
from playground.looking import far_past, head_costs, pairs
from playground.looking.inspection import DEFAULT_TEXT, MOST_POSITIONS, attention, table
from playground.looking.snapshots import Snapshots
from playground.looking.writing import written

MOST_OFF = 64  # heads switched off at once
MOST_SAMPLED = 1000  # characters of a sample of the diary
MOST_NAMED = 5000  # tokens whose texts are all sent; of more,
LIKELIEST = 200  # only these: the page draws at most a hundred
MOST_NUMBERS = 30_000_000  # probabilities that are held at once, layer by layer
SHOWN = 32  # numbers of a vector that are sent; the page draws no more


@dataclass(frozen=True)
class Question:
    """What the card asks for.

    step: of the snapshot; None: the last. view: a name of `VIEWS`. text: in the card's box. passage:
    held-out text, for the surprise. cell: layer, head, row and column of one score. off: the heads that are
    switched off, (layer, head) each, of a model with an encoder (part, layer, head).
    """

    step: int | None
    view: str
    text: str
    passage: str = ""
    cell: tuple[int, ...] | None = None
    off: tuple[tuple[Any, ...], ...] = ()

    @classmethod
    def of(cls, step: int | None, view: Any, text: str, passage: str, more: Any) -> "Question":
        """From what a browser sent: `more` may hold "cell" and "off"."""
        more = more if isinstance(more, dict) else {}
        off = more.get("off")
        heads = [_head(one) for one in (off if isinstance(off, list) else [])[:MOST_OFF]]
        cell = _numbers(more["cell"], 4) if more.get("cell") else None
        return cls(step, str(view), text, passage, cell, tuple(dict.fromkeys(heads)))


def answer(
    snapshots: Snapshots,
    run: Run,
    question: Question,
    corpus: Callable[[], AnyCorpus] | None = None,
) -> dict[str, Any]:
    """What the page draws. `Problem` if the run or the view cannot be shown.

    "kind" names the view, "step" is that of the snapshot, "steps" are all that there are. corpus: what
    the run learned from, for a view that reads it; it takes longer, and says whether it is "done".
    """
    model, step = snapshots.model(run, question.step)
    question = replace(question, step=step, view=question.view or views_of(model)[0])
    others = [] if isinstance(model, EncoderDecoder) else ["choices"]
    if question.view not in [*views_of(model), *others]:
        raise SettingsProblem(f"This model has no view called {question.view!r}.")
    if question.view == far_past.VIEW:
        changed = without(model, question.off) if question.off else model
        key = (far_past.VIEW, run.identity, step, frozenset(question.off))
        work = far_past.losses(run, changed, corpus or run.corpus)
        found = far_past.answer(run, snapshots.beside.of(key, work))
    else:
        found = snapshots.answers.of(
            (run.identity, question), lambda: _worked_out(run, model, step, question)
        )
    return {"kind": question.view, "step": step, "steps": run.snapshots(), **found}


def cost(
    snapshots: Snapshots,
    run: Run,
    question: Question,
    corpus: Callable[[], AnyCorpus],
) -> dict[str, Any]:
    """What the heads cost that are off, as far as it is known (`head_costs.py`); arguments as of `answer`."""
    model, step = snapshots.model(run, question.step)
    compare = head_costs.comparison(run, model, without(model, question.off), corpus)
    key = ("heads", run.identity, step, frozenset(question.off))
    return head_costs.told(snapshots.beside.of(key, compare))


def _worked_out(run: Run, model: nn.Module, step: int, question: Question) -> dict[str, Any]:
    """What a view shows, which is the same for everybody who asks."""
    if question.off:
        model = without(model, question.off)
    found = VIEWS[question.view](run, model, question)
    if question.view == "table" and isinstance(run.plan.training, CountingConfig):
        found["summary"] = f"{run.plan.training.counted(step)} {found['summary']}"
    return found


def without(model: nn.Module, heads: tuple[tuple[Any, ...], ...]) -> nn.Module:
    """A copy of the model in which these heads add nothing. `SettingsProblem` if it does not have them."""
    if isinstance(model, EncoderDecoder):
        return inspecting_pairs.without_heads(model, [one for one in heads if len(one) == 3])
    return ablation.without_heads(model, [one for one in heads if len(one) == 2])


def views_of(model: nn.Module) -> list[str]:
    """The views that a model has, in the order of the card."""
    if isinstance(model, EncoderDecoder):
        return list(pairs.VIEWS)
    attends, layered = bool(attention_layers(model)), _is_layered(model)
    names = {"attention": attends, "table": not attends, "score": attends, "next": True}
    names |= {"surprise": True, "layers": layered, far_past.VIEW: attends}
    return [name for name, there in names.items() if there]


def _is_layered(model: nn.Module) -> bool:
    return any(isinstance(part, ReadsOut) for part in model.modules())


def _score(run: Run, model: nn.Module, question: Question) -> dict[str, Any]:
    """One cell of an attention picture, number by number."""
    tokens, ids, note = _readable(run, question.text)
    seen = inspect(model, ids).attention
    layer, head, row, column = question.cell or _telling(seen)
    row, column = min(row, len(ids) - 1), min(column, len(ids) - 1)
    found = one_score(model, ids, layer, head, row, column)
    vectors = {
        name: [round(float(x), 4) for x in getattr(found, name)[:SHOWN]]
        for name in ("query", "key", "value")
    }
    return {
        **vectors,
        "size": len(found.query),
        "tokens": tokens,
        "cell": [layer, head, row, column],
        "layers": len(seen),
        "heads": len(seen[0]),
        "product": found.product,
        "divisor": found.divisor,
        "forbidden": not np.isfinite(found.mask),
        "scores": [float(s) if np.isfinite(s) else None for s in found.scores],
        "weight": found.weight,
        "note": note,
    }


def _telling(attention: tuple[np.ndarray, ...]) -> tuple[int, int, int, int]:
    """A cell worth looking at: in the last row, the earlier position that gets most from a head of layer 1."""
    last = attention[0][:, -1, :-1]  # (H, T - 1)
    if not last.size:
        return 0, 0, 0, 0
    head, column = divmod(int(last.argmax()), last.shape[1])
    return 0, head, attention[0].shape[1] - 1, column


def _next(run: Run, model: nn.Module, question: Question) -> dict[str, Any]:
    """The scores of every possible next token after the text; the page turns them into probabilities."""
    tokens, ids, note = _readable(run, question.text)
    logits = inspect(model, ids).logits[-1].astype(np.float32)  # (V,)
    tokenizer = run.tokenizer()
    return {
        "text": tokens,
        "logits": template.in_base64(logits),
        "tokens": _names(tokenizer, logits),
        "characters_per_token": run.record.characters_per_token,
        "note": note,
    }


def _names(tokenizer: Tokenizer, logits: np.ndarray) -> list[str] | dict[str, str]:
    """The texts of all tokens by their ids; of a large vocabulary, of the likeliest after the text."""
    if tokenizer.vocab_size <= MOST_NAMED:
        return [tokenizer.token_text(id) for id in range(tokenizer.vocab_size)]
    likeliest = np.argsort(logits)[::-1][:LIKELIEST]  # as text: the names of a JSON object
    return {str(id): tokenizer.token_text(int(id)) for id in likeliest}


def _surprise(run: Run, model: nn.Module, question: Question) -> dict[str, Any]:
    """Nats at each token of a held-out passage, after its first, which nothing predicts."""
    tokenizer = run.tokenizer()
    known, notes = prompts.encode(tokenizer, question.passage or question.text or DEFAULT_TEXT)
    if len(known) < 2:
        raise SettingsProblem("Too little is left to look at: type a longer text.")
    losses = surprise(model, torch.from_numpy(known), run.plan.context_length)
    return {
        "tokens": [tokenizer.token_text(int(id)) for id in known],
        "losses": [None, *(round(float(loss), 3) for loss in losses)],
        "mean": float(losses.mean()),
        "per_character": float(losses.sum()) / max(1, tokenizer.count_characters(known[1:])),
        "characters_per_token": run.record.characters_per_token,
        "uniform": float(np.log(tokenizer.vocab_size)),
        "held_out": bool(question.passage),
        "note": " ".join(notes) or None,
    }


def _layers(run: Run, model: nn.Module, question: Question) -> dict[str, Any]:
    """For each layer and position the likeliest next token, its probability, and that of the true one."""
    at_each = (1 + run.plan.values().get("n_layer", 1)) * run.record.vocab_size
    most = max(2, MOST_NUMBERS // at_each)
    # the last has no next one to be judged by
    tokens, ids, note = _readable(run, question.text, least=2, most=most)
    found = layer_by_layer(model, ids)  # (L + 1, T, V)
    tokenizer = run.tokenizer()
    best = found.argmax(-1)  # (L + 1, T)
    true = np.take_along_axis(found[:, :-1], ids[None, 1:, None].numpy(), -1)
    true = true[..., 0]  # (L + 1, T - 1)
    return {
        "tokens": tokens,
        "layers": [
            [
                [tokenizer.token_text(int(id)), round(float(row[id]), 3)]
                for id, row in zip(ids_of_layer, layer, strict=True)
            ]
            for ids_of_layer, layer in zip(best, found, strict=True)
        ],
        "losses": [round(float(-np.log(np.maximum(layer, 1e-9)).mean()), 3) for layer in true],
        "note": note,
    }


def _choices(run: Run, model: nn.Module, question: Question) -> dict[str, Any]:
    """What else could have come at each token of a sample: asked for by the diary, no view of the card."""
    tokenizer = run.tokenizer()
    ids, _ = prompts.encode(tokenizer, question.text[:MOST_SAMPLED])
    start = torch.from_numpy(first_token(tokenizer))
    context = run.plan.context_length
    found = choices_of(model, start, torch.from_numpy(ids), context, SAMPLE)  # (N, V)
    stream = Stream(tokenizer)
    return {
        "tokens": [
            written(id, row, tokenizer, stream.text(id))
            for id, row in zip(ids.tolist(), found, strict=True)
        ],
        "temperature": SAMPLE.temperature,
    }


def _of_pairs(view: pairs.View) -> Callable[[Run, nn.Module, Question], dict[str, Any]]:
    return lambda run, model, question: view(run, model, question.text)


VIEWS: dict[str, Callable[[Run, nn.Module, Question], dict[str, Any]]] = {
    "attention": lambda run, model, question: attention(run, model, question.text),
    "table": lambda run, model, question: table(run, model),
    "score": _score,
    "next": _next,
    "surprise": _surprise,
    "layers": _layers,
    "choices": _choices,
    **{name: _of_pairs(view) for name, view in pairs.VIEWS.items()},
}
NAMES = frozenset({*VIEWS, far_past.VIEW} - {"choices"})  # of all views that a card may have


def _readable(
    run: Run, text: str, least: int = 1, most: int = MOST_POSITIONS
) -> tuple[list[str], torch.Tensor, str | None]:
    """The tokens of the last part of a text that the model can read at once, their ids, and a note."""
    tokenizer = run.tokenizer()
    ids, notes = prompts.encode(tokenizer, text or DEFAULT_TEXT)
    if not len(ids):
        ids = first_token(tokenizer)
        notes.append("Nothing is left to look at: type another text.")
    if len(ids) < least:
        ids = np.arange(min(least, tokenizer.vocab_size))
        notes.append("Too little is left to look at: type a longer text.")
    most = min(run.plan.context_length, MOST_POSITIONS, most)
    if len(ids) > most:
        notes.append(f"Only the last {most} tokens are read.")
        ids = ids[-most:]
    return (
        [tokenizer.token_text(int(id)) for id in ids],
        torch.from_numpy(ids),
        " ".join(notes) or None,
    )


def _head(value: Any) -> tuple[Any, ...]:
    """(layer, head), or (part, layer, head) for a part of `inspecting_pairs`, from what a browser sent."""
    if isinstance(value, list) and len(value) == 3 and value[0] in inspecting_pairs.NAMES:
        return (value[0], *_numbers(value[1:], 2))
    return _numbers(value, 2)


def _numbers(value: Any, count: int) -> tuple[int, ...]:
    """`count` whole numbers from whatever a browser sent; zeros for what is none."""
    found = value if isinstance(value, list) and len(value) == count else [0] * count
    return tuple(n if isinstance(n, int) and not isinstance(n, bool) else 0 for n in found)
