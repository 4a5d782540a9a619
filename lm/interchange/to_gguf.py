"""A run as a GGUF file, for llama.cpp. The optional package `gguf` writes it.

llama.cpp knows fewer settings than transformers: the activation of a GPT-2 is GELU by its approximation with
tanh, that of a Llama is SwiGLU. Weights are written as they are, in four or two bytes.
"""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from lm.atomic import replaced
from lm.errors import RunProblem, SettingsProblem
from lm.interchange.chat import Chat, chat_of
from lm.interchange.expressed import Expressed, expressed
from lm.interchange.families import sizes_of_rows
from lm.interchange.gguf_file import names_of
from lm.interchange.gguf_tokenizer import CONTROL, CUTS, USERS
from lm.runs.files import explained
from lm.runs.run import Run
from lm.tokenizers import CharacterTokenizer, Tokenizer, UnigramTokenizer
from lm.tokenizers.byte_level import as_letters

NORMAL = 1  # the type of a token
NEVER = "ÿ ÿ"  # a merge of bytes that no text holds: llama.cpp wants at least one merge
ACTIVATIONS = {"gpt2": "gelu_tanh", "llama": "silu"}


def write(run: Run, out: Path, step: int | None = None) -> int:
    """Write a run at a snapshot into a file, replacing it; returns its size in bytes.

    `SettingsProblem` if llama.cpp does not know its settings or its tokens, `RunProblem` without the package
    `gguf` or on a full disk.
    """
    try:
        import gguf
    except ImportError:
        raise RunProblem(
            "GGUF files need the package gguf: install it with `pip install gguf`."
        ) from None
    tokenizer, chat = run.tokenizer(), chat_of(run)
    model = expressed(run.model(step)[0], run.plan.rung.title)
    _check(model)
    tokens = tokens_of(tokenizer)
    with explained(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        with replaced(out) as temporary:
            writer = gguf.GGUFWriter(temporary, model.config.family)
            writer.add_name(run.plan.rung.title)
            _add_settings(writer, model)
            _add_tokens(writer, tokens, tokenizer, chat)
            for ours, theirs in names_of(model.config):
                parts = [model.weights[ours]]
                if len(theirs) > 1:
                    parts = list(parts[0].split(sizes_of_rows(ours, model.config)))
                for name, part in zip(theirs, parts, strict=True):
                    _add_tensor(gguf, writer, name, part, model.config.weights)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            return temporary.stat().st_size


def _check(model: Expressed) -> None:
    """Raise a `SettingsProblem` if llama.cpp does not know the activation, or cannot scale the scores."""
    config, wanted = model.config, ACTIVATIONS[model.config.family]
    if config.activation != wanted:
        name = {
            "gelu_tanh": "GELU by tanh",
            "silu": "SwiGLU (activation swiglu, with rotary positions)",
        }
        raise SettingsProblem(
            f"llama.cpp does not know this model's activation ({config.activation}): it has {name[wanted]} for "
            f"models like this one. Export --to huggingface or onnx."
        )
    if not config.scale_scores:
        raise SettingsProblem(
            "llama.cpp always divides scores by √D (scale_scores): export --to huggingface or onnx."
        )


def _add_settings(writer: Any, model: Expressed) -> None:
    config = model.config
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.n_embd)
    writer.add_block_count(config.n_layer)
    writer.add_feed_forward_length(config.feed_forward_size)
    writer.add_head_count(config.n_head)
    writer.add_vocab_size(model.vocab_size)
    if config.family == "gpt2":
        writer.add_layer_norm_eps(config.norm_epsilon)
        return
    writer.add_head_count_kv(config.n_key_value_head)
    writer.add_key_length(config.head_size)
    writer.add_value_length(config.head_size)
    writer.add_rope_dimension_count(config.head_size)
    writer.add_rope_freq_base(config.rotary_base)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)


class Tokens:
    """The tokens of a GGUF file, in the order of their ids; how texts are cut, and the merges."""

    def __init__(self, texts: list[str], types: list[int], merges: list[str], cut: str) -> None:
        self.texts, self.types, self.merges, self.cut = texts, types, merges, cut


def tokens_of(tokenizer: Tokenizer) -> Tokens:
    """The tokens of a byte-level BPE, or of ASCII characters. `SettingsProblem` for others."""
    if isinstance(tokenizer, CharacterTokenizer):
        if not tokenizer.characters.isascii():
            raise SettingsProblem(
                "A GGUF file has bytes for tokens, and some of this run's characters are several: train it "
                "with --tokenizer bpe."
            )
        texts = [as_letters(character.encode()) for character in tokenizer.characters]
        return Tokens(texts, [NORMAL] * len(texts), [NEVER], "gpt-2")
    saved = tokenizer.to_json()
    if isinstance(tokenizer, UnigramTokenizer) or saved["model"].get("type") != "BPE":
        raise SettingsProblem(
            "llama.cpp does not read this kind of tokenizer: train with --tokenizer bpe."
        )
    cut = _cut_of(saved)
    ids = dict(saved["model"]["vocab"])
    types = dict.fromkeys(ids.values(), NORMAL)
    for one in saved.get("added_tokens") or []:
        ids[one["content"]] = one["id"]
        types[one["id"]] = CONTROL if one.get("special") else USERS
    texts = sorted(ids, key=ids.__getitem__)
    merges = [m if isinstance(m, str) else " ".join(m) for m in saved["model"]["merges"]]
    return Tokens(texts, [types[id] for id in range(len(texts))], merges, cut)


def _cut_of(saved: dict[str, Any]) -> str:
    """The name that llama.cpp has for the way in which a tokenizer cuts texts. `SettingsProblem` if none."""
    part = saved.get("pre_tokenizer") or {}
    members = part.get("pretokenizers", [part])
    for name, cuts in CUTS.items():
        if [_marks(one) for one in cuts] == [_marks(one) for one in members]:
            return name
    raise SettingsProblem(
        f"llama.cpp has no name for the way in which this tokenizer cuts texts; it has {', '.join(CUTS)}."
    )


def _marks(part: dict[str, Any]) -> tuple[Any, ...]:
    """What tells a step of cutting from another."""
    return (
        part.get("type"),
        part.get("use_regex", True),
        part.get("individual_digits"),
        part.get("pattern"),
    )


def _add_tokens(writer: Any, tokens: Tokens, tokenizer: Tokenizer, chat: Chat) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(tokens.cut)
    writer.add_token_list(tokens.texts)
    writer.add_token_types(tokens.types)
    writer.add_token_merges(tokens.merges)
    writer.add_add_bos_token(False)
    for token, add in ((chat.begin, writer.add_bos_token_id), (chat.end, writer.add_eos_token_id)):
        if token in tokens.texts:
            add(tokens.texts.index(token))
    if chat.template is not None:
        writer.add_chat_template(chat.template)


def _add_tensor(gguf: Any, writer: Any, name: str, tensor: Tensor, weights: str) -> None:
    """Matrices in the type of the model's weights; vectors in float32, as llama.cpp wants them."""
    floats = np.ascontiguousarray(tensor.detach().float().numpy())
    if weights == "bfloat16" and floats.ndim == 2:
        kind = gguf.GGMLQuantizationType.BF16
        writer.add_tensor(name, gguf.quants.quantize(floats, kind), raw_dtype=kind)
    else:
        writer.add_tensor(name, floats)
