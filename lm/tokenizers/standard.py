"""Reading `tokenizer.json`, the standard format of the `tokenizers` library: only such as lose no text.

A file of another program may hold anything: other kinds of model, normalizers that change the text, options
that drop tokens at random. What is read here must give `decode(encode(text)) == text`; all else is refused in
a sentence.
"""

import math
from collections.abc import Mapping
from typing import Any

from lm.errors import RunProblem
from lm.tokenizers.byte_level import ALPHABET, as_bytes, as_letters

KINDS = {"BPE": "bpe", "Unigram": "unigram"}  # the library's names of models, and ours


def kind_of(saved: Mapping[str, Any]) -> str | None:
    """The kind of tokenizer in a tokenizer.json; None if it is no such file. `RunProblem` for a foreign one."""
    model = saved.get("model")
    if not isinstance(model, dict):
        return None
    name = model.get("type")
    if not isinstance(name, str) or name not in KINDS:
        raise RunProblem(
            f"This tokenizer.json is of the kind {name!r}; byte-level BPE and Unigram can be used."
        )
    return KINDS[name]


def read_merges(saved: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The merges of a byte-level BPE, as pairs of ids. `RunProblem` if the file is damaged or loses text."""
    model = _checked(saved, "BPE")
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"):
        if model.get(option):
            raise _refused(f"its option {option} changes texts or their tokens")
    vocab, merges = model.get("vocab"), model.get("merges")
    if not isinstance(vocab, dict) or not isinstance(merges, list):
        raise _damaged("it has no vocabulary and merges")
    pairs, tokens = [], [as_letters(token) for token in ALPHABET]
    ids = {token: id for id, token in enumerate(tokens)}
    for merge in merges:
        parts = merge.split(" ") if isinstance(merge, str) else merge  # a line in older files
        known = isinstance(parts, list) and all(isinstance(p, str) and p in ids for p in parts)
        if not known or len(parts) != 2:
            raise _damaged(f"a merge joins tokens that it has not made: {str(merge)[:60]}")
        pairs.append((ids[parts[0]], ids[parts[1]]))
        ids.setdefault(parts[0] + parts[1], len(ids))
    if vocab != ids:
        raise _damaged("its vocabulary is not the 256 bytes and one token for each merge")
    return pairs


def read_pieces(saved: Mapping[str, Any]) -> list[tuple[bytes, float]]:
    """The pieces of a byte-level Unigram and their scores. `RunProblem` if it is damaged or loses text."""
    model = _checked(saved, "Unigram")
    if model.get("byte_fallback"):
        raise _refused("its option byte_fallback changes texts or their tokens")
    vocab = model.get("vocab")
    if not isinstance(vocab, list):
        raise _damaged("it has no pieces")
    found = []
    for entry in vocab:
        try:
            letters, score = entry
            piece = (as_bytes(letters), float(score))
        except (TypeError, ValueError, KeyError):
            raise _damaged(f"this is no piece and its score: {str(entry)[:60]}") from None
        if not piece[0] or not math.isfinite(piece[1]):
            raise _damaged(f"this is no piece and its score: {str(entry)[:60]}")
        found.append(piece)
    tokens = {token for token, _ in found}
    if len(tokens) < len(found):
        raise _damaged("it has a piece twice")
    if missing := [token for token in ALPHABET if token not in tokens]:
        raise _refused(
            f"{len(missing)} of the 256 bytes are no pieces, so some texts have no tokens"
        )
    return found


def _checked(saved: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The model of a file that loses no text before or after it."""
    model = saved.get("model")
    if not isinstance(model, dict) or model.get("type") != name:
        raise _damaged(f"it holds no {name}")
    if (normalizer := saved.get("normalizer")) is not None:
        raise _refused(f"its normalizer ({_type(normalizer)}) changes texts")
    before, after = saved.get("pre_tokenizer"), saved.get("decoder")
    if not isinstance(before, dict) or not {_type(before), _type(after)} == {"ByteLevel"}:
        raise _refused("its tokens are not made of bytes")
    if before.get("add_prefix_space") or not before.get("use_regex", True):
        raise _refused("it cuts texts in another way than by GPT-2's pattern")
    if special := saved.get("added_tokens"):
        names = [one.get("content") if isinstance(one, dict) else one for one in list(special)[:1]]
        raise _refused(f"it has special tokens ({str(names[0])[:40]}), which no task here uses")
    if saved.get("truncation") is not None or saved.get("padding") is not None:
        raise _refused("it truncates or pads texts")
    if _type(saved.get("post_processor")) not in (None, "ByteLevel"):
        raise _refused("its post-processor adds tokens")
    return model


def _type(part: Any) -> Any:
    return part.get("type") if isinstance(part, dict) else part


def _damaged(reason: str) -> RunProblem:
    return RunProblem(f"This tokenizer.json is damaged: {reason}. Restore it from a copy.")


def _refused(reason: str) -> RunProblem:
    return RunProblem(
        f"This tokenizer.json cannot be used: {reason}. Train a tokenizer here, or take a byte-level one."
    )
