"""Rung 5, the decoder-only transformer: blocks on blocks. This is a GPT.

Nothing is new but the loop. A second block attends to what the first one found, so patterns of patterns
become possible: letters to words, words to a speaker's turn. "Decoder-only" means that there is one stack,
it may only look back, and it reads and writes the same text (Radford et al. 2018); the original transformer
(2017) had a second stack, the encoder, for a text to translate.

The settings of group "architecture" are what others use in place of its parts, most of them found since, to
learn faster; the last but one lets rung 0 have a say. As they stand, the model has GPT-2's arrangement (norms
first) with the ReLU of 2017; switch one and train to see what it buys. The recipes combine them.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn

from lm.layers import (
    Activation,
    Block,
    Dropout,
    KeyValueCache,
    Norm,
    RotaryPositions,
    as_row,
    make_norm,
    one_position,
)
from lm.models.ngram import Ngram, NgramConfig
from lm.models.single_block_transformer import SingleBlockConfig
from lm.ngrams import Counting
from lm.settings import Whole, setting

BIGRAM_ROWS = 2**16  # at most; the pairs of a larger alphabet share rows
LOOKS_BACK = NgramConfig().order - 1  # tokens before a new one that an n-gram needs, at most
TRIGRAM_BITS = 14  # 16,384 rows, which triples always share: a text has more than so many


class DecoderConfig(SingleBlockConfig):
    n_layer: Whole = setting(
        3,
        title="Layers",
        help="Blocks stacked. Each works on what the one below has found.",
        ge=1,
        le=24,
        step=1,
        live_le=8,
    )
    positions: Literal["learned", "rotary"] = setting(
        "learned",
        title="Positions",
        help="Learned: a vector for each place. Rotary: attention feels distances, from step 0 on.",
        group="architecture",
    )
    norm: Norm = setting(
        "layer",
        title="Norm",
        help="RMS leaves out layer norm's mean and learned scale: cheaper, and about as good.",
        group="architecture",
    )
    activation: Activation = setting(
        "relu",
        title="Activation",
        help="How the feed-forward part bends its numbers; squared ReLU learns fastest here.",
        group="architecture",
    )
    qk_norm: bool = setting(
        False,
        title="Query-key norm",
        help="Compare directions, not lengths: scores stay bounded, so steps can be larger.",
        group="architecture",
    )
    tie_weights: bool = setting(
        False,
        title="Tie weights",
        help="One matrix both reads and writes characters. Saves little with so few of them.",
        group="architecture",
    )
    zero_init: bool = setting(
        False,
        title="Zero-initialised outputs",
        help="Each block begins by adding nothing, so the first steps are calm and can be large.",
        group="architecture",
    )
    ngram_embedding: Literal["none", "bigram", "trigram"] = setting(
        "none",
        title="N-gram embedding",
        help="A learned vector for each pair (and triple) of characters: a head start in looking back.",
        group="architecture",
    )
    ngram_share: float = setting(
        0.0,
        title="Share of counted n-grams",
        help="Mix rung 0's guess in when it is judged and when it writes; training shows the network alone.",
        ge=0.0,
        le=0.9,
        step=0.05,
        group="architecture",
    )
    bias: bool = setting(
        True,
        title="Biases",
        help="Constants that projections, feed-forward parts and layer norms add. Hardly missed.",
        group="architecture",
    )

    @model_validator(mode="after")
    def _rotary_turns_pairs(self) -> "DecoderConfig":
        if self.positions == "rotary" and self.n_embd // self.n_head % 2:
            raise ValueError(
                f"Rotary positions turn pairs of numbers, and {self.n_head} heads of "
                f"{self.n_embd // self.n_head} have one left over: choose an embedding size that is a "
                f"multiple of {2 * self.n_head}, or learned positions."
            )
        return self


class DecoderTransformer(nn.Module):
    """Embedding and position, a stack of blocks, a last norm, and the scores."""

    def __init__(self, config: DecoderConfig, vocab_size: int) -> None:
        super().__init__()
        C, T = config.n_embd, config.context_length
        self.config, self.vocab_size = config, vocab_size
        self.token_embedding = nn.Embedding(vocab_size, C)
        rotary = None
        if config.positions == "rotary":
            rotary = RotaryPositions(C // config.n_head, T)
        else:
            self.position_embedding = nn.Embedding(T, C)
        if config.ngram_embedding != "none":
            self.bigram_embedding = nn.Embedding(min((vocab_size + 1) ** 2, BIGRAM_ROWS), C)
        if config.ngram_embedding == "trigram":
            self.trigram_embedding = nn.Embedding(2**TRIGRAM_BITS, C)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(
            Block(
                C,
                config.n_head,
                config.dropout,
                norm=config.norm,
                activation=config.activation,
                bias=config.bias,
                rotary=rotary,
                qk_norm=config.qk_norm,
            )
            for _ in range(config.n_layer)
        )
        self.norm = make_norm(config.norm, C, config.bias)
        self.head = nn.Linear(C, vocab_size, bias=config.bias)
        if config.tie_weights:
            self.head.weight = self.token_embedding.weight
        if config.ngram_share:
            self.ngram = Ngram(NgramConfig(), vocab_size)
        self._initialise()

    def _initialise(self) -> None:
        """GPT-2's start: small weights everywhere, smaller still where a part adds to the path.

        2 · n_layer findings are summed on the residual path; dividing each by √(2 · n_layer) keeps
        the sum's size the same at any depth (Radford et al. 2019, section 2.3). With `zero_init`
        they begin at 0 (Zhang et al. 2019, "Fixup").
        """
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                adds = name.endswith(("projection.weight", "narrow.weight"))
                if adds and self.config.zero_init:
                    nn.init.zeros_(parameter)
                else:
                    shrink = (2 * self.config.n_layer) ** -0.5 if adds else 1.0
                    nn.init.normal_(parameter, std=0.02 * shrink)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Tokens (B, T) to the scores of each possible next token, (B, T, V).

        With a cache (`new_cache`), the tokens continue the texts that it holds, and are added to it.
        """
        text = self._text(tokens, cache)  # (B, up to LOOKS_BACK more)
        x = self.dropout(self._embed(tokens, text, cache))  # (B, T, C)
        for number, block in enumerate(self.blocks):
            x = block(x, cache.layers[number] if cache is not None else None)
        return self._mixed(self.head(self.norm(x)), text)  # (B, T, V)

    def count(self, train_tokens: Tensor) -> None:
        """Before the first step: count the n-grams of (N,) tokens, if they are to have a share.

        Takes some seconds for a million tokens, and belongs to the first step.
        """
        if self.config.ngram_share:
            counting = Counting(train_tokens.cpu().numpy(), self.vocab_size)
            for _ in range(min(self.ngram.order, len(train_tokens))):
                counting.longer()
            self.ngram.hold(counting.counts)
            self.ngram.to(train_tokens.device)

    def _mixed(self, scores: Tensor, text: Tensor) -> Tensor:
        """The network's scores (B, T, V), or log-probabilities in which rung 0 has its share.

        The two are trained apart and averaged afterwards, as Bengio et al. did (2003, section 4). While
        training, the network answers alone: counts know their own text far too well to learn beside.
        """
        share = self.config.ngram_share
        if self.training or not share:
            return scores
        counted = self.ngram(text)[:, -scores.shape[1] :]  # log p, (B, T, V)
        learned = scores.log_softmax(dim=-1)
        return torch.logaddexp(learned + math.log(1 - share), counted + math.log(share))

    def _text(self, tokens: Tensor, cache: KeyValueCache | None) -> Tensor:
        """Tokens (B, T), and if n-grams are looked up, those right before that the cache has seen."""
        looks_back = self.config.ngram_share or self.config.ngram_embedding != "none"
        return cache.remember(tokens, LOOKS_BACK) if cache is not None and looks_back else tokens

    def _embed(self, tokens: Tensor, text: Tensor, cache: KeyValueCache | None) -> Tensor:
        """Tokens (B, T), the end of the text so far, to what each position starts with, (B, T, C)."""
        x = self.token_embedding(tokens)
        if self.config.positions == "learned":
            start = cache.length if cache is not None else 0
            x = x + self.position_embedding.weight[start : start + tokens.shape[1]]
        if self.config.ngram_embedding != "none":
            nothing = tokens.new_full(
                (tokens.shape[0], 2), self.vocab_size
            )  # one past the alphabet
            begun = torch.cat([nothing, text], dim=1)
            x = x + self._look_up(begun[:, -tokens.shape[1] - 2 :])
        return x

    def _look_up(self, text: Tensor) -> Tensor:
        """The vectors of the pair and the triple that end at each token but the first two, (B, T, C)."""
        V = self.vocab_size + 1
        pairs = text[:, 1:-1] * V + text[:, 2:]  # (B, T)
        found = self.bigram_embedding(pairs % self.bigram_embedding.num_embeddings)
        if self.config.ngram_embedding == "trigram":
            triples = text[:, :-2] * V**2 + pairs
            scattered = triples * 2_654_435_761 & 0xFFFF_FFFF  # Knuth's multiplicative hash
            found = found + self.trigram_embedding(scattered >> 32 - TRIGRAM_BITS)
        return found

    def for_one_position(self) -> Callable[[Tensor, KeyValueCache], Tensor]:
        """`forward` for one new token of each text, (B, 1) to (B, 1, V), made for speed.

        For use while the model is in evaluation mode and stays on its device.
        """
        blocks = [one_position(block) for block in self.blocks]  # type: ignore[arg-type]
        norm, head = as_row(self.norm), as_row(self.head)
        text_of, embed, mixed = self._text, self._embed, self._mixed

        def read(tokens: Tensor, cache: KeyValueCache) -> Tensor:
            text = text_of(tokens, cache)
            x = embed(tokens, text, cache).squeeze(1)  # (B, C)
            for block, layer in zip(blocks, cache.layers, strict=True):
                x = block(x, layer)
            return mixed(head(norm(x)).unsqueeze(1), text)

        return read

    def new_cache(self) -> KeyValueCache:
        """An empty cache for `forward`, for texts of up to context_length tokens."""
        return KeyValueCache(self.config.n_layer, self.config.context_length)
