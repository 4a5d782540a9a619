"""A decoder of ours in the terms of GPT-2 or Llama, with the same scores: for export.

Most settings have their like there, or one that gives the same numbers. No positions are learned positions of
0. Scores that are not divided by √D are divided, and queries are √D times as large. An activation without a
gate is one with a gate of 1. The constants of the output head, which neither family has, go into the last norm,
if that can make them. What remains is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lm.errors import SettingsProblem
from lm.mixture import Mixture
from lm.models.decoder_config import DecoderConfig
from lm.models.decoder_transformer import DecoderTransformer
from lm.models.pretrained_config import Family, PretrainedConfig
from lm.models.pretrained_transformer import PretrainedTransformer
from lm.models.single_block_transformer import SingleBlockTransformer

CLOSE = 1e-5  # of scores; how exactly the last norm must make the constants of the output head


@dataclass(frozen=True)
class Expressed:
    """A model as a GPT-2 or a Llama: the weights have the names of `PretrainedTransformer`."""

    config: PretrainedConfig
    weights: dict[str, Tensor]
    vocab_size: int


def expressed(model: nn.Module, title: str) -> Expressed:
    """The model as a GPT-2 or a Llama. `SettingsProblem` names the settings that neither has."""
    if isinstance(model, PretrainedTransformer):
        weights = dict(model.state_dict())
        if model.config.tie_weights:
            del weights["head.weight"]
        return Expressed(model.config, weights, model.token_embedding.num_embeddings)
    if isinstance(model, Mixture):
        raise _refused(["counted n-grams (ngram_share)"], None)
    if isinstance(model, SingleBlockTransformer):
        config = DecoderConfig.make(**model.config.model_dump(), n_layer=1)
        weights = {n.replace("block.", "blocks.0."): t for n, t in model.state_dict().items()}
    elif isinstance(model, DecoderTransformer):
        config, weights = model.config, dict(model.state_dict())
    else:
        raise SettingsProblem(
            f"{title} is no stack of blocks that only looks back, as GPT-2 and Llama are: it cannot be written "
            "in their format. Export a decoder or a transformer block."
        )
    gpt2, llama = obstacles(config, "gpt2"), obstacles(config, "llama")
    if gpt2 and llama:
        raise _refused(min(gpt2, llama, key=len), "script" if config.pattern == "full" else "onnx")
    made = _as_llama(config, weights) if gpt2 else _as_gpt2(config, weights)
    return Expressed(*made, len(weights["token_embedding.weight"]))


def obstacles(config: DecoderConfig, family: Family) -> list[str]:
    """The settings that a family does not have."""
    found = {
        f"the n-gram embedding (ngram_embedding {config.ngram_embedding})": (
            config.ngram_embedding != "none"
        ),
        "the query-key norm (qk_norm)": config.qk_norm,
        "attention without a causal mask (causal_mask)": not config.causal_mask,
        f"the attention pattern (pattern {config.pattern})": config.pattern != "full",
        "blocks without a residual path (residual_path)": not config.residual_path,
        "blocks without norms (normalise)": not config.normalise,
    }
    rotary = config.know_positions and config.positions == "rotary"
    if family == "gpt2":
        found |= {
            "rotary positions with layer norm (positions, norm)": rotary,
            "RMS norm without rotary positions (norm, positions)": config.norm == "rms",
            "SwiGLU without rotary positions (activation, positions)": (
                config.activation == "swiglu" and config.feed_forward
            ),
        }
    else:
        found |= {
            "RMS norm without rotary positions (norm, positions)": not rotary,
            "rotary positions with layer norm (positions, norm)": config.norm == "layer",
            "a bias of the output head with rotary positions (bias)": config.bias,
        }
    return [name for name, there in found.items() if there]


def _refused(found: list[str], instead: str | None = "script") -> SettingsProblem:
    """The settings in the way; instead: a format that has them."""
    otherwise = f", or export --to {instead}" if instead else ""
    return SettingsProblem(
        f"Neither GPT-2 nor Llama has {' and '.join(found)}: train without{otherwise}."
    )


def _shared(config: DecoderConfig) -> dict[str, object]:
    return {
        "n_embd": config.n_embd,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_key_value_head": config.n_head,
        "head_size": config.n_embd // config.n_head,
        "context_length": config.context_length,
        "tie_weights": config.tie_weights,
    }


def _as_gpt2(
    config: DecoderConfig, weights: dict[str, Tensor]
) -> tuple[PretrainedConfig, dict[str, Tensor]]:
    C = config.n_embd
    made = PretrainedConfig.make(
        **_shared(config),
        family="gpt2",
        feed_forward_size=4 * C,
        positions="learned",
        norm="layer",
        activation=config.activation if config.activation != "swiglu" else "gelu",
        gated=False,
        scale_scores=config.scale_scores,
        attention_bias=True,
        feed_forward_bias=True,
    )
    weights = dict(weights)
    if not config.learns_positions:
        weights["position_embedding.weight"] = torch.zeros(config.context_length, C)
    wanted = _wanted(made, weights)
    # Biases that ours lacks, and feed-forward parts that are off.
    for name, shape in wanted.items():
        empty = torch.ones(shape) if "norm.weight" in name else torch.zeros(shape)
        weights.setdefault(name, empty)
    bias = weights.pop("head.bias", None)
    if bias is not None:
        weights["norm.bias"] = weights["norm.bias"] + _made_by_the_norm(
            weights["head.weight"], bias
        )
    return made, {name: weights[name] for name in wanted}


def _made_by_the_norm(head: Tensor, bias: Tensor) -> Tensor:
    """What the last norm adds, (C,), so that a head (V, C) adds `bias`, (V,): there is one if V ≤ C."""
    W, b = head.double(), bias.double()
    added = torch.linalg.lstsq(W, b[:, None], driver="gelsd").solution[:, 0]  # (C,)
    if (W @ added - b).abs().max() > CLOSE:
        raise _refused(["a bias of the output head with more tokens than embedding_size (bias)"])
    return added.float()


def _as_llama(
    config: DecoderConfig, weights: dict[str, Tensor]
) -> tuple[PretrainedConfig, dict[str, Tensor]]:
    gated = config.activation == "swiglu"
    D = config.n_embd // config.n_head
    narrow = weights.get("blocks.0.feed_forward.narrow.weight")
    made = PretrainedConfig.make(
        **_shared(config),
        family="llama",
        feed_forward_size=4 * config.n_embd if narrow is None else narrow.shape[1],
        positions="rotary",
        norm="rms",
        norm_epsilon=torch.finfo(torch.float32).eps,  # of torch's RMS norm
        activation="silu" if gated else config.activation,
        gated=True,
        attention_bias=False,
        feed_forward_bias=not gated,
    )
    weights = dict(weights)
    for layer in range(config.n_layer):
        at = f"blocks.{layer}."
        if not config.scale_scores:
            qkv = weights[at + "attention.query_key_value.weight"].clone()
            qkv[: config.n_embd] *= D**0.5
            weights[at + "attention.query_key_value.weight"] = qkv
        if not gated and (widen := weights.get(at + "feed_forward.widen.weight")) is not None:
            ones = torch.cat([torch.zeros(len(widen)), torch.ones(len(widen))])
            weights[at + "feed_forward.widen.weight"] = torch.cat([widen, torch.zeros_like(widen)])
            weights[at + "feed_forward.widen.bias"] = ones
    wanted = _wanted(made, weights)
    for name, shape in wanted.items():  # scales, biases, and feed-forward parts that are off
        weights.setdefault(name, torch.ones(shape) if "norm.weight" in name else torch.zeros(shape))
    return made, {name: weights[name] for name in wanted}


def _wanted(made: PretrainedConfig, weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    """The shapes of all tensors of a model; the output head of tied weights is left out."""
    with torch.device("meta"):
        model = PretrainedTransformer(made, len(weights["token_embedding.weight"]))
    return {
        name: tensor.shape
        for name, tensor in model.state_dict().items()
        if not (made.tie_weights and name == "head.weight")
    }
