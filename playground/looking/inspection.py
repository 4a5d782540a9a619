"""The inside of a model as plain data for the page: attention on a text, or the table of next tokens.

A model without attention is shown as a table of the next token. The mathematics is in `lm.inside.inspection`.
"""

from typing import Any

import numpy as np
import torch
from torch import nn

from lm.inside.head_patterns import induction
from lm.inside.inspection import inspect, next_character_table
from lm.runs.run import Run
from lm.tokenizers import Tokenizer
from playground import prompts
from playground.figures import attention as attention_figure
from playground.figures import next_token, template
from playground.figures.head_words import head_words

DEFAULT_TEXT = "What news, my lord? The king is come again."
MOST_POSITIONS = 64  # in a heatmap; more would be finer than the screen


def attention(run: Run, model: nn.Module, text: str) -> dict[str, Any]:
    """Attention weights of L layers and H heads on T tokens, the masks, and the loss of each token.

    position (row) may attend to another (column), 0 where it is masked. "summaries" hold each head in words,
    as parts [words, explanation or None].
    """
    tokenizer = run.tokenizer()
    ids, note = _readable(tokenizer, text or DEFAULT_TEXT, run.plan.context_length)
    seen = inspect(model, torch.from_numpy(ids))
    tokens = [tokenizer.token_text(int(id)) for id in ids]
    weights = np.stack(seen.attention)  # (L, H, T, T)
    masks = np.stack(seen.masks).astype(np.uint8)  # (L, T, T)
    copying = induction(model, tokenizer.vocab_size, run.plan.context_length)
    return {
        "kind": "attention",
        "tokens": tokens,
        "layers": weights.shape[0],
        "heads": weights.shape[1],
        "weights": attention_figure.pack(weights),
        "masks": template.in_base64(masks),
        "summaries": [
            [
                head_words(
                    head, tokens, mask, (copying.scores[i, j], copying.even[i]) if copying else None
                )
                for j, head in enumerate(layer)
            ]
            for i, (layer, mask) in enumerate(zip(weights, seen.masks, strict=True))
        ],
        "losses": [None, *(round(float(loss), 3) for loss in seen.losses)],
        "figure": template.as_json(attention_figure.figure(tokens, heads=weights.shape[1])),
        "note": note,
    }


def table(run: Run, model: nn.Module) -> dict[str, Any]:
    """The model's table of next tokens beside the counted one; of a large vocabulary, the most frequent."""
    tokenizer, pairs = run.tokenizer(), run.counted_pairs
    learned, counted = next_character_table(model, pairs.ids), pairs.table
    tokens = [tokenizer.token_text(int(id)) for id in pairs.ids]
    counts = run.plan.training.learner == "counting"
    names = next_token.COUNTED if counts else next_token.LEARNED
    return {
        "kind": "table",
        "figure": template.as_json(next_token.figure(learned, counted, tokens, names)),
        "summary": next_token.summary(learned, counted, tokens, names),
    }


def _readable(
    tokenizer: Tokenizer, text: str, context_length: int
) -> tuple[np.ndarray, str | None]:
    """The ids of as much of a text as can be read and drawn, and a note on the rest."""
    ids, notes = prompts.encode(tokenizer, text)
    if len(ids) < 2:
        ids = np.arange(min(2, tokenizer.vocab_size))
        notes.append("Too little is left to look at: type a longer text.")
    most = min(context_length, MOST_POSITIONS)
    if len(ids) > most:
        notes.append(f"Only the first {most} tokens are shown.")
    return ids[:most], " ".join(notes) or None
