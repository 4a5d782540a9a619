"""Models that others have published, and processors, by their sizes: what `lm/costs/training.py` reckons with.

GPT-2 and GPT-3 are one architecture at different sizes, so that parameters, operations and memory are short
formulas (C embedding size, L layers, T context, V vocabulary). A test holds each formula equal to counting in a
model of `lm/models/pretrained_transformer.py`.
"""

from dataclasses import dataclass

VOCABULARY = 50_257  # of GPT-2 and GPT-3: 256 bytes, 50,000 merges, and an end of text


@dataclass(frozen=True)
class Published:
    """A decoder like GPT-2: learned positions, two linear layers of 4 C after attention, tied weights.

    batch_tokens: read in one step. tokens: read in all of its training; None where nobody has said it.
    """

    title: str
    source: str
    n_layer: int
    n_embd: int
    n_head: int
    context_length: int
    batch_tokens: int
    tokens: float | None
    vocab_size: int = VOCABULARY

    @property
    def layer_parameters(self) -> int:
        """Of one layer: 4 C² in attention, 8 C² after it, and 13 C in biases and norms."""
        C = self.n_embd
        return 12 * C * C + 13 * C

    @property
    def parameters(self) -> int:
        """All layers, the embeddings of tokens and positions, and the last norm."""
        C = self.n_embd
        embeddings = (self.vocab_size + self.context_length) * C
        return self.n_layer * self.layer_parameters + embeddings + 2 * C

    @property
    def forward_operations(self) -> int:
        """Operations of matrix products for one token: 2 for each weight it meets, and 4 T C in attention."""
        L, C, T = self.n_layer, self.n_embd, self.context_length
        return L * (24 * C * C + 4 * T * C) + 2 * C * self.vocab_size

    @property
    def kept_numbers(self) -> int:
        """Numbers that the backward pass needs for one token.

        In each layer: inputs of norms and of linear layers, query, key, value, and the result of attention
        (16 C together), and a few more; attention weights are computed again. At the end, a score for each
        token of the vocabulary.
        """
        C = self.n_embd
        return self.n_layer * self._kept_in_layer + 2 * C + 2 + self.vocab_size

    @property
    def least_kept_numbers(self) -> int:
        """The same if only the input of each layer is kept, and the rest computed again, layer by layer."""
        C = self.n_embd
        return self.n_layer * C + self._kept_in_layer + 2 * C + 2 + self.vocab_size

    @property
    def _kept_in_layer(self) -> int:
        return 16 * self.n_embd + self.n_head + 4


def _gpt2(title: str, n_layer: int, n_embd: int, n_head: int) -> Published:
    return Published(title, GPT2, n_layer, n_embd, n_head, 1024, 512 * 1024, None)


def _gpt3(title: str, n_layer: int, n_embd: int, n_head: int, batch_tokens: float) -> Published:
    return Published(title, GPT3, n_layer, n_embd, n_head, 2048, int(batch_tokens), 300e9)


GPT2 = "Radford et al. 2019, table 2"
GPT3 = "Brown et al. 2020, table 2.1"
MODELS = {
    "gpt2": _gpt2("GPT-2", 12, 768, 12),
    "gpt2-medium": _gpt2("GPT-2 medium", 24, 1024, 16),
    "gpt2-large": _gpt2("GPT-2 large", 36, 1280, 20),
    "gpt2-xl": _gpt2("GPT-2 XL", 48, 1600, 25),
    "gpt3-6.7b": _gpt3("GPT-3 6.7B", 32, 4096, 32, 2e6),
    "gpt3": _gpt3("GPT-3", 96, 12_288, 96, 3.2e6),
}


@dataclass(frozen=True)
class Processor:
    """A GPU: its peak rate in bfloat16 products (float16, where there is no bfloat16), and its memory.

    rate: operations a second, without the doubling for sparse matrices. memory: bytes.
    """

    title: str
    rate: float
    memory: float


SHEETS = "NVIDIA's data sheets: 16-bit matrix products, without sparsity"
PROCESSORS = {
    "t4": Processor("T4", 65e12, 16e9),
    "v100": Processor("V100", 125e12, 32e9),
    "rtx4090": Processor("RTX 4090", 165e12, 24e9),
    "a100": Processor("A100", 312e12, 80e9),
    "h100": Processor("H100", 989e12, 80e9),
    "h200": Processor("H200", 989e12, 141e9),
    "b200": Processor("B200", 2250e12, 180e9),
}
