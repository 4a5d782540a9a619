"""Looking inside an encoder–decoder: what each position of both lines looks at, in every head.

As in `inspection.py`, the weights are computed once more from the inputs of the parts that attend, so the
model holds no recording code.
"""

import copy
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from lm.devices import device_of
from lm.errors import SettingsProblem
from lm.evaluation import evaluation_mode
from lm.inside.inspection import recorded_calls
from lm.layers import CrossAttention, cross_pattern, pattern
from lm.models.encoder_decoder import EncoderDecoder
from lm.rewriting import Rewriter, marks, padded

Part = Literal["encoder", "decoder", "cross"]
Head = tuple[Part, int, int]  # kind, layer and head, both counted from 0
NAMES = {"encoder": "encoder", "decoder": "decoder", "cross": "cross-attention"}


@dataclass(frozen=True)
class PairInspection:
    """A line of S tokens and an answer of T tokens, the last of which is its end.

    source, target: the text of each token; row t of the arrays is the position at which target[t] is chosen.
    encoder, decoder, cross: for each layer the attention weights (H, S, S), (H, T, T) and (H, T, S): row by row
    the share that a position takes of each other. cross is empty for a model without cross-attention.
    probabilities: (T,), that of each token of the answer, given those before it.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    encoder: tuple[np.ndarray, ...]
    decoder: tuple[np.ndarray, ...]
    cross: tuple[np.ndarray, ...]
    probabilities: np.ndarray


@torch.inference_mode()
def inspect_pair(rewriter: Rewriter, line: str, answer: str | None = None) -> PairInspection:
    """Let the model read a line and an answer to it: its own likeliest, if none is given.

    Raises as `Rewriter.rewrite`, and a `SettingsProblem` for a model without an encoder.
    """
    model, tokenizer = rewriter.model, rewriter.tokenizer
    if not isinstance(model, EncoderDecoder):
        raise SettingsProblem(
            "This model has no encoder: look inside it as one that continues a text."
        )
    ids = rewriter.encoded(line)
    if answer is None:
        answer = rewriter.rewrite([line])[0].text
    first, end = marks(tokenizer)
    written = [*tokenizer.encode(answer).tolist(), end][: rewriter.context_length]
    device = device_of(model)
    source = padded([ids]).to(device)  # (1, S)
    tokens = torch.tensor([[first, *written[:-1]]], device=device)  # (1, T)
    parts = parts_of(model)
    logits, read = _read(
        model, tokens, source, [part for layers in parts.values() for part in layers]
    )

    def arrays(kind: Part) -> tuple[np.ndarray, ...]:
        return tuple(_weights(part, read[part])[0].cpu().numpy() for part in parts[kind])

    return PairInspection(
        source=tuple(tokenizer.token_text(id) for id in ids),
        target=tuple(tokenizer.token_text(id) for id in written),
        encoder=arrays("encoder"),
        decoder=arrays("decoder"),
        cross=arrays("cross"),
        probabilities=logits.softmax(dim=-1)[range(len(written)), written].cpu().numpy(),
    )


def parts_of(model: EncoderDecoder) -> dict[Part, list[Any]]:
    """The parts of a model that attend, by kind, each in the order of the layers."""
    encoder, decoder = (cast(Iterable[Any], blocks) for blocks in (model.encoder, model.decoder))
    cross = [block.cross_attention for block in decoder if block.cross_attention is not None]
    return {
        "encoder": [block.attention for block in encoder],
        "decoder": [block.attention for block in decoder],
        "cross": cross,
    }


def without_heads(model: EncoderDecoder, heads: Collection[Head]) -> EncoderDecoder:
    """A copy of the model in which these heads add nothing. `SettingsProblem` if it does not have them."""
    changed = copy.deepcopy(model)
    parts = parts_of(changed)
    with torch.no_grad():
        for kind, layer, head in heads:
            layers = parts[kind]
            if not 0 <= layer < len(layers) or not 0 <= head < layers[layer].n_head:
                raise SettingsProblem(
                    f"There is no head {head + 1} in layer {layer + 1} of the {NAMES[kind]}."
                )
            layers[layer].value_matrices()[head].zero_()
    return changed


def _weights(part: Any, arguments: tuple[Any, ...]) -> Tensor:
    """The attention weights (1, H, T, S) of a part for the arguments of its `forward`."""
    if isinstance(part, CrossAttention):
        x, keys, _, padding = arguments
        return cross_pattern(part, x, keys, padding)
    return pattern(part, arguments[0])[0]


def _read(
    model: nn.Module, tokens: Tensor, source: Tensor, parts: list[Any]
) -> tuple[Tensor, dict[Any, tuple[Any, ...]]]:
    """The logits (T, V) of an answer (1, T) to a line (1, S), and the arguments of each part's `forward`."""
    with evaluation_mode(model), recorded_calls(parts) as calls:
        logits = model(tokens, source)[0]  # (T, V)
    return logits, dict(calls)
