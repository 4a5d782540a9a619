"""Fine-tuning: which weights of a model that knows something are trained.

All of them; those of the last layers, with all before them frozen; or low-rank matrices beside frozen ones
(`lm/layers/lora.py`). A frozen weight is one with `requires_grad` off, and the optimizers pass it by.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from lm.errors import SettingsProblem
from lm.layers import Block
from lm.layers.lora import DOWN, UP, LoRA, merged
from lm.start import StartConfig

PARTS = {"attention": ("attention", "cross_attention"), "feed-forward": ("feed_forward",)}


def tune(network: nn.Module, start: StartConfig, grown: Iterable[str] = ()) -> None:
    """Freeze what a start leaves as it is, and put LoRA's matrices in; changes the network.

    grown: names of the tensors that got new rows, which are trained in any case. `SettingsProblem` if the
    network has no such layers.
    """
    if not start.keeps:
        return
    blocks = [part for part in network.modules() if isinstance(part, Block)]
    if not blocks:
        raise SettingsProblem("This model has no layers to choose from: train all of its weights.")
    network.requires_grad_(False)
    if start.trained == "last":
        _free_last(network, blocks, start.last_layers)
    else:
        for block in blocks:
            _adapt(block, start)
    for name in grown:
        network.get_parameter(name).requires_grad_(True)


def _free_last(network: nn.Module, blocks: list[Block], count: int) -> None:
    """Train the last blocks and what is made after them: the last norm, and the output head.

    A head that is the token embedding as well stays frozen: it is the first layer, too.
    """
    if count > len(blocks):
        raise SettingsProblem(
            f"This model has {len(blocks)} layers, and its last {count} cannot be trained: choose fewer."
        )
    for block in blocks[-count:]:
        block.requires_grad_(True)
    embeddings = {id(p.weight) for p in network.modules() if isinstance(p, nn.Embedding)}
    after = False
    for part in network.children():
        inside = {id(one) for one in part.modules()}
        if id(blocks[-1]) in inside:
            after = True
        elif after:
            for parameter in part.parameters():
                parameter.requires_grad_(id(parameter) not in embeddings)


def _adapt(block: Block, start: StartConfig) -> None:
    """Put LoRA's matrices beside the linear layers of a block's parts."""
    kinds = PARTS if start.lora_on == "all" else {start.lora_on: PARTS[start.lora_on]}
    wanted = {name for names in kinds.values() for name in names}
    for name, part in block.named_children():
        if name in wanted:
            for child, linear in list(part.named_children()):
                if isinstance(linear, nn.Linear):
                    part.add_module(child, LoRA(linear, start.lora_rank, start.lora_alpha))


def trained_weights(network: nn.Module) -> dict[str, Tensor]:
    """The live tensors that are trained, by name: those that a snapshot of a tuned run holds."""
    tensors = network.state_dict(keep_vars=True)
    return {name: tensor.detach() for name, tensor in tensors.items() if tensor.requires_grad}


def count_trained(network: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def whole(
    base: Mapping[str, Tensor], learned: Mapping[str, Tensor], start: StartConfig
) -> dict[str, Tensor]:
    """All weights of a tuned model, from those that it started from and those that it has trained."""
    if start.trained == "lora":
        base = merged(base, learned, start.lora_alpha / start.lora_rank)
    return {**base, **{name: one for name, one in learned.items() if not name.endswith((UP, DOWN))}}


def fitted(known: Mapping[str, Tensor], drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights that a model begins with if it differs in its rows from the one that it starts from.

    known: of the run that is started from. drawn: of the new model, with random numbers. A tensor with more
    rows keeps its drawn ones for what is new, such as characters that were not known; one with fewer, such as
    the positions of a shorter context, loses the last. Those of equal shape are the known ones, not copied.
    """
    result = {}
    for name, new in drawn.items():
        if name not in known:  # an output head that is the token embedding
            continue
        old = known[name]
        if old.shape == new.shape:
            result[name] = old
            continue
        both = tuple(slice(0, min(sizes)) for sizes in zip(old.shape, new.shape, strict=True))
        result[name] = new.detach().clone()
        with torch.no_grad():
            result[name][both] = old[both].to(new.dtype)
    return result
