"""The inside of an encoder–decoder as plain data: lines between two texts, heads, masks, beams.

Each function is a view of the card (`VIEWS`), for one line and the model's own answer to it. The mathematics is
in `lm/inside/inspecting_pairs.py`, `lm/inside/alignment.py` and `lm/rewriting.py`.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from torch import nn

from lm.errors import SettingsProblem
from lm.generation import SamplingConfig
from lm.inside.alignment import clearest
from lm.inside.inspecting_pairs import PairInspection, inspect_pair
from lm.layers.masks import allowed, causal, open_mask
from lm.models.encoder_decoder import EncoderDecoderConfig
from lm.rewriting import Rewriter
from lm.runs.run import Run
from lm.tasks.rewrite import shown
from playground import prompts
from playground.figures import attention as attention_figure
from playground.figures import template
from playground.figures.head_words import Part, head_words
from playground.figures.pair_words import ahead_words, cross_words, mask_words
from playground.looking.rewriting import as_read

View = Callable[[Run, nn.Module, str], dict[str, Any]]

MOST_POSITIONS = 96  # of either line that are drawn
BEAMS = 5
PADDED = 4  # places of padding in the picture of the masks
START = "⇥"  # the mark before an answer

# Who asks, and who answers, in each part that attends: rows, and columns.
ROLES = {
    "encoder": ("the line that is read", "the same line, all of it"),
    "decoder": ("the answer so far", "the same answer, up to there"),  # with the causal mask
    "cross": ("the answer, as it is written", "the line that was read"),
}


def encoder(run: Run, model: nn.Module, text: str) -> dict[str, Any]:
    """The encoder's self-attention on the line."""
    seen, note = _read(run, model, text)
    mask = np.ones((len(seen.source),) * 2, bool)
    return _heads("encoder", seen.source, seen.source, seen.encoder, mask, ahead_words) | note


def decoder(run: Run, model: nn.Module, text: str) -> dict[str, Any]:
    """The decoder's self-attention on the answer; a row stands for the token that was read there."""
    seen, note = _read(run, model, text)
    tokens = (START, *seen.target[:-1])
    mask = _own_mask(run, len(tokens))
    losses = [None, *_losses(seen)[:-1]]
    found = _heads("decoder", tokens, tokens, seen.decoder, mask, head_words, losses) | note
    return found if not mask.all() else found | {"answers": "the same answer, all of it"}


def cross(run: Run, model: nn.Module, text: str) -> dict[str, Any]:
    """Cross-attention: a row stands for the token of the answer that is chosen there, a column for one read."""
    seen, note = _read(run, model, text)
    if not seen.cross:
        raise SettingsProblem(
            "This run has no cross-attention, so no position of its answer looks at the line: train with "
            "Cross-attention on."
        )
    mask = np.ones((len(seen.target), len(seen.source)), bool)
    found = _heads(
        "cross",
        seen.target,
        seen.source,
        seen.cross,
        mask,
        lambda weights, *_: cross_words(weights),
        _losses(seen),
    )
    return found | {"best": clearest(np.stack(seen.cross))} | note


def masks(run: Run, model: nn.Module, text: str) -> dict[str, Any]:
    """The three masks side by side, with `PADDED` places of padding after the line, as in a batch."""
    seen, note = _read(run, model, text)
    S, T = len(seen.source), len(seen.target)
    hidden = np.tile(np.arange(S + PADDED) < S, (T, 1))  # (T, S + PADDED)
    own = _own_mask(run, T)
    whole = np.ones((S, S), bool)
    drawn = [
        ("Encoder", "no mask", "the line", "the line", whole, 0),
        ("Decoder", "causal" if not own.all() else "no mask", "the answer", "the answer", own, 0),
        ("Cross-attention", "no mask but padding", "the answer", "the line", hidden, PADDED),
    ]
    if not seen.cross:
        drawn.pop()
    return {
        "masks": [
            {
                "title": title,
                "kind": kind,
                "asks": asks,
                "answers": answers,
                "rows": len(mask),
                "columns": mask.shape[1],
                "mask": template.in_base64(mask.astype(np.uint8)),
                "words": mask_words(mask, padding),
            }
            for title, kind, asks, answers, mask, padding in drawn
        ],
        **note,
    }


def beams(run: Run, model: nn.Module, text: str) -> dict[str, Any]:
    """The likeliest answers that a search with `BEAMS` beams finds, beside the greedy one."""
    rewriter, line, note = _rewriter(run, model, text)
    found = rewriter.alternatives(line, BEAMS)
    greedy = rewriter.rewrite([line], SamplingConfig(temperature=0.0))[0]
    return {
        "line": line,
        "right": _known(run).get(line),
        "beams": [
            {
                "text": answer.text,
                "ended": answer.ended,
                "probability": answer.probability,
                "score": round(math.log(max(answer.probability, 1e-45)), 3),
            }
            for answer in found
        ],
        "greedy": {"text": greedy.text, "probability": greedy.probability},
        "note": note,
    }


VIEWS: dict[str, View] = {
    "lines": cross,
    "cross": cross,
    "encoder": encoder,
    "decoder": decoder,
    "masks": masks,
    "beams": beams,
}


def _own_mask(run: Run, length: int) -> np.ndarray:
    """The mask of the decoder's self-attention, (T, T), True where a row may look."""
    model = cast(EncoderDecoderConfig, run.plan.model)
    return allowed(causal(length) if model.causal_mask else open_mask(length)).numpy()


def _heads(
    part: str,
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    layers: tuple[np.ndarray, ...],
    mask: np.ndarray,
    words: Callable[..., list[Part]],
    losses: list[float | None] | None = None,
) -> dict[str, Any]:
    """The heads of a part, L layers of (H, rows, columns), as the page draws them."""
    weights = np.stack(layers)[:, :, : len(rows), : len(columns)]  # (L, H, T, S)
    asks, answers = ROLES[part]
    figure = attention_figure.figure(rows, heads=weights.shape[1], columns=columns)
    return {
        "part": part,
        "tokens": list(rows),
        "columns": list(columns),
        "asks": asks,
        "answers": answers,
        "layers": weights.shape[0],
        "heads": weights.shape[1],
        "weights": attention_figure.pack(weights),
        "masks": template.in_base64(np.tile(mask.astype(np.uint8), (weights.shape[0], 1, 1))),
        "summaries": [[words(head, rows, mask) for head in layer] for layer in weights],
        "losses": losses or [None] * len(rows),
        "figure": template.as_json(figure),
    }


def _losses(seen: PairInspection) -> list[float | None]:
    """The loss at each token of the answer, in nats."""
    return [round(float(-np.log(max(p, 1e-9))), 3) for p in seen.probabilities]


def _read(run: Run, model: nn.Module, text: str) -> tuple[PairInspection, dict[str, Any]]:
    """The model's reading of a line and its own answer, cut to what can be drawn, and a note on the rest."""
    rewriter, line, note = _rewriter(run, model, text)
    seen = inspect_pair(rewriter, line)
    S, T = len(seen.source), len(seen.target)
    if max(S, T) > MOST_POSITIONS:
        note = " ".join(filter(None, (note, f"Only the first {MOST_POSITIONS} tokens are drawn.")))
    m = MOST_POSITIONS
    return (
        PairInspection(
            source=seen.source[:m],
            target=seen.target[:m],
            encoder=tuple(one[:, :m, :m] for one in seen.encoder),
            decoder=tuple(one[:, :m, :m] for one in seen.decoder),
            cross=tuple(one[:, :m, :m] for one in seen.cross),
            probabilities=seen.probabilities[:m],
        ),
        {"note": note},
    )


def _rewriter(run: Run, model: nn.Module, text: str) -> tuple[Rewriter, str, str | None]:
    """The model as one that rewrites, the known part of a line, and a note on the characters left out."""
    tokenizer = run.tokenizer()
    typed = as_read(text, run.record.corpus.name, tokenizer) if text.strip() else ""
    ids, notes = prompts.encode(tokenizer, typed)
    line = tokenizer.decode(ids).strip()
    if not line:
        line = next(iter(_known(run)), "")
        if typed:
            notes.append("Nothing is left to read: type another line.")
    return Rewriter(model, tokenizer, run.plan.context_length), line, " ".join(notes) or None


def _known(run: Run) -> dict[str, str]:
    """The held-out lines of the diary and their right answers."""
    samples = [one["text"] for one in run.metrics() if one["type"] == "sample"]
    return {one.source: one.right for one in shown(samples[-1])} if samples else {}
