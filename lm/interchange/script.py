"""A run as one readable Python file that needs torch alone, and its weights beside it.

The file is made from the source of the model and its layers, for the settings of the run (`specialise.py`):
what is off does not appear. It writes, and it trains further.
"""

import ast
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from lm.errors import SettingsProblem
from lm.interchange import script_text
from lm.interchange.specialise import Specialiser
from lm.interchange.to_hugging_face import standard_json
from lm.layers import (
    Block,
    FeedForward,
    NgramEmbedding,
    RotaryPositions,
    SelfAttention,
    make_norm,
    ngram_embedding,
)
from lm.layers.feed_forward import activate
from lm.layers.norms import rms_norm
from lm.layers.positions import BASE
from lm.models.decoder_config import DecoderConfig
from lm.models.decoder_transformer import DecoderTransformer
from lm.models.ngram import Level
from lm.models.pretrained_config import PretrainedConfig
from lm.models.pretrained_transformer import (
    PretrainedBlock,
    PretrainedTransformer,
    pretrained_norm,
)
from lm.runs.new_folder import new_folder, size_of
from lm.runs.run import Run
from lm.tokenizers import CharacterTokenizer, Tokenizer

SCRIPT, WEIGHTS, TOKENIZER = "model.py", "model.safetensors", "tokenizer.json"
# Methods for looking inside, for writing faster, and for loading.
NOT_IN_A_SCRIPT = frozenset(
    {"value_matrices", "use_causal_kernel", "new_cache", "load_state_dict", "project"}
    | {"rolled", "at", "given"}
    | {"project_grouped", "repeated", "add", "compute", "read_out"}
)
A_LINE = 4  # settings
NGRAMS = {
    name: getattr(ngram_embedding, name) for name in ("LONGEST", "BIGRAM_ROWS", "TRIGRAM_BITS")
}


def write(run: Run, out: Path, step: int | None = None) -> int:
    """Write a run at a snapshot into a new folder; returns its size in bytes.

    `SettingsProblem` for a model that is no decoder, `RunProblem` if the folder is not new or the disk is full;
    then nothing is left of it.
    """
    with new_folder(out):
        model, tokenizer = run.model(step)[0], run.tokenizer()
        (out / SCRIPT).write_text(source_of(run, model, tokenizer), "utf-8")
        tensors = {name: one.detach().float() for name, one in model.named_parameters()}
        save_file(tensors, out / WEIGHTS)
        if not isinstance(tokenizer, CharacterTokenizer):
            contents = json.dumps(standard_json(tokenizer), ensure_ascii=False, indent=1)
            (out / TOKENIZER).write_text(contents, "utf-8")
    return size_of(out)


def source_of(run: Run, model: nn.Module, tokenizer: Tokenizer) -> str:
    """The text of the script. `SettingsProblem` for a model that is no decoder."""
    if not isinstance(model, DecoderTransformer | PretrainedTransformer):
        if any(isinstance(part, Level) for part in model.modules()):
            raise SettingsProblem(
                "A script cannot hold counted n-grams: export a run without them (ngram_share 0), or the run "
                "itself as a zip file."
            )
        raise SettingsProblem(
            f"A script is made of a decoder, and {run.plan.rung.title} is none: export --to onnx, or export a "
            "decoder."
        )
    if isinstance(model.config, DecoderConfig) and model.config.pattern != "full":
        raise SettingsProblem(
            f"A script has full attention only, and this run has the pattern {model.config.pattern} (pattern): "
            "export --to onnx, or train with full attention."
        )
    numbers: dict[str, float] = {
        name.upper(): value
        for name, value in model.config.model_dump().items()
        if type(value) in (int, float) and name not in ("dropout", "norm_epsilon")
    }
    numbers["VOCAB_SIZE"] = tokenizer.vocab_size
    parts = sources(model, numbers)
    if isinstance(tokenizer, CharacterTokenizer):
        tokens = script_text.CHARACTERS.replace("$CHARACTERS", repr(tokenizer.characters))
    else:
        tokens = script_text.PIECES
    own = run.plan.values()
    numbers |= {name: own[name.lower()] for name in ("BATCH_SIZE", "LEARNING_RATE")}
    tail = script_text.TAIL.replace("$MODEL", type(model).__name__)
    written = " ".join([*parts, tail])
    used = {n: v for n, v in numbers.items() if re.search(rf"\b{n}\b", written)}
    head = script_text.HEAD.replace("$SETTINGS", "\n".join(_settings(used)))
    head = head.replace("$MATH", "import math\n" if "math." in written else "")
    head = head.replace("$TITLE", f"{run.plan.rung.title}: {run.plan.rung.idea}")
    head = head.replace("$NEEDS", "torch" if "CHARACTERS" in tokens else "torch and tokenizers")
    return "\n\n".join([head, *(f"{part}\n" for part in parts), tokens, tail])


def _settings(numbers: Mapping[str, float]) -> list[str]:
    """The lines that give the constants of the script their values, some in a line."""
    names = list(numbers)
    rows = [names[start : start + A_LINE] for start in range(0, len(names), A_LINE)]
    return [f"{', '.join(row)} = {', '.join(repr(numbers[n]) for n in row)}" for row in rows]


def sources(
    model: DecoderTransformer | PretrainedTransformer, numbers: Mapping[str, float]
) -> list[str]:
    """The sources of the layers that a model uses, and its own."""
    config = model.config
    values = {
        f"{of}.{n}": v for of in ("config", "self.config") for n, v in config.model_dump().items()
    }
    names = {f"{of}.{n.lower()}": n for of in ("config", "self.config") for n in numbers}
    shared: dict[str, Any] = (
        values | names | {"cache": None, "padding": None, "config": None, "mask": None}
    )
    shared |= {
        "vocab_size": "VOCAB_SIZE",
        "start": 0,
        "rotated": True,
        "self.window": None,
        "masks": None,
        "masks[layer]": None,
        "config.window_of(layer)": None,
        "isinstance(cache, RollingLayerCache)": False,
        "qkv.to(x.dtype)": ast.Name("qkv", ast.Load()),
    }
    shared |= {
        "n_embd": "N_EMBD",
        "n_head": "N_HEAD",
        "Dropout": ast.parse("nn.Dropout", mode="eval").body,
    }
    ours = _of_decoder(config) if isinstance(config, DecoderConfig) else _of_pretrained(config)
    if not ours.rotates:
        shared["rotary"] = None
    if isinstance(config, DecoderConfig):
        for of in ("config", "self.config"):
            shared[f"{of}.learns_positions"] = config.learns_positions
    shared["self.rotary is not None"] = ours.rotates
    shared["self.feed_forward is None"] = not ours.thinks
    shared["self.trigram is not None"] = ours.longest == ngram_embedding.LONGEST
    block = PretrainedBlock if isinstance(config, PretrainedConfig) else Block
    layers: list[tuple[Any, dict[str, Any]]] = [
        (RotaryPositions, {"base": ours.base}),
        (SelfAttention, ours.attention | {"self.causal_kernel": True}),
        (FeedForward, ours.feed_forward),
        (NgramEmbedding, {"longest": ours.longest} | NGRAMS),
        (block, ours.block | {"dropout": ours.dropout}),
        (type(model), {"PretrainedBlock": ast.Name("Block", ast.Load())}),
    ]
    made = {part.__name__: (part, frozenset(shared | known)) for part, known in layers}
    functions: tuple[Callable[..., Any], ...] = (make_norm, activate, pretrained_norm, rms_norm)
    inlined = {one.__name__: one for one in functions}
    methods: tuple[Callable[..., Any], ...] = (
        SelfAttention.repeated,
        Block.add,
        Block.compute,
        type(model).read_out,
    )
    inlined |= {f"self.{one.__name__}": one for one in methods}
    spliced = frozenset({"self.project_grouped"})
    through = frozenset() if ours.dropout else frozenset({"self.dropout"})
    used = {
        RotaryPositions: ours.rotates,
        FeedForward: ours.thinks,
        NgramEmbedding: ours.longest > 0,
    }
    result = []
    for part, known in layers:
        if used.get(part, True):
            specialiser = Specialiser(
                shared | known, numbers, made, inlined, NOT_IN_A_SCRIPT, through, spliced
            )
            text = specialiser.of(Block, part) if part is PretrainedBlock else specialiser.of(part)
            result.append(
                text if ours.causal else text.replace("is_causal=True", "is_causal=False")
            )
    return result


@dataclass(frozen=True)
class Choices:
    """The parameters of the layers that a config settles, by name; `longest` is 0 without n-gram embedding."""

    attention: dict[str, Any]
    feed_forward: dict[str, Any]
    block: dict[str, Any]
    rotates: bool
    base: Any
    causal: bool = True
    thinks: bool = True
    dropout: float = 0.0
    longest: int = 0


def _of_decoder(config: DecoderConfig) -> Choices:
    bias, activation = config.bias, config.activation
    shared: dict[str, Any] = {"bias": bias, "qk_norm": config.qk_norm, "window": None}
    shared["scaled"] = config.scale_scores
    norm = config.norm if config.normalise else None
    switches = {"residual": config.residual_path, "feed_forward": config.feed_forward}
    plain = {"n_key_value_head": None, "head_size": None, "query_key_value_bias": False}
    return Choices(
        attention=shared | plain,
        feed_forward={"activation": activation, "bias": bias, "wide": None, "gated": False},
        block=shared | switches | {"norm": norm, "activation": activation},
        rotates=config.know_positions and not config.learns_positions,
        base=BASE,
        causal=config.causal_mask,
        thinks=config.feed_forward,
        dropout=config.dropout,
        longest={"none": 0, "bigram": 2, "trigram": 3}[config.ngram_embedding],
    )


def _of_pretrained(config: PretrainedConfig) -> Choices:
    bias = config.attention_bias
    sizes = {"n_key_value_head": "N_KEY_VALUE_HEAD", "head_size": "HEAD_SIZE"}
    return Choices(
        attention=sizes
        | {
            "bias": bias,
            "query_key_value_bias": bias,
            "qk_norm": False,
            "scaled": config.scale_scores,
            "window": None,
        },
        feed_forward={
            "activation": config.activation,
            "bias": config.feed_forward_bias,
            "wide": "FEED_FORWARD_SIZE",
            "gated": config.gated,
        },
        block={},
        rotates=config.positions == "rotary",
        base="ROTARY_BASE",
    )
