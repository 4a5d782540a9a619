"""Checksums (CRC-32) of all that a run directory holds: a flipped bit is found when the file is read.

A CRC-32 finds every damage of up to 32 neighbouring bits, and misses one in four billion others. Contents
without a checksum, written before there were any, are taken as they are; a name that was not known then is a
checksum's own name, damaged.
"""

import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

KEY = "checksum"  # in a JSON object, in the metadata of a safetensors file, and in a line of metrics.jsonl
BEFORE = {  # the names in a line or in metadata that was written before there were checksums
    *("type", "step", "loss", "learning_rate", "grad_norm", "seconds", "bits_per_char", "text"),
    *("evaluated", "sampled", "metrics_bytes", "format"),
}
_MARK = f',"{KEY}":"'.encode()
# Bytes at the end of a line with a checksum, from the mark to the line end.
ENDING = len(_MARK) + 11
FIRST = "00000000"  # stands for the checksum of the line before the first


def of_bytes(data: bytes, before: str = FIRST) -> str:
    """The checksum of some bytes, or of those `before` followed by these."""
    return f"{zlib.crc32(data, int(before, 16)):08x}"


def of_json(contents: Mapping[str, Any]) -> str:
    """The checksum of a JSON object, whatever the order and the spaces of its file; its own is left out."""
    kept = {name: value for name, value in contents.items() if name != KEY}
    return of_bytes(json.dumps(kept, sort_keys=True).encode())


def of_tensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """The checksum of tensors, their names, types and shapes, and the metadata of their file."""
    outlines = {name: [str(t.dtype), list(t.shape)] for name, t in tensors.items()}
    result = zlib.crc32(of_json({**metadata, "tensors": outlines}).encode())
    for name in sorted(tensors):
        flat = tensors[name].detach().cpu().contiguous().reshape(-1)
        if flat.numel():  # an empty tensor has no bytes to look at
            result = zlib.crc32(flat.view(torch.uint8).numpy().data, result)
    return f"{result:08x}"


def as_line(record: Mapping[str, Any], before: str = FIRST) -> bytes:
    """A record as a line of metrics.jsonl, with a checksum at its end.

    before: the checksum of the line before it. So each line vouches for all before it, and one that is left
    out or repeated is found.
    """
    compact = (",", ":")
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=compact).encode()
    return text[:-1] + _MARK + of_bytes(text[:-1], before).encode() + b'"}\n'


def at_end(lines: bytes) -> str:
    """The checksum that the last of some lines carries; `FIRST` if there is no line, or it carries none."""
    _, mark, tail = lines[-ENDING:].rpartition(_MARK)
    found = re.fullmatch(rb'([0-9a-f]{8})"}\n', tail)
    return found[1].decode() if mark and found else FIRST


def from_line(line: bytes, before: str = FIRST) -> dict[str, Any]:
    """The record in a line without its line end and checksum. `ValueError` if it is damaged or no record.

    before: as in `as_line`.
    """
    text, mark, tail = line.rpartition(_MARK)
    if mark and tail != of_bytes(text, before).encode() + b'"}':
        raise ValueError("its contents, or those before it, are not those that were written")
    record = json.loads(text + b"}" if mark else line)
    if not isinstance(record, dict) or not {"type", "step"} <= record.keys():
        raise ValueError("it is no record of a run")
    if not mark and not record.keys() <= BEFORE:
        raise ValueError("its checksum is missing")
    return record
