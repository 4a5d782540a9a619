"""A run as a folder that transformers loads: config.json, safetensors, the tokenizer, a card."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from lm.interchange.chat import Chat, chat_of
from lm.interchange.expressed import Expressed, expressed
from lm.interchange.families import (
    ACTIVATIONS,
    gpt2_names,
    gpt2_turned,
    halved,
    llama_names,
    sizes_of_rows,
)
from lm.models.pretrained_config import PretrainedConfig
from lm.runs import packing
from lm.runs.new_folder import new_folder, size_of
from lm.runs.run import Run
from lm.tokenizers import CharacterTokenizer, ImportedTokenizer, Tokenizer


def write(run: Run, out: Path, step: int | None = None) -> int:
    """Write a run at a snapshot into a new folder; returns its size in bytes.

    `SettingsProblem` if neither GPT-2 nor Llama can express it, `RunProblem` if the folder is not new or the
    disk is full; then nothing is left of it.
    """
    with new_folder(out):
        tokenizer, chat = run.tokenizer(), chat_of(run)
        model = expressed(run.model(step)[0], run.plan.rung.title)
        _write_json(out / "config.json", config_of(model, tokenizer, chat))
        save_file(theirs(model), out / "model.safetensors", {"format": "pt"})
        _write_json(out / "tokenizer.json", standard_json(tokenizer))
        _write_json(out / "tokenizer_config.json", _tokenizer_config(model.config, chat))
        if chat.template is not None:
            (out / "chat_template.jinja").write_text(chat.template, "utf-8")
        (out / "README.md").write_text(card(run), "utf-8")
    return size_of(out)


def config_of(model: Expressed, tokenizer: Tokenizer, chat: Chat) -> dict[str, Any]:
    """The contents of config.json."""
    config = model.config
    ends = {
        name: tokenizer.id_of(token) if token and isinstance(tokenizer, ImportedTokenizer) else None
        for name, token in (("bos_token_id", chat.begin), ("eos_token_id", chat.end))
    }
    activation = ACTIVATIONS[config.activation][0]
    shared: dict[str, Any] = {
        "dtype": config.weights,
        "vocab_size": model.vocab_size,
        "tie_word_embeddings": config.tie_weights,
        **ends,
    }
    if config.family == "gpt2":
        return shared | {
            "architectures": ["GPT2LMHeadModel"],
            "model_type": "gpt2",
            "n_embd": config.n_embd,
            "n_layer": config.n_layer,
            "n_head": config.n_head,
            "n_inner": config.feed_forward_size,
            "n_positions": config.context_length,
            "layer_norm_epsilon": config.norm_epsilon,
            "activation_function": activation,
            "scale_attn_weights": config.scale_scores,
            **dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), 0.0),
        }
    return shared | {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": config.n_embd,
        "num_hidden_layers": config.n_layer,
        "num_attention_heads": config.n_head,
        "num_key_value_heads": config.n_key_value_head,
        "head_dim": config.head_size,
        "intermediate_size": config.feed_forward_size,
        "max_position_embeddings": config.context_length,
        "rms_norm_eps": config.norm_epsilon,
        "hidden_act": activation,
        "rope_theta": config.rotary_base,  # for transformers 4
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rotary_base},
        "attention_bias": config.attention_bias,
        "mlp_bias": config.feed_forward_bias,
    }


def theirs(model: Expressed) -> dict[str, Tensor]:
    """The weights under the names and in the order of the family."""
    config, weights = model.config, model.weights
    if config.family == "gpt2":
        return {
            theirs: (weights[ours].T if gpt2_turned(ours) else weights[ours]).contiguous()
            for ours, theirs in gpt2_names(config)
        }
    found: dict[str, Tensor] = {}
    for ours, names in llama_names(config):
        parts = [weights[ours]]
        if len(names) > 1:
            parts = list(weights[ours].split(sizes_of_rows(ours, config)))
        if "query_key_value" in ours:
            parts[0] = halved(parts[0], config.n_head)
            parts[1] = halved(parts[1], config.n_key_value_head)
        found |= {name: part.clone() for name, part in zip(names, parts, strict=True)}
    return found


def standard_json(tokenizer: Tokenizer) -> dict[str, Any]:
    """A tokenizer as the contents of tokenizer.json. Characters become words of one letter."""
    if not isinstance(tokenizer, CharacterTokenizer):
        return tokenizer.to_json()
    each = {"Regex": r"[\s\S]"}
    split = {"type": "Split", "pattern": each, "behavior": "Isolated", "invert": False}
    vocab = {character: id for id, character in enumerate(tokenizer.characters)}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": split,
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unknown>"},
    }


def _tokenizer_config(config: PretrainedConfig, chat: Chat) -> dict[str, Any]:
    ends = {"bos_token": chat.begin, "eos_token": chat.end}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": config.context_length,
    } | {name: token for name, token in ends.items() if token is not None}


def card(run: Run) -> str:
    """The card of a run, for its exports: an imported one keeps its own."""
    own = run.directory / "README.md"
    if run.record.trained_elsewhere and own.exists():
        return own.read_text("utf-8")
    return packing.card(run, run.record.note)


def _write_json(path: Path, contents: dict[str, Any]) -> None:
    path.write_text(json.dumps(contents, indent=1, ensure_ascii=False) + "\n", "utf-8")
