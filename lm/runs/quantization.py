"""Weights in eight bits: a byte for each number of a matrix, and a scale for each row."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lm.errors import RunProblem

SCALE = ":scale"  # follows a matrix's name: the factors of its whole numbers, (R, 1)


def in_bytes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each row of a matrix as whole numbers from -127 to 127 and one scale; vectors in half precision.

    `in_floats` is the inverse; a weight is off by at most 1/254 of the largest in its row.
    """
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            packed[name] = tensor
        elif tensor.ndim != 2:
            packed[name] = tensor.half()
        else:
            matrix = tensor.float()
            scale = matrix.abs().amax(dim=1, keepdim=True).clamp_min(1e-30) / 127
            packed[name] = (matrix / scale).round().to(torch.int8)
            packed[name + SCALE] = scale
    return packed


def in_floats(path: Path, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Undo `in_bytes`: matrices saved as whole numbers and a scale for each row (R, 1).

    `RunProblem` if a scale of the file `path` is not that of a matrix.
    """
    weights = {name: tensor for name, tensor in tensors.items() if not name.endswith(SCALE)}
    for name in tensors.keys() - weights.keys():
        scale, matrix = tensors[name], weights.get(name.removesuffix(SCALE))
        if matrix is None or matrix.ndim != 2 or scale.shape != (len(matrix), 1):
            raise RunProblem(f"{path} is damaged: {name} is the scale of no matrix.")
        weights[name.removesuffix(SCALE)] = matrix * scale
    return weights
