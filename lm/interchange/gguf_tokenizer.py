"""The tokenizer in the metadata of a GGUF file as a standard tokenizer.json.

The metadata hold the tokens and the merges. How a text is cut into pieces is told by a name only, for which
llama.cpp has the patterns; those of GPT-2, SmolLM2, Llama 3 and Llama 2 are here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lm.errors import RunProblem
from lm.tokenizers.imported import SPACE

# Types of tokens: special ones, whole words that somebody added, and unused ones.
CONTROL, USERS, UNUSED = 3, 4, 5
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
_GPT2 = [_BYTES | {"use_regex": True}]
_DIGITS = [{"type": "Digits", "individual_digits": True}, *_GPT2]
_PIECES = {
    "type": "Split",
    "pattern": {"Regex": LLAMA3},
    "behavior": "Isolated",
    "invert": False,
}
CUTS: dict[str, list[dict[str, Any]]] = {
    "gpt-2": _GPT2,
    "smollm": _DIGITS,
    "llama-bpe": [_PIECES, _BYTES | {"use_regex": False}],
}


def tokenizer_of(
    values: Mapping[str, Any], source: str
) -> tuple[dict[str, Any], str | None, str | None]:
    """A tokenizer.json, and the tokens that begin and end a text, if it tells them.

    `RunProblem` if the metadata are damaged, or the tokenizer is of another kind.
    """
    kind, tokens = values.get("tokenizer.ggml.model"), values.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise RunProblem(f"{source} is damaged: it has no tokenizer.")
    types = values.get("tokenizer.ggml.token_type") or [1] * len(tokens)
    if kind == "gpt2":
        saved = _of_bytes(values, tokens, source)
    elif kind == "llama":
        saved = _of_sentence_piece(values, tokens, source)
    else:
        raise RunProblem(
            f"{source} has a tokenizer of the kind {str(kind)[:60]!r}; those that can be imported are "
            "gpt2 and llama."
        )
    saved["added_tokens"] = [
        {"id": id, "content": token, "special": types[id] == CONTROL}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for id, token in enumerate(tokens)
        if types[id] in (CONTROL, USERS, UNUSED)
    ]
    ends = []
    for which in ("bos", "eos"):
        id = values.get(f"tokenizer.ggml.{which}_token_id")
        ends.append(tokens[id] if isinstance(id, int) and 0 <= id < len(tokens) else None)
    return saved, ends[0], ends[1]


def _of_bytes(values: Mapping[str, Any], tokens: Sequence[str], source: str) -> dict[str, Any]:
    """Byte-level BPE, with the pattern of that name."""
    cut, merges = values.get("tokenizer.ggml.pre", "gpt-2"), values.get("tokenizer.ggml.merges")
    if cut not in CUTS:
        raise RunProblem(
            f"{source} cuts texts into pieces in the way {str(cut)[:60]!r}; known are {', '.join(CUTS)}."
        )
    if not isinstance(merges, list):
        raise RunProblem(f"{source} is damaged: its tokenizer has no merges.")
    known = set(tokens)
    pairs = [merge.split(" ") for merge in merges]
    return _standard(
        tokens,
        [pair for pair in pairs if {*pair, "".join(pair)} <= known],  # the library refuses others
        pre_tokenizer={"type": "Sequence", "pretokenizers": CUTS[cut]},
        decoder=_BYTES | {"use_regex": True},
        ignore_merges=cut == "llama-bpe",
    )


def _of_sentence_piece(
    values: Mapping[str, Any], tokens: Sequence[str], source: str
) -> dict[str, Any]:
    """BPE of SentencePiece: a merge for each way to make a token of two others, the best score first."""
    scores = values.get("tokenizer.ggml.scores")
    if not isinstance(scores, list) or len(scores) != len(tokens):
        raise RunProblem(f"{source} is damaged: its tokenizer has no scores.")
    ids = {token: id for id, token in enumerate(tokens)}
    merges = [
        (-scores[id], ids[token[:cut]], ids[token[cut:]], [token[:cut], token[cut:]])
        for token, id in ids.items()
        for cut in range(1, len(token))
        if token[:cut] in ids and token[cut:] in ids
    ]
    unknown = values.get("tokenizer.ggml.unknown_token_id", 0)
    prepend = values.get("tokenizer.ggml.add_space_prefix", True)
    normalizers: list[dict[str, Any]] = [{"type": "Prepend", "prepend": SPACE}] if prepend else []
    normalizers.append({"type": "Replace", "pattern": {"String": " "}, "content": SPACE})
    decoders: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if prepend:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return _standard(
        tokens,
        [merge[-1] for merge in sorted(merges, key=lambda one: one[:3])],
        normalizer={"type": "Sequence", "normalizers": normalizers},
        decoder={"type": "Sequence", "decoders": decoders},
        unknown=tokens[unknown],
        byte_fallback=True,
    )


def _standard(
    tokens: Sequence[str],
    merges: Sequence[Sequence[str]],
    *,
    decoder: dict[str, Any],
    normalizer: dict[str, Any] | None = None,
    pre_tokenizer: dict[str, Any] | None = None,
    unknown: str | None = None,
    byte_fallback: bool = False,
    ignore_merges: bool = False,
) -> dict[str, Any]:
    """The contents of a tokenizer.json with a BPE."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": decoder,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": unknown,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": byte_fallback,
            "byte_fallback": byte_fallback,
            "ignore_merges": ignore_merges,
            "vocab": {token: id for id, token in enumerate(tokens)},
            "merges": [list(merge) for merge in merges],
        },
    }
