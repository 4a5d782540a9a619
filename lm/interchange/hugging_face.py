"""A folder as the transformers library writes it: config.json, safetensors, tokenizer.json.

Nothing is unpickled: weights in .bin files could run any program, and are refused.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from lm.errors import RunProblem
from lm.interchange.chat import Chat
from lm.interchange.families import (
    OURS,
    gpt2_names,
    gpt2_turned,
    joined,
    llama_names,
)
from lm.interchange.found import Found, Weights, config_of
from lm.models.pretrained_config import LONGEST, Family, PretrainedConfig
from lm.tokenizers.imported import padded

CONTEXT = 2048  # tokens, unless a model has fewer or somebody asks for more: a mask takes the square of it
FAMILIES: tuple[Family, ...] = ("gpt2", "llama")
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def found_in(
    folder: Path, weights: str, context_length: int | None, source: str | None = None
) -> Found:
    """The model in a folder. `RunProblem` if it is damaged, or not of a family that is known.

    weights: the type that they get, "float32" or "bfloat16". context_length: shorter than its own, if given.
    """
    saved = _read_json(
        folder / "config.json", f"{folder} holds no model: there is no config.json in it."
    )
    if quantised := saved.get("quantization_config"):
        method = quantised.get("quant_method") if isinstance(quantised, dict) else quantised
        raise RunProblem(
            f"{folder} has weights in few bits, by {str(method)[:40]!r}, which cannot be read here: take the "
            "model in float32, float16 or bfloat16, or as a GGUF file."
        )
    if _family(saved, folder) == "gpt2":
        settings = _gpt2_settings(saved, folder)
    else:
        settings = _llama_settings(saved, folder)
    longest = settings.pop("longest")
    tensors = Tensors(folder)
    embedding = "wte.weight" if settings["family"] == "gpt2" else "embed_tokens.weight"
    name = next((name for name in tensors.files if name.endswith(embedding)), None)
    if name is None:
        raise RunProblem(f"{folder} is not complete: the weights of {embedding} are missing.")
    vocab_size = tensors.shape(name)[0]
    context = context_of(longest, context_length)
    config = config_of(str(folder), settings | {"weights": weights, "context_length": context})
    read = _gpt2_weights if config.family == "gpt2" else _llama_weights
    scaled = bool(saved.get("scale_attn_by_inverse_layer_idx"))
    return Found(
        config=config,
        vocab_size=vocab_size,
        weights=lambda: read(tensors, config, scaled),
        tokenizer=padded(_tokenizer(folder), vocab_size),
        chat=_chat(folder),
        title=str(saved.get("_name_or_path") or source or folder.resolve().name),
        source=source or folder.resolve().name,  # a path is of this machine; cards are passed on
        licence=_licence(folder),
    )


def context_of(longest: int, asked: int | None) -> int:
    """The context of a model that can read so many tokens. `RunProblem` for more than that."""
    most = min(longest, LONGEST)
    if asked is not None and asked > most:
        raise RunProblem(f"A context of {asked:,} tokens is too long: choose up to {most:,}.")
    return asked or min(most, CONTEXT)


class Tensors:
    """The tensors of a folder's safetensors files, each read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}  # of each tensor
        index, single = folder / "model.safetensors.index.json", folder / "model.safetensors"
        if single.exists():
            paths = [single]
        elif index.exists():
            shards = _read_json(index, "").get("weight_map")
            if not isinstance(shards, dict) or not shards:
                raise RunProblem(f"{index} is damaged: it lists no files.")
            names = sorted({Path(str(name)).name for name in shards.values()})
            paths = [folder / name for name in names]
            if lost := [path.name for path in paths if not path.exists()]:
                raise RunProblem(
                    f"{folder} is not complete: of {len(paths)} files of weights, {lost[0]} is missing. "
                    "Download it again."
                )
        elif any(next(folder.glob(pattern), None) for pattern in PICKLED):
            raise RunProblem(
                f"{folder} has its weights only as a pickle (.bin), which can run any program when it is read: "
                "take a version in safetensors or GGUF."
            )
        else:
            raise RunProblem(f"{folder} holds no weights: there is no model.safetensors in it.")
        for path in paths:
            with _opened(path) as file:
                self.files |= dict.fromkeys(file.keys(), path)

    def shape(self, name: str) -> tuple[int, ...]:
        """Of one tensor, which is not read."""
        with _opened(self.files[name]) as file:
            return tuple(file.get_slice(name).get_shape())

    def read(self, *names: str) -> Tensor:
        """The tensor that has one of these names. `RunProblem` if there is none."""
        for name in names:
            if name in self.files:
                with _opened(self.files[name]) as file:
                    tensor: Tensor = file.get_tensor(name)
                    return tensor
        raise RunProblem(f"{self.folder} is not complete: the weights of {names[0]} are missing.")


def _opened(path: Path) -> Any:
    """A safetensors file. `RunProblem` if it is damaged."""
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise RunProblem(f"{path} is damaged or not a safetensors file: {error}.") from None


def _family(saved: Mapping[str, Any], folder: Path) -> Family:
    kind = saved.get("model_type")
    if kind not in FAMILIES:
        held = f"holds a model of the architecture {str(kind)[:60]!r}"
        if kind is None:
            held = "does not tell its architecture (model_type in config.json)"
        raise RunProblem(
            f"{folder} {held}; those that can be imported are {' and '.join(FAMILIES)}."
        )
    return FAMILIES[FAMILIES.index(kind)]


def _gpt2_settings(saved: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    get = Values(saved, folder)
    if saved.get("add_cross_attention"):
        raise get.unsupported("add_cross_attention", True)
    n_embd, n_head = get.whole("n_embd", 768), get.whole("n_head", 12)
    if n_embd % n_head:
        raise RunProblem(f"{folder} is damaged: {n_head} heads cannot share {n_embd} numbers.")
    return {
        "family": "gpt2",
        "n_embd": n_embd,
        "n_layer": get.whole("n_layer", 12),
        "n_head": n_head,
        "n_key_value_head": n_head,
        "head_size": n_embd // n_head,
        "feed_forward_size": get.whole("n_inner", 4 * n_embd),
        "positions": "learned",
        "norm": "layer",
        "norm_epsilon": get.number("layer_norm_epsilon", 1e-5),
        "activation": get.activation("activation_function", "gelu_new"),
        "gated": False,
        "scale_scores": saved.get("scale_attn_weights", True) is not False,
        "attention_bias": True,
        "feed_forward_bias": True,
        "tie_weights": saved.get("tie_word_embeddings", True) is not False,
        "longest": get.whole("n_positions", 1024),
    }


def _llama_settings(saved: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    get = Values(saved, folder)
    n_embd, n_head = get.whole("hidden_size", 4096), get.whole("num_attention_heads", 32)
    # Older files have the rotary base beside a scaling, newer ones both in one object.
    rope = saved.get("rope_parameters") or saved.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        raise RunProblem(f"{folder / 'config.json'} is damaged at 'rope_parameters'.")
    scaling = rope.get("rope_type", rope.get("type", "default"))
    if scaling != "default":
        raise get.unsupported("rope_type", scaling)
    base = rope.get("rope_theta") or saved.get("rope_theta") or 10_000.0
    return {
        "family": "llama",
        "n_embd": n_embd,
        "n_layer": get.whole("num_hidden_layers", 32),
        "n_head": n_head,
        "n_key_value_head": get.whole("num_key_value_heads", n_head),
        "head_size": get.whole("head_dim", n_embd // n_head),
        "feed_forward_size": get.whole("intermediate_size", 11_008),
        "positions": "rotary",
        "rotary_base": Values({"rope_theta": base}, folder).number("rope_theta", base),
        "norm": "rms",
        "norm_epsilon": get.number("rms_norm_eps", 1e-6),
        "activation": get.activation("hidden_act", "silu"),
        "gated": True,
        "attention_bias": bool(saved.get("attention_bias", False)),
        "feed_forward_bias": bool(saved.get("mlp_bias", False)),
        "tie_weights": bool(saved.get("tie_word_embeddings", False)),
        "longest": get.whole("max_position_embeddings", 2048),
    }


class Values:
    """The values of a config.json, with the defaults of transformers. `RunProblem` for one that cannot be."""

    def __init__(self, saved: Mapping[str, Any], folder: Path) -> None:
        self.saved, self.folder = saved, folder

    def whole(self, name: str, default: int) -> int:
        """A whole number of at least 1."""
        value = self.saved.get(name)
        if value is None:
            return default
        if type(value) is not int or value < 1:
            raise self.damaged(name)
        return value

    def number(self, name: str, default: float) -> float:
        """A number."""
        value = self.saved.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.damaged(name)
        return float(value)

    def activation(self, name: str, default: str) -> str:
        """An activation, by our name."""
        value = self.saved.get(name, default)
        if value not in OURS:
            raise self.unsupported(name, value)
        return OURS[value]

    def damaged(self, name: str) -> RunProblem:
        """A value that cannot be right."""
        return RunProblem(f"{self.folder / 'config.json'} is damaged at {name!r}.")

    def unsupported(self, name: str, value: Any) -> RunProblem:
        """A value that may be right, and that this program does not know."""
        return RunProblem(
            f"{self.folder} cannot be imported: its setting {name} is {str(value)[:60]!r}, which is not "
            "supported here."
        )


def _gpt2_weights(tensors: Tensors, config: PretrainedConfig, scaled: bool) -> Weights:
    """The weights of a GPT-2. scaled: scores of layer n are divided by n as well, so its queries are here."""
    queries = config.n_head * config.head_size
    for ours, theirs in gpt2_names(config):
        tensor = tensors.read(theirs, theirs.removeprefix("transformer."))
        if gpt2_turned(ours):
            tensor = tensor.T
        if ours == "position_embedding.weight":
            tensor = tensor[: config.context_length]
        if scaled and ".query_key_value." in ours:
            tensor = tensor.clone()
            tensor[:queries] /= int(ours.split(".")[1]) + 1
        yield ours, tensor


def _llama_weights(tensors: Tensors, config: PretrainedConfig, scaled: bool) -> Weights:
    """The weights of a Llama."""
    for ours, theirs in llama_names(config):
        parts = [tensors.read(name) for name in theirs]
        yield ours, joined(ours, parts, config)


def _tokenizer(folder: Path) -> dict[str, Any]:
    return _read_json(
        folder / "tokenizer.json",
        f"{folder} has no tokenizer.json, and no other kind of tokenizer is read here: let transformers write "
        "one, with AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER).",
    )


def _chat(folder: Path) -> Chat:
    """The chat template and the tokens at the ends of a text, as far as the folder tells them."""
    path = folder / "tokenizer_config.json"
    saved = _read_json(path, "") if path.exists() else {}
    template = saved.get("chat_template")
    if (folder / "chat_template.jinja").exists():
        template = (folder / "chat_template.jinja").read_text("utf-8")
    if isinstance(template, list):  # several by name
        named = {one.get("name"): one.get("template") for one in template if isinstance(one, dict)}
        template = named.get("default")
    begin, end = (_text(saved.get(name)) for name in ("bos_token", "eos_token"))
    return Chat(template=template if isinstance(template, str) else None, begin=begin, end=end)


def _text(token: Any) -> str | None:
    """A special token: a string, or an object that holds one."""
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else None


def _licence(folder: Path) -> str:
    """As the model's card says at its beginning."""
    try:
        card = (folder / "README.md").read_text("utf-8", "replace")
    except OSError:
        return "not told"
    found = re.match(r"---\n(?:.*\n)*?license: *['\"]?([^\n'\"]{1,60})", card)
    return found[1].strip() if found and "\n---" in card else "not told"


def _read_json(path: Path, missing: str) -> dict[str, Any]:
    try:
        contents = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RunProblem(missing) from None
    except OSError as error:
        raise RunProblem(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise RunProblem(f"{path} is damaged: it is not JSON.") from None
    if not isinstance(contents, dict):
        raise RunProblem(f"{path} is damaged: it is not a JSON object.")
    return contents
