"""A decoder that others trained: GPT-2, Llama, and the models that are built like one of them.

It is the decoder of rung 5 with the parts that these two families chose (`pretrained_config.py`):

- GPT-2 (Radford et al. 2019): learned positions, layer norm, GELU by its approximation with tanh, biases
  everywhere but in the output head, which is the token embedding.
- Llama (Touvron et al. 2023): rotary positions, RMS norm with learned scales, SwiGLU, keys and values that
  heads share, hardly any bias.

It is no rung of the ladder: nobody trains one from random numbers here. `lm/interchange/` makes a run of one.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lm.layers import (
    Block,
    Dropout,
    FeedForward,
    KeyValueCache,
    RotaryPositions,
    SelfAttention,
    causal,
    draw_weights,
    make_norm,
)
from lm.models.pretrained_config import PretrainedConfig


class PretrainedBlock(Block):
    """A block whose parts have the sizes, biases and norms of the config."""

    def __init__(
        self, config: PretrainedConfig, mask: Tensor, rotary: RotaryPositions | None
    ) -> None:
        nn.Module.__init__(self)  # not Block's: it makes parts of the usual sizes
        C = config.n_embd
        self.residual = True
        self.attention_norm = pretrained_norm(config)
        self.attention = SelfAttention(
            C,
            config.n_head,
            mask,
            bias=config.attention_bias,
            rotary=rotary,
            scaled=config.scale_scores,
            n_key_value_head=config.n_key_value_head,
            head_size=config.head_size,
            query_key_value_bias=config.attention_bias,
        )
        self.feed_forward_norm = pretrained_norm(config)
        self.feed_forward = FeedForward(
            C,
            config.activation,
            config.feed_forward_bias,
            wide=config.feed_forward_size,
            gated=config.gated,
        )
        self.dropout = Dropout(0.0)


def pretrained_norm(config: PretrainedConfig) -> nn.Module:
    """The norm of the config, with what it learns."""
    return make_norm(config.norm, config.n_embd, scale=True, epsilon=config.norm_epsilon)


class PretrainedTransformer(nn.Module):
    """Token embedding, positions, a stack of blocks, a last norm, and the output head without a bias."""

    def __init__(self, config: PretrainedConfig, vocab_size: int) -> None:
        super().__init__()
        C, T = config.n_embd, config.context_length
        self.config = config
        self.token_embedding = nn.Embedding(vocab_size, C)
        rotary = None
        if config.positions == "learned":
            self.position_embedding = nn.Embedding(T, C)
        else:
            rotary = RotaryPositions(config.head_size, T, config.rotary_base)
        mask = causal(T)  # (T, T), the same for all blocks
        self.blocks = nn.ModuleList(
            PretrainedBlock(config, mask, rotary) for _ in range(config.n_layer)
        )
        self.norm = pretrained_norm(config)
        self.head = nn.Linear(C, vocab_size, bias=False)
        if config.tie_weights:
            self.head.weight = self.token_embedding.weight
        draw_weights(self, parts=2 * config.n_layer)

    def forward(self, tokens: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V), in float32.

        With a cache (`new_cache`), the tokens continue the text that it holds, and are added to it.
        """
        T, start = tokens.shape[1], cache.length if cache is not None else 0
        if cache is not None:
            cache.extend(tokens)
        x = self.token_embedding(tokens)  # (B, T, C)
        if self.config.positions == "learned":
            positions = torch.arange(start, start + T, device=tokens.device)  # (T,)
            x = x + self.position_embedding(positions)
        for layer, block in enumerate(self.blocks):
            x = block(x, cache.layers[layer] if cache is not None else None)  # (B, T, C)
        if cache is not None:
            x = x[:, -1:]  # one row of scores is read, and there are as many as tokens are known
        return self.read_out(x)  # (B, T, V), with a cache (B, 1, V)

    def read_out(self, x: Tensor) -> Tensor:
        """The residual path x (B, T, C) to scores (B, T, V), in float32."""
        return self.head(self.norm(x)).float()

    def new_cache(self) -> KeyValueCache:
        """An empty cache for `forward`, for texts of up to context_length tokens."""
        return KeyValueCache(self.config.n_layer, self.config.context_length)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = True
    ) -> Any:
        """As torch's, but tensors of a file become the weights themselves: nothing is copied.

        They are mapped into memory, and read when they are used; those of the wrong type are converted. The
        output head of tied weights need not be among them.
        """
        dtype = getattr(torch, self.config.weights)
        state = {
            name: tensor.to(dtype) if tensor.is_floating_point() else tensor
            for name, tensor in state_dict.items()
        }
        if self.config.tie_weights and "token_embedding.weight" in state:
            state["head.weight"] = state["token_embedding.weight"]
        found = super().load_state_dict(state, strict, assign)
        if self.config.tie_weights:
            self.head.weight = self.token_embedding.weight
        return found
