"""Corpora: texts to continue and pairs of lines to rewrite, each split into a train and a validation part.

Two texts are built in: Tiny Shakespeare (downloaded once) and synthetic plays (generated, no network); any
other text is a UTF-8 file of the user's own. Pairs (`pairs.py`) are built in as well: numbers in words, sums,
pronunciations, and English and French sentences (downloaded once). A name may carry a choice after a colon:
"number_words:en-fr". One's own pairs are a file PAIRS.tsv or two files "SOURCE.txt,TARGET.txt". Next in the
reading order: `lm.tokenizers`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

from lm.corpora import (
    english_french,
    number_words,
    own_text,
    pairs,
    pronunciation,
    sums,
    synthetic_plays,
    tiny_shakespeare,
    token_file,
)
from lm.corpora.own_text import TRAIN_SHARE
from lm.corpora.pairs import PairCorpus
from lm.corpora.token_file import TokenFile
from lm.errors import CorpusProblem

__all__ = [
    "TRAIN_SHARE",
    "AnyCorpus",
    "Corpus",
    "PairCorpus",
    "TokenCorpus",
    "exists",
    "files",
    "from_bytes",
    "from_text",
    "holds_pairs",
    "is_built_in",
    "load",
    "load_or_synthetic",
    "names",
    "pair_names",
    "tokens_of",
]


@dataclass(frozen=True)
class Corpus:
    """A text and its origin.

    `floor`: the lowest loss that a model can reach on average, in nats per character; None where it is not
    known. `path`: the user's own file; None for a built-in, pasted or uploaded text. `notice`: a sentence on
    what was changed in the user's text, None if nothing was.
    """

    name: str
    title: str
    description: str
    text: str = field(repr=False)
    floor: float | None = None
    path: str | None = None
    notice: str | None = field(default=None, compare=False)

    @property
    def train_text(self) -> str:
        """The first 90 % of the characters."""
        return self.text[: self._train_length]

    @property
    def validation_text(self) -> str:
        """The last 10 %. No model is trained on it."""
        return self.text[self._train_length :]

    @cached_property
    def sha256(self) -> str:
        """The checksum of the text's UTF-8 bytes, in hexadecimal."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    @property
    def characters(self) -> int:
        """The length of the text."""
        return len(self.text)

    @property
    def _train_length(self) -> int:
        return int(TRAIN_SHARE * len(self.text))


@dataclass(frozen=True)
class TokenCorpus(Corpus):
    """A text in a token file. `text` is an excerpt: the beginnings of its two parts."""

    file: TokenFile = field(kw_only=True, repr=False, compare=False)

    @cached_property
    def sha256(self) -> str:
        """A checksum of its tokens and their tokenizer, in hexadecimal."""
        return self.file.sha256

    @property
    def characters(self) -> int:
        """The length of the whole text."""
        return self.file.header["characters"]


AnyCorpus = Corpus | PairCorpus


def names() -> tuple[str, ...]:
    """The names of the built-in texts, for `load`."""
    return tuple(_BUILT_IN)


def pair_names() -> tuple[str, ...]:
    """The names of the built-in corpora of pairs, for `load`."""
    return tuple(_PAIRS)


def holds_pairs(name_or_path: str) -> bool:
    """Whether `load` gives pairs for this, a `PairCorpus`, and not a text."""
    return name_or_path.partition(":")[0] in _PAIRS or bool(pairs.files_of(name_or_path))


def is_built_in(name: str) -> bool:
    """Whether a corpus of this name is part of the project, or is downloaded by it."""
    return name in _BUILT_IN or name.partition(":")[0] in _PAIRS


def files(path: str) -> list[Path]:
    """The files of a corpus of the user's own: one, or the two of a corpus of pairs."""
    return [Path(one) for one in pairs.files_of(path) or [path]]


def exists(path: str) -> bool:
    """Whether the files of a corpus of the user's own are where they were."""
    return all(file.exists() for file in files(path))


def load(name_or_path: str) -> AnyCorpus:
    """A built-in corpus by its name, or the user's own text or pairs by the path.

    Raises:
        CorpusProblem: there is no such corpus, or it cannot be learned from.
    """
    if name_or_path in _BUILT_IN:
        return _BUILT_IN[name_or_path]()
    name, colon, choice = name_or_path.partition(":")
    if name in _PAIRS:
        return _PAIRS[name](choice) if colon else _PAIRS[name]()
    if pairs.files_of(name_or_path):
        own = pairs.read(name_or_path)
        return replace(own, name=f"{own.name}_file") if is_built_in(own.name) else own
    if not name_or_path.strip() or "\0" in name_or_path:
        raise CorpusProblem(f"Name a corpus: {_known()}.")
    path = Path(name_or_path)
    try:
        path = path.expanduser().absolute()
        missing = not path.exists()
    except PermissionError:
        missing = False  # reading the file reports it
    except (OSError, RuntimeError):
        missing = True  # a name too long for a path, a cycle of links, an unknown ~user
    if missing:
        raise CorpusProblem(
            f"There is no corpus and no file called {_shortened(name_or_path)}: give {_known()}."
        )
    if token_file.is_one(path):
        return _of_tokens(token_file.read(path))
    return from_bytes(own_text.read(path), path.stem, path.name, path=str(path))


def tokens_of(name_or_path: str) -> dict[str, str | int]:
    """The tokenizer settings of a token file; none of any other corpus."""
    path = Path(name_or_path)
    if name_or_path in _BUILT_IN or "\0" in name_or_path or not token_file.is_one(path):
        return {}
    return token_file.read(path).settings


def _of_tokens(file: TokenFile) -> TokenCorpus:
    name = str(file.header["name"])
    return TokenCorpus(
        name=f"{name}_file" if is_built_in(name) else name,
        title=file.path.name,
        description=(
            f"{file.header['characters']:,} characters of your own in {len(file.ids):,} tokens, in {file.path}."
        ),
        text=file.excerpt(),
        path=str(file.path),
        file=file,
    )


def from_text(
    text: str, name: str = "your_text", title: str = "Your own text", path: str | None = None
) -> Corpus:
    """A corpus of the user's own text, checked, with \\n for every line end and no control characters.

    An exact copy of Tiny Shakespeare is recognised under any file name, and keeps its path.

    Raises:
        CorpusProblem: the text is empty, too short, too long, binary, or one repeated character.
    """
    label = title if path is None else path
    text, notice = own_text.checked(text, label)
    if len(text) == tiny_shakespeare.BYTES and tiny_shakespeare.is_genuine(text.encode("utf-8")):
        return _tiny_shakespeare(text, path)
    if name in _BUILT_IN:  # the names of the built-in corpora are reserved
        name = f"{name}_file"
    source = "pasted or uploaded" if path is None else f"read from {path}"
    description = f"{len(text):,} characters of your own, {source}."
    return Corpus(name, title, description, text, path=path, notice=notice)


def from_bytes(
    data: bytes, name: str = "your_text", title: str = "Your own text", path: str | None = None
) -> Corpus:
    """Like `from_text`, from UTF-8 bytes. Raises CorpusProblem, also for other encodings."""
    label = title if path is None else path
    return from_text(own_text.decode(data, label), name, title, path)


def load_or_synthetic(name_or_path: str) -> tuple[AnyCorpus, str | None]:
    """Like `load`, but the synthetic plays replace Tiny Shakespeare if that cannot be loaded.

    Returns the corpus, and a notice for the user if it was replaced or changed, else None.
    """
    try:
        corpus = load(name_or_path)
        return corpus, corpus.notice
    except CorpusProblem as problem:
        if name_or_path != "tiny_shakespeare":
            raise
        notice = f"{problem} Until then, the synthetic plays are used instead."
        return load("synthetic_plays"), notice


def _tiny_shakespeare(text: str | None = None, path: str | None = None) -> Corpus:
    return Corpus(
        name="tiny_shakespeare",
        title="Tiny Shakespeare",
        description=(
            "1.1 million characters from Shakespeare's plays, 65 of them different. Collected by "
            "A. Karpathy for char-rnn; in the public domain."
        ),
        text=tiny_shakespeare.text() if text is None else text,
        path=path,
    )


@cache
def _synthetic_plays() -> Corpus:
    return Corpus(
        name="synthetic_plays",
        title="Synthetic plays",
        description=(
            "A million characters of rhyming plays, generated by a small grammar of this project. "
            "Its entropy is known exactly: it is the lowest loss that a model can reach."
        ),
        text=synthetic_plays.text(),
        floor=synthetic_plays.entropy_rate(),
    )


_BUILT_IN: dict[str, Callable[[], Corpus]] = {
    "tiny_shakespeare": _tiny_shakespeare,
    "synthetic_plays": _synthetic_plays,
}

_PAIRS: dict[str, Callable[..., PairCorpus]] = {
    "number_words": number_words.corpus,
    "sums": sums.corpus,
    "pronunciation": pronunciation.corpus,
    "english_french": english_french.corpus,
}


def _known() -> str:
    known = ", ".join((*_BUILT_IN, *_PAIRS))
    return f"one of {known}, or the path of a UTF-8 text file, or of pairs in a .tsv file"


def _shortened(name: str) -> str:
    return repr(name if len(name) <= 100 else name[:97] + "...")
