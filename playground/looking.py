"""What the page shows of a model's inside, and what it writes: from a snapshot, never from a live process.

Everything here takes a run (through its view) and returns plain data for the components. The mathematics is
in `lm.inspection` and `lm.generation`.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from lm.errors import RunProblem
from lm.generation import SamplingConfig, generate
from lm.inspection import attention_layers, inspect, next_character_table
from lm.plan import Rung
from lm.runs.run import Run
from lm.sizes import outline
from lm.tokenizers import Tokenizer
from playground.figures import attention as attention_figure
from playground.figures import next_character, template

DEFAULT_TEXT = "What news, my lord? The king is come again."
MOST_LOOKED_AT = 64  # positions in a heatmap; more would be finer than the screen
MOST_IN_TABLE = 100  # characters of a next-character table
ALTERNATIVES = 5  # candidates told of each written character
UPDATES_PER_SECOND = 12  # how often a growing text is sent


class Snapshots:
    """Models as they were at a step, a few of them kept in memory for the next look."""

    def __init__(self, keep: int = 6) -> None:
        self.keep = keep
        self._models: OrderedDict[tuple[str, int], nn.Module] = OrderedDict()
        self._lock = threading.Lock()

    def model(self, run: Run, step: int | None) -> tuple[nn.Module, int]:
        """The model at the snapshot nearest to `step` (None: the last), and its step."""
        if not run.snapshots():
            raise RunProblem("There are no weights to look at yet: the first come with step 0.")
        key = (str(run.directory), run.nearest_snapshot(step))
        with self._lock:
            if key in self._models:
                self._models.move_to_end(key)
                return self._models[key], key[1]
        model, found = run.model(step)
        with self._lock:
            self._models[key[0], found] = model
            while len(self._models) > self.keep:
                self._models.popitem(last=False)
        return model, found

    def look(self, run: Run, step: int | None, text: str) -> dict[str, Any]:
        """What the model did with a text: attention of every layer and head, surprise at each token.

        A model without attention answers with its next-character table beside the counted one.
        """
        model, step = self.model(run, step)
        tokenizer = run.tokenizer()
        base = {"step": step, "steps": run.snapshots()}
        if not attention_layers(model):
            return base | _table(run, model, tokenizer)
        ids, note = _readable(tokenizer, text or DEFAULT_TEXT, run.plan.context_length)
        seen = inspect(model, torch.from_numpy(ids))
        tokens = [tokenizer.token_text(int(id)) for id in ids]
        weights = np.stack(seen.attention)  # (L, H, T, T)
        return base | {
            "kind": "attention",
            "tokens": tokens,
            "layers": weights.shape[0],
            "heads": weights.shape[1],
            "weights": attention_figure.pack(weights),
            "summaries": [
                [attention_figure.summary(head, tokens) for head in layer] for layer in weights
            ],
            "losses": [None, *(round(float(loss), 3) for loss in seen.losses)],
            "figure": template.as_json(attention_figure.figure(tokens, heads=weights.shape[1])),
            "note": note,
        }

    def write(self, run: Run, prompt: str, sampling: SamplingConfig) -> Iterator[dict[str, Any]]:
        """The text growing token by token, as the `writing` component takes it, a few times a second."""
        model, step = self.model(run, None)
        tokenizer = run.tokenizer()
        ids, dropped = tokenizer.encode_known(prompt)
        note = _dropped_note(dropped)
        if len(ids) == 0:
            ids, _ = tokenizer.encode_known("\n")
        if len(ids) == 0:
            ids = np.zeros(1, dtype=np.int64)
        context = run.plan.context_length
        if len(ids) > context:
            longer = f"The prompt is longer than the context: the model reads its last {context} characters."
            note = f"{note} {longer}" if note else longer
        known = tokenizer.decode(ids) if prompt else ""
        tokens: list[list[Any]] = []
        answer = {"prompt": known, "tokens": tokens, "done": False, "note": note, "step": step}
        yield answer
        sent = time.monotonic()
        for token in generate(model, torch.from_numpy(ids), context, sampling):
            tokens.append(_written(token.id, token.distribution, tokenizer))
            if time.monotonic() - sent > 1 / UPDATES_PER_SECOND:
                yield answer
                sent = time.monotonic()
        yield answer | {"done": True}


def has_attention(rung: Rung) -> bool:
    """Whether a rung's model attends at all, by looking for a part that does."""
    return bool(attention_layers(outline(rung.plan(), 65)))


def _table(run: Run, model: nn.Module, tokenizer: Tokenizer) -> dict[str, Any]:
    learned = next_character_table(model, tokenizer.vocab_size)
    counted = run.counted_pairs()
    # A large alphabet shows the characters that are expected most, in their order.
    shown = np.sort(np.argsort(learned.mean(axis=0))[::-1][:MOST_IN_TABLE])
    learned, counted = learned[np.ix_(shown, shown)], counted[np.ix_(shown, shown)]
    characters = [tokenizer.token_text(int(id)) for id in shown]
    return {
        "kind": "table",
        "figure": template.as_json(next_character.figure(learned, counted, characters)),
        "summary": next_character.summary(learned, counted, characters),
    }


def _readable(
    tokenizer: Tokenizer, text: str, context_length: int
) -> tuple[np.ndarray, str | None]:
    """The ids of as much of a text as can be read and drawn, and a note on what could not."""
    ids, dropped = tokenizer.encode_known(text)
    notes = [note for note in [_dropped_note(dropped)] if note]
    if len(ids) < 2:
        ids = np.arange(min(2, tokenizer.vocab_size))
        notes.append("Too little is left to look at: type at least two characters.")
    most = min(context_length, MOST_LOOKED_AT)
    if len(ids) > most:
        notes.append(f"Shown are the first {most} characters, which is as far as it can look.")
    return ids[:most], " ".join(notes) or None


def _dropped_note(dropped: str) -> str | None:
    if not dropped:
        return None
    shown = " ".join(dict.fromkeys(dropped))[:40]
    return f"Left out, as the model has never seen them: {shown}"


def _written(id: int, distribution: np.ndarray, tokenizer: Tokenizer) -> list[Any]:
    """[text, probability, [[text, probability] of the likeliest]] of one written token."""
    likeliest = np.argsort(distribution)[::-1][:ALTERNATIVES]
    return [
        tokenizer.token_text(id),
        round(float(distribution[id]), 4),
        [
            [tokenizer.token_text(int(other)), round(float(distribution[other]), 4)]
            for other in likeliest
            if distribution[other] > 0
        ],
    ]
