"""The names that GPT-2 and Llama give their weights, beside ours: for both directions."""

from collections.abc import Iterator

import torch
from torch import Tensor

from lm.models.pretrained_config import PretrainedConfig

# The activations of transformers by our names; the first of each is written.
ACTIVATIONS = {
    "relu": ("relu",),
    "gelu": ("gelu",),
    "gelu_tanh": ("gelu_new", "gelu_pytorch_tanh", "gelu_fast"),
    "squared_relu": ("relu2",),
    "silu": ("silu", "swish"),
}
OURS = {theirs: ours for ours, names in ACTIVATIONS.items() for theirs in names}

GPT2_OUTSIDE = {
    "token_embedding.weight": "transformer.wte.weight",
    "position_embedding.weight": "transformer.wpe.weight",
    "norm": "transformer.ln_f",
    "head.weight": "lm_head.weight",
}
GPT2_BLOCK = {  # all with a weight and a bias
    "attention_norm": "ln_1",
    "attention.query_key_value": "attn.c_attn",
    "attention.projection": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "feed_forward.widen": "mlp.c_fc",
    "feed_forward.narrow": "mlp.c_proj",
}
LLAMA_OUTSIDE = {
    "token_embedding.weight": "model.embed_tokens.weight",
    "norm.weight": "model.norm.weight",
    "head.weight": "lm_head.weight",
}
LLAMA_BLOCK = {  # of several matrices of theirs, ours has all rows, in this order
    "attention_norm": ("input_layernorm",),
    "attention.query_key_value": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention.projection": ("self_attn.o_proj",),
    "feed_forward_norm": ("post_attention_layernorm",),
    "feed_forward.widen": ("mlp.gate_proj", "mlp.up_proj"),
    "feed_forward.narrow": ("mlp.down_proj",),
}


def gpt2_names(config: PretrainedConfig) -> Iterator[tuple[str, str]]:
    """Our name and theirs, for each tensor."""
    for ours, theirs in GPT2_OUTSIDE.items():
        if ours == "norm":
            yield from ((f"{ours}.{kind}", f"{theirs}.{kind}") for kind in ("weight", "bias"))
        elif not (ours == "head.weight" and config.tie_weights):
            yield ours, theirs
    for layer in range(config.n_layer):
        for ours, theirs in GPT2_BLOCK.items():
            for kind in ("weight", "bias"):
                yield f"blocks.{layer}.{ours}.{kind}", f"transformer.h.{layer}.{theirs}.{kind}"


def gpt2_turned(name: str) -> bool:
    """Whether GPT-2 keeps the matrix of our name as (in, out), not as (out, in)."""
    return name.endswith(".weight") and "norm" not in name and name.startswith("blocks.")


def llama_names(config: PretrainedConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Our name and theirs, whose rows are ours one after the other, for each tensor."""
    for ours, theirs in LLAMA_OUTSIDE.items():
        if not (ours == "head.weight" and config.tie_weights):
            yield ours, (theirs,)
    for layer in range(config.n_layer):
        for ours, names in LLAMA_BLOCK.items():
            biased = (
                config.attention_bias if ours.startswith("attention.") else config.feed_forward_bias
            )
            for kind in ("weight", "bias") if biased and "norm" not in ours else ("weight",):
                theirs_all = tuple(f"model.layers.{layer}.{name}.{kind}" for name in names)
                yield f"blocks.{layer}.{ours}.{kind}", theirs_all


def paired(rows: Tensor, heads: int) -> Tensor:
    """Rows of query or key heads, (H · D, …), in Llama's order to those in ours: pairs become neighbours."""
    return rows.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def halved(rows: Tensor, heads: int) -> Tensor:
    """The inverse of `paired`."""
    return rows.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def sizes_of_rows(ours: str, config: PretrainedConfig) -> list[int]:
    """The rows of each matrix of Llama's in our matrix of that name."""
    if "query_key_value" in ours:
        D = config.head_size
        return [config.n_head * D, config.n_key_value_head * D, config.n_key_value_head * D]
    return [config.feed_forward_size] * 2


def joined(ours: str, parts: list[Tensor], config: PretrainedConfig) -> Tensor:
    """Matrices of Llama's as our one."""
    if "query_key_value" in ours and config.positions == "rotary":
        q, k, v = parts
        parts = [paired(q, config.n_head), paired(k, config.n_key_value_head), v]
    return torch.cat(parts) if len(parts) > 1 else parts[0]
