"""Corpora: texts to learn from, each split into a train part and a validation part.

Two corpora are built in: Tiny Shakespeare (downloaded once) and synthetic plays (generated, no network).
Any other corpus is a UTF-8 text of the user's own. Next in the reading order: `lm.tokenizers`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from lm.corpora import own_text, synthetic_plays, tiny_shakespeare
from lm.errors import CorpusProblem

TRAIN_SHARE = 0.9

__all__ = [
    "TRAIN_SHARE",
    "Corpus",
    "from_bytes",
    "from_text",
    "load",
    "load_or_synthetic",
    "names",
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
    def _train_length(self) -> int:
        return int(TRAIN_SHARE * len(self.text))


def names() -> tuple[str, ...]:
    """The names of the built-in corpora, for `load`."""
    return tuple(_BUILT_IN)


def load(name_or_path: str) -> Corpus:
    """A built-in corpus by its name, or the user's own text by its path.

    Raises:
        CorpusProblem: there is no such text, or it cannot be learned from.
    """
    if name_or_path in _BUILT_IN:
        return _BUILT_IN[name_or_path]()
    if not name_or_path.strip() or "\0" in name_or_path:
        raise CorpusProblem(f"Name a corpus: {_known()}.")
    path = Path(name_or_path)
    try:
        path = path.expanduser().absolute()
        missing = not path.exists()
    except PermissionError:
        missing = False  # reading the file reports it
    except (
        OSError,
        RuntimeError,
    ):  # a name too long for a path, a cycle of links, an unknown ~user
        missing = True
    if missing:
        raise CorpusProblem(
            f"There is no corpus and no file called {_shortened(name_or_path)}: give {_known()}."
        )
    return from_bytes(own_text.read(path), path.stem, path.name, path=str(path))


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


def load_or_synthetic(name_or_path: str) -> tuple[Corpus, str | None]:
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


def _known() -> str:
    return f"one of {', '.join(_BUILT_IN)}, or the path of a UTF-8 text file"


def _shortened(name: str) -> str:
    return repr(name if len(name) <= 100 else name[:97] + "...")
