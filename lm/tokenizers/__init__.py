"""Text to numbers and back: a model reads and writes ids, 0 to vocab_size - 1.

Characters come first (`characters.py`), then pieces of words: `bpe.py` spells out how they are learned, and
`unigram.py` is another way. Both stand on `byte_level.py`. `imported.py` reads the tokenizers of others.
Another tokenizer is one more file and one more entry in `KINDS`. Next in the reading order: `lm/ngrams.py`.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np

from lm.errors import CorpusProblem, RunProblem
from lm.settings import Settings, Whole, describe, setting
from lm.tokenizers import standard
from lm.tokenizers.bpe import BPETokenizer
from lm.tokenizers.byte_level import VOCAB_SIZE, ByteLevelTokenizer
from lm.tokenizers.characters import CharacterTokenizer
from lm.tokenizers.imported import ImportedTokenizer
from lm.tokenizers.unigram import UnigramTokenizer

__all__ = [
    "KINDS",
    "BPETokenizer",
    "CharacterTokenizer",
    "ImportedTokenizer",
    "ImportedTokenizerConfig",
    "Tokenizer",
    "TokenizerConfig",
    "UnigramTokenizer",
    "load",
    "train",
]


class Tokenizer(Protocol):
    """What every tokenizer can do. `decode(encode(text)) == text` for each text it can encode."""

    kind: ClassVar[str]  # as in settings and run directories

    @classmethod
    def from_text(cls, text: str, config: "TokenizerConfig | None" = None) -> Self:
        """A tokenizer whose vocabulary is made from `text`, with these settings. Raises CorpusProblem."""
        ...

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Self:
        """An equal tokenizer from what `to_json` gave. Raises RunProblem."""
        ...

    @property
    def vocab_size(self) -> int: ...

    def encode(self, text: str) -> np.ndarray:
        """Ids, (T,) int64. Raises UnknownCharacter."""
        ...

    def encode_known(self, text: str) -> tuple[np.ndarray, str]:
        """Ids of the known part, (T,) int64, and the characters that had to be left out."""
        ...

    def decode(self, ids: Sequence[int] | np.ndarray) -> str: ...

    def count_characters(self, ids: np.ndarray) -> int:
        """How many characters these ids, (T,), spell: losses are per character, whatever a token is."""
        ...

    def token_text(self, id: int) -> str:
        """The text of one token, as it stands in the corpus; <0xE2> for a byte of a character cut apart."""
        ...

    def token_bytes(self, id: int) -> bytes:
        """The UTF-8 bytes of one token; those of all tokens of a text, joined, are the text's."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain data from which `load` makes an equal tokenizer: with the kind under "kind", or standard."""
        ...


KINDS: dict[str, type[Tokenizer]] = {
    kind.kind: kind for kind in (CharacterTokenizer, BPETokenizer, UnigramTokenizer)
}


class TokenizerConfig(Settings):
    """The tokenizer of a run, and its settings."""

    tokenizer: str = setting(
        CharacterTokenizer.kind,
        title="Tokens",
        help="The pieces a text is cut into: characters, or pieces of words that BPE or Unigram learn from it.",
        group="model",
        choices=lambda: tuple(KINDS),
    )
    vocab_size: Whole = setting(
        VOCAB_SIZE,
        title="Vocabulary",
        help="Different pieces of BPE or Unigram, the 256 bytes among them. Characters need no number.",
        ge=257,
        le=8192,
        step=1,
        unit="pieces",
        group="model",
    )


class ImportedTokenizerConfig(TokenizerConfig):
    """The tokenizer of a model that others trained: it came with the model."""

    tokenizer: Literal["imported"] = setting(
        ImportedTokenizer.kind, title="Tokens", help="The pieces that came with the model."
    )
    vocab_size: Whole = setting(
        VOCAB_SIZE, title="Vocabulary", help="Different pieces.", ge=1, le=10_000_000, step=1
    )


MOST_KEPT = 16  # tokenizers that are not trained again if they are asked for again
_kept: OrderedDict[tuple[TokenizerConfig, str], Tokenizer] = OrderedDict()
_keeping = threading.Lock()


def train(config: TokenizerConfig, text: str, train_text: str | None = None) -> Tokenizer:
    """The tokenizer that the settings ask for. Raises CorpusProblem if the text has too few pieces for it.

    text: the whole corpus; its characters are the tokens, if these are characters. train_text: its training
    split, which BPE and Unigram learn from; the whole text if None. The last `MOST_KEPT` of theirs are kept.
    """
    kind = KINDS[config.tokenizer]
    if not issubclass(kind, ByteLevelTokenizer):
        return kind.from_text(text, config)
    text = text if train_text is None else train_text
    key = config, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    with _keeping:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    tokenizer = kind.from_text(text, config)
    _check_size(config, tokenizer, text)
    with _keeping:
        _kept[key] = tokenizer
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return tokenizer


def _check_size(config: TokenizerConfig, tokenizer: Tokenizer, text: str) -> None:
    """Raise a `CorpusProblem` if the text had too few pieces for the vocabulary that was asked for."""
    found = tokenizer.vocab_size
    least = next(field.minimum for field in describe(TokenizerConfig) if field.name == "vocab_size")
    if least is not None and found < least:
        raise CorpusProblem(
            f"{len(text):,} characters to learn from hold no pieces: choose a longer text, or characters as "
            "tokens."
        )
    if found < config.vocab_size:
        raise CorpusProblem(
            f"{len(text):,} characters to learn from hold {found:,} different pieces, not "
            f"{config.vocab_size:,}: choose a vocabulary of at most {found:,}, or a longer text."
        )


def load(saved: dict[str, Any], imported: bool = False) -> Tokenizer:
    """The tokenizer that `to_json` described. Raises RunProblem if this is no such description.

    imported: it came with a model that others trained, and is more than `bpe.py` reads.
    """
    if imported:
        return ImportedTokenizer.from_json(saved)
    kind = None
    if isinstance(saved, dict):
        kind = saved.get("kind") or standard.kind_of(saved)
    if not isinstance(kind, str) or kind not in KINDS:
        raise RunProblem(
            f"This tokenizer is of an unknown kind, {kind!r}: known are {', '.join(KINDS)}."
        )
    return KINDS[kind].from_json(saved)
