"""Weights in eight bits: a byte for each number of a matrix, and a scale for each row; counts deflated."""

import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lm.errors import RunProblem

SCALE = ":scale"  # follows a matrix's name: the factors of its whole numbers, (R, 1)
DEFLATED = ":deflated"  # follows the name of a vector of bytes, such as the counts of an n-gram: zlib's bytes
MOST_INFLATED = 2**28  # bytes of one such vector


def in_bytes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each row of a matrix as whole numbers from -127 to 127 and one scale; vectors in half precision.

    `in_floats` is the inverse; a weight is off by at most 1/254 of the largest in its row. Vectors of bytes are
    deflated, without loss, where that makes them shorter.
    """
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.dtype == torch.uint8 and tensor.ndim == 1:
            deflated = zlib.compress(tensor.numpy().tobytes(), level=9)
            shorter = len(deflated) < len(tensor)
            packed[name + DEFLATED if shorter else name] = (
                torch.frombuffer(bytearray(deflated), dtype=torch.uint8) if shorter else tensor
            )
        elif not tensor.is_floating_point():
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
    """Undo `in_bytes`: matrices saved as whole numbers and a scale for each row (R, 1), and deflated bytes.

    `RunProblem` if a scale of the file `path` is not that of a matrix, or bytes cannot be inflated.
    """
    weights = {name: tensor for name, tensor in tensors.items() if not name.endswith(SCALE)}
    for name in tensors.keys() - weights.keys():
        scale, matrix = tensors[name], weights.get(name.removesuffix(SCALE))
        if matrix is None or matrix.ndim != 2 or scale.shape != (len(matrix), 1):
            raise RunProblem(f"{path} is damaged: {name} is the scale of no matrix.")
        weights[name.removesuffix(SCALE)] = matrix * scale
    for name in [name for name in weights if name.endswith(DEFLATED)]:
        weights[name.removesuffix(DEFLATED)] = _inflated(path, name, weights.pop(name))
    return weights


def _inflated(path: Path, name: str, deflated: Tensor) -> Tensor:
    """The bytes of a deflated vector, (N,)."""
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(deflated.numpy().tobytes(), MOST_INFLATED)
    except zlib.error:
        found = b""
    if not found or not inflater.eof:
        raise RunProblem(f"{path} is damaged: {name} cannot be inflated.")
    return torch.frombuffer(bytearray(found), dtype=torch.uint8)
