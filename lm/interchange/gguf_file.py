"""A GGUF file, as llama.cpp reads it: metadata, tokenizer and weights in one file, often in few bits.

The optional package `gguf` reads it. Weights in few bits are turned into floats, which takes more memory and
loses nothing. The tokenizer becomes a standard tokenizer.json.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lm.errors import RunProblem
from lm.interchange.chat import Chat
from lm.interchange.found import Found, Weights, config_of
from lm.interchange.gguf_tokenizer import tokenizer_of
from lm.interchange.hugging_face import FAMILIES, context_of
from lm.models.pretrained_config import PretrainedConfig
from lm.tokenizers.imported import padded

# The words of the package for a type that came after it.
UNKNOWN_TYPE = re.compile(r".*?\b(\d+)\)? is not a valid GGMLQuantizationType")
OUTSIDE = {
    "token_embedding.weight": "token_embd.weight",
    "position_embedding.weight": "position_embd.weight",
    "norm.weight": "output_norm.weight",
    "norm.bias": "output_norm.bias",
    "head.weight": "output.weight",
}
BLOCK = {  # of several matrices of theirs, ours has all rows; GPT-2's are joined already
    "attention_norm": ("attn_norm",),
    "attention.query_key_value": ("attn_q", "attn_k", "attn_v"),
    "attention.projection": ("attn_output",),
    "feed_forward_norm": ("ffn_norm",),
    "feed_forward.widen": ("ffn_gate", "ffn_up"),
    "feed_forward.narrow": ("ffn_down",),
}
GPT2_BLOCK = BLOCK | {"attention.query_key_value": ("attn_qkv",), "feed_forward.widen": ("ffn_up",)}


def found_in(
    path: Path, weights: str, context_length: int | None, source: str | None = None
) -> Found:
    """The model in a GGUF file. `RunProblem` if it is damaged, or not of a kind that is known."""
    file = GGUF(path)
    family = file.text("general.architecture")
    if family not in FAMILIES:
        raise RunProblem(
            f"{path} holds a model of the architecture {family[:60]!r}; those that can be imported are "
            f"{' and '.join(FAMILIES)}."
        )
    file.check_types()
    settings = _settings(file, family)
    longest = settings.pop("longest")
    context = context_of(longest, context_length)
    config = config_of(str(path), settings | {"weights": weights, "context_length": context})
    vocab_size = file.shape("token_embd.weight")[0]
    saved, begin, end = tokenizer_of(file.values, str(path))
    return Found(
        config=config,
        vocab_size=vocab_size,
        weights=lambda: _weights(file, config),
        tokenizer=padded(saved, vocab_size),
        chat=Chat(template=file.values.get("tokenizer.chat_template"), begin=begin, end=end),
        title=(source or str(file.values.get("general.name") or path.stem)).rpartition("/")[2],
        source=source or path.name,
        licence=str(file.values.get("general.license") or "not told"),
        notes=(f"Read from {path.name}, whose weights are {', '.join(file.kinds())}.",),
    )


class GGUF:
    """An open GGUF file: its values by key, and its tensors."""

    def __init__(self, path: Path) -> None:
        try:
            import gguf
        except ImportError:
            raise RunProblem(
                f"{path} needs the package gguf: install it with `pip install gguf`."
            ) from None
        if not path.is_file():
            raise RunProblem(f"There is no file {path}.")
        self.path, self._gguf = path, gguf
        try:
            reader = gguf.GGUFReader(path)
            self.values: dict[str, Any] = {
                name: field.contents() for name, field in reader.fields.items()
            }
        except Exception as error:  # the reader checks little: a damaged file fails anywhere in it
            if number := UNKNOWN_TYPE.fullmatch(str(error)):
                raise self._unreadable(f"number {number[1]}") from None
            raise RunProblem(f"{path} is damaged or no GGUF file: download it again.") from None
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}

    def text(self, key: str) -> str:
        """A text. `RunProblem` if it is missing."""
        return str(self._value(key))

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number. `RunProblem` if it is missing and there is no default."""
        value = self._value(key) if default is None else self.values.get(key, default)
        if not isinstance(value, int) or value < 1:
            raise RunProblem(f"{self.path} is damaged at {key!r}.")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number. `RunProblem` if it is missing and there is no default."""
        value = self._value(key) if default is None else self.values.get(key, default)
        if not isinstance(value, int | float):
            raise RunProblem(f"{self.path} is damaged at {key!r}.")
        return float(value)

    def _value(self, key: str) -> Any:
        if key not in self.values:
            raise RunProblem(f"{self.path} is damaged: it does not tell {key}.")
        return self.values[key]

    def kinds(self) -> list[str]:
        """The names of the types of its matrices."""
        return sorted({t.tensor_type.name for t in self.tensors.values() if len(t.shape) > 1})

    def check_types(self) -> None:
        """Raise a `RunProblem` that names a type of weights that cannot be turned into floats."""
        for tensor in self.tensors.values():
            size, _ = self._gguf.GGML_QUANT_SIZES[tensor.tensor_type]
            try:
                self._gguf.quants.dequantize(
                    tensor.data[:0] if size == 1 else tensor.data[:1], tensor.tensor_type
                )
            except NotImplementedError:
                raise self._unreadable(tensor.tensor_type.name) from None

    def _unreadable(self, kind: str) -> RunProblem:
        """Weights of a type that cannot be turned into floats."""
        return RunProblem(
            f"{self.path} has weights of the type {kind}, which cannot be read here: take a file of the type "
            "F16, Q8_0 or Q4_1."
        )

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor, rows first. `RunProblem` if it is missing."""
        if name not in self.tensors:
            raise RunProblem(f"{self.path} is not complete: the weights of {name} are missing.")
        return tuple(int(size) for size in reversed(self.tensors[name].shape))

    def read(self, name: str) -> Tensor:
        """A tensor in floats. `RunProblem` if it is missing."""
        shape, tensor = self.shape(name), self.tensors[name]
        floats = self._gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        return torch.from_numpy(np.array(floats, dtype=np.float32).reshape(shape))


def _settings(file: GGUF, family: str) -> dict[str, Any]:
    key = f"{family}.{{}}".format
    n_embd, n_head = file.whole(key("embedding_length")), file.whole(key("attention.head_count"))
    tied = "output.weight" not in file.tensors
    settings: dict[str, Any] = {
        "family": family,
        "n_embd": n_embd,
        "n_layer": file.whole(key("block_count")),
        "n_head": n_head,
        "feed_forward_size": file.whole(key("feed_forward_length")),
        "tie_weights": tied,
        "longest": file.whole(key("context_length")),
    }
    if family == "gpt2":
        return settings | {
            "n_key_value_head": n_head,
            "head_size": n_embd // n_head,
            "positions": "learned",
            "norm": "layer",
            "norm_epsilon": file.number(key("attention.layer_norm_epsilon")),
            "activation": "gelu_tanh",
            "gated": False,
            "attention_bias": True,
            "feed_forward_bias": True,
        }
    scaling = file.values.get(key("rope.scaling.type"), "none")
    if scaling != "none" or "rope_freqs.weight" in file.tensors:
        raise RunProblem(
            f"{file.path} cannot be imported: its rotary positions are scaled ({scaling})."
        )
    if "blk.0.ffn_gate_inp.weight" in file.tensors:
        raise RunProblem(f"{file.path} cannot be imported: it is a mixture of experts.")
    head_size = file.whole(key("attention.key_length"), n_embd // n_head)
    if file.whole(key("rope.dimension_count"), head_size) != head_size:
        raise RunProblem(f"{file.path} cannot be imported: only a part of each head is rotated.")
    return settings | {
        "n_key_value_head": file.whole(key("attention.head_count_kv"), n_head),
        "head_size": head_size,
        "positions": "rotary",
        "rotary_base": file.number(key("rope.freq_base"), 10_000.0),
        "norm": "rms",
        "norm_epsilon": file.number(key("attention.layer_norm_rms_epsilon")),
        "activation": "silu",
        "gated": True,
        "attention_bias": "blk.0.attn_q.bias" in file.tensors,
        "feed_forward_bias": "blk.0.ffn_up.bias" in file.tensors,
    }


def names_of(config: PretrainedConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Our name and theirs, whose rows are ours one after the other, for each tensor.

    Rows of queries and keys are in our order already: llama.cpp pairs neighbours, too.
    """
    gpt2 = config.family == "gpt2"
    for ours, theirs in OUTSIDE.items():
        absent = ours in ("position_embedding.weight", "norm.bias") and not gpt2
        if not absent and not (ours == "head.weight" and config.tie_weights):
            yield ours, (theirs,)
    for layer in range(config.n_layer):
        for ours, names in (GPT2_BLOCK if gpt2 else BLOCK).items():
            biased = (
                config.attention_bias if ours.startswith("attention.") else config.feed_forward_bias
            )
            if "norm" in ours:
                biased = gpt2
            for kind in ("weight", "bias") if biased else ("weight",):
                yield (
                    f"blocks.{layer}.{ours}.{kind}",
                    tuple(f"blk.{layer}.{n}.{kind}" for n in names),
                )


def _weights(file: GGUF, config: PretrainedConfig) -> Weights:
    for ours, theirs in names_of(config):
        parts = [file.read(name) for name in theirs]
        tensor = torch.cat(parts) if len(parts) > 1 else parts[0]
        yield (
            ours,
            tensor[: config.context_length] if ours == "position_embedding.weight" else tensor,
        )
