"""A model that others trained, as it was found in their files, in this project's terms."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lm.errors import RunProblem, SettingsProblem
from lm.interchange.chat import Chat
from lm.models.pretrained_config import PretrainedConfig
from lm.models.pretrained_transformer import PretrainedTransformer

# Tensors by our names, one after the other: not all in memory at once.
Weights = Iterator[tuple[str, Tensor]]


@dataclass(frozen=True)
class Found:
    """A model to import.

    weights: called once, reads the tensors. tokenizer: the contents of a tokenizer.json. title, source,
    licence: for its card.
    """

    config: PretrainedConfig
    vocab_size: int
    weights: Callable[[], Weights]
    tokenizer: dict[str, Any]
    chat: Chat
    title: str
    source: str
    licence: str = "not told"
    notes: tuple[str, ...] = ()


def config_of(source: str, settings: Mapping[str, Any]) -> PretrainedConfig:
    """The config of a model whose files say these settings. `RunProblem` if one of them cannot be."""
    try:
        return PretrainedConfig.make(**settings)
    except SettingsProblem as problem:
        raise RunProblem(f"{source} cannot be imported: {problem}") from None


def outline_of(config: PretrainedConfig, vocab_size: int) -> PretrainedTransformer:
    """The model without any memory for its weights."""
    with torch.device("meta"):
        return PretrainedTransformer(config, vocab_size)


def collected(found: Found) -> dict[str, Tensor]:
    """The weights of a model, each with the shape that its config asks for. `RunProblem` if they do not fit.

    The output head of tied weights is left out: it is the token embedding.
    """
    wanted = {
        name: tensor.shape
        for name, tensor in outline_of(found.config, found.vocab_size).state_dict().items()
        if not (found.config.tie_weights and name == "head.weight")
    }
    dtype = getattr(torch, found.config.weights)
    weights: dict[str, Tensor] = {}
    for name, tensor in found.weights():
        if name not in wanted:
            raise RunProblem(f"{found.source} does not fit its config: no part takes {name}.")
        if tensor.shape != wanted[name]:
            raise RunProblem(
                f"{found.source} does not fit its config: {name} has the shape {tuple(tensor.shape)}, and the "
                f"config asks for {tuple(wanted[name])}."
            )
        weights[name] = tensor.to(dtype).contiguous()
    if missing := wanted.keys() - weights.keys():
        raise RunProblem(
            f"{found.source} is not complete: the weights of {min(missing)} are missing."
        )
    return weights
