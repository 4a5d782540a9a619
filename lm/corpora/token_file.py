"""A text too large for memory as a file of token ids, which training reads where it needs them.

`write` reads the text piece by piece and makes the file; `read` opens it. The file is

    8 bytes   "LMTOKENS"
    8 bytes   the length of the header, little-endian
    header    JSON: the tokenizer, the number of tokens, checksums; filled up with spaces
    ids       uint16, or uint32 of more than 65,536 different tokens, little-endian

The first nine tenths of the tokens are to learn from. The ids are mapped into memory: the system reads the
pages that are asked for, and drops them if it needs room.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lm import tokenizers
from lm.atomic import remove_leftovers_of, replaced
from lm.corpora import own_text
from lm.errors import CorpusProblem, RunProblem
from lm.tokenizers import CharacterTokenizer, Tokenizer, TokenizerConfig

MAGIC = b"LMTOKENS"
FORMAT = 1
PIECE = 2_000_000  # characters, or tokens, that are in memory at once
SAMPLE = 5_000_000  # characters of the text from whose beginning BPE and Unigram learn their pieces
LINE = 1_000_000  # characters that are read beyond a piece to end it at the end of a line
EXCERPT = 500_000  # tokens, for those who look at a text
LONGEST_HEADER = 100_000_000  # bytes

Tell = Callable[[float], object]


@dataclass(frozen=True)
class TokenFile:
    """A token file, open. ids: (N,), mapped; those of the training split come first."""

    path: Path
    header: dict[str, Any]
    ids: np.ndarray

    @property
    def train(self) -> np.ndarray:
        """The tokens to learn from."""
        return self.ids[: self.header["train_tokens"]]

    @property
    def validation(self) -> np.ndarray:
        """The others."""
        return self.ids[self.header["train_tokens"] :]

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made it."""
        try:
            return tokenizers.load(self.header["tokenizer"])
        except RunProblem as problem:
            raise CorpusProblem(f"{self.path} cannot be used: {problem}") from None

    @property
    def settings(self) -> dict[str, str | int]:
        """The settings of a plan whose tokens are these."""
        kind = self.tokenizer.kind
        if kind == CharacterTokenizer.kind:
            return {"tokenizer": kind}
        return {"tokenizer": kind, "vocab_size": self.tokenizer.vocab_size}

    def given(self, config: TokenizerConfig) -> Tokenizer:
        """The tokenizer, if it is the one that the settings ask for, else a `CorpusProblem`."""
        wanted = config.model_dump()
        if any(wanted[name] != value for name, value in self.settings.items()):
            raise CorpusProblem(
                f"{self.path} holds tokens of {self.tokenizer.kind}, {self.tokenizer.vocab_size:,} different "
                "ones, and not those that the settings ask for: leave --tokenizer and --vocab-size out."
            )
        return self.tokenizer

    @property
    def sha256(self) -> str:
        """A checksum of the tokens and their tokenizer, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.header, sort_keys=True).encode()).hexdigest()

    def excerpt(self) -> str:
        """A text whose first nine tenths begin as the training split does, and the last as the other.

        So `Corpus`, which takes nine tenths of any text to learn from, divides it where they meet.
        """
        train, validation = (
            part[:EXCERPT].astype(np.int64) for part in (self.train, self.validation)
        )
        later = self.tokenizer.decode(validation[: EXCERPT // 9])
        earlier = self.tokenizer.decode(train)[: 9 * len(later)]
        return earlier + later[: len(earlier) // 9]

    def check_tokenizer(self, other: Tokenizer) -> None:
        """Raise a `CorpusProblem` unless its tokens are those of another tokenizer, too."""
        if other.to_json() != self.tokenizer.to_json():
            raise CorpusProblem(
                f"{self.path} holds the tokens of another tokenizer, {self.tokenizer.kind} with "
                f"{self.tokenizer.vocab_size:,} tokens: make it anew from the text, or begin a new run."
            )


def is_one(path: Path) -> bool:
    """Whether a file begins as a token file does. A pipe is none: reading it might wait for ever."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def write(text: Path, out: Path, config: TokenizerConfig, tell: Tell = lambda share: None) -> None:
    """Make a token file of a UTF-8 text of any length. Raises CorpusProblem.

    tell: called with the share that is done, 0 to 1.
    """
    if out.exists() and not is_one(out):
        raise CorpusProblem(f"{out} exists and is no token file: choose another name for --tokens.")
    if is_one(text):
        raise CorpusProblem(
            f"{text} is a token file already: train with --corpus {text}, or name the text that it was made of."
        )
    try:
        size = text.stat().st_size
        tokenizer = _tokenizer(text, config, lambda share: tell(0.2 * share), size)
        out.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers_of(out)  # of a process that was killed: they are large
        with replaced(out) as temporary:
            _write(text, temporary, tokenizer, lambda share: tell(0.2 + 0.8 * share), size)
    except OSError as error:
        raise CorpusProblem(
            f"{error.filename or out} cannot be read or written: {error.strerror}."
        ) from None


def read(path: Path) -> TokenFile:
    """A token file, whole and undamaged. `CorpusProblem` if it is not."""
    again = "make it again with python -m lm corpora FILE --tokens"
    try:
        with path.open("rb") as file:
            header, begin = _header(file, path)
            dtype = np.dtype(header["dtype"]).newbyteorder("<")
            held = (file.seek(0, io.SEEK_END) - begin) // dtype.itemsize
            if held < header["tokens"]:
                raise CorpusProblem(
                    f"{path} has been cut: it holds {held:,} of its {header['tokens']:,} tokens; {again}."
                )
            file.seek(begin)
            if _checksum(file) != header["checksum"]:
                raise CorpusProblem(f"{path} is damaged: its tokens have changed; {again}.")
        # "c": torch warns of arrays that cannot be written; a change would not reach the file.
        ids = np.memmap(path, dtype, "c", begin, (header["tokens"],))
    except CorpusProblem:
        raise
    except OSError as error:
        raise CorpusProblem(f"{path} cannot be read: {error.strerror}.") from None
    except (KeyError, TypeError, ValueError):
        raise CorpusProblem(f"{path} is damaged: it has no header; {again}.") from None
    return TokenFile(path, header, ids)


def _header(file: BinaryIO, path: Path) -> tuple[dict[str, Any], int]:
    """The header of a file, and the byte at which the ids begin. `ValueError` if it is none."""
    file.seek(len(MAGIC))
    length = int.from_bytes(file.read(8), "little")
    if length > LONGEST_HEADER:
        raise ValueError
    header = json.loads(file.read(length))
    if not isinstance(header, dict) or header.pop("header_checksum", None) != _of_json(header):
        raise ValueError
    if header["format"] != FORMAT:
        raise CorpusProblem(
            f"{path} is of format {header['format']!r}, and this program reads format {FORMAT}: open it with "
            "the version that wrote it."
        )
    return header, len(MAGIC) + 8 + length


def pieces(path: Path) -> Iterator[tuple[str, int]]:
    """A text piece by piece, each to the end of a line, cleaned, and the bytes read so far. CorpusProblem."""
    with path.open("rb") as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline=None)  # all line ends become \n
        while True:
            try:
                piece = text.read(PIECE)
                piece += text.readline(LINE) if len(piece) == PIECE else ""
            except UnicodeDecodeError:
                raise CorpusProblem(
                    f"{path} is not UTF-8 text (near byte {file.tell():,}): save it as plain text in UTF-8."
                ) from None
            if not piece:
                return
            yield own_text.cleaned(piece, str(path))[0] if piece.strip() else piece, file.tell()


def _tokenizer(text: Path, config: TokenizerConfig, tell: Tell, size: int) -> Tokenizer:
    """The tokenizer of a text: all its characters, or the pieces that its beginning has."""
    alphabet: set[str] = set()
    beginning = ""
    characters = config.tokenizer == CharacterTokenizer.kind
    for piece, done in pieces(text):
        if characters:
            alphabet.update(piece)
            tell(done / size)
        else:
            beginning += piece
            if len(beginning) >= SAMPLE:
                break
    if not alphabet and not beginning:
        raise CorpusProblem(f"{text} is empty: choose a text with something in it.")
    return tokenizers.train(config, "".join(sorted(alphabet)) if characters else beginning)


def _write(text: Path, out: Path, tokenizer: Tokenizer, tell: Tell, size: int) -> None:
    """The file itself: the ids first, then the header in the room that was left for it."""
    dtype = np.dtype("<u2" if tokenizer.vocab_size <= 2**16 else "<u4")
    header: dict[str, Any] = {
        "format": FORMAT,
        "name": text.stem,
        "tokenizer": tokenizer.to_json(),
        "dtype": dtype.name,
    }
    room = len(json.dumps(header)) + 400  # for what is known once the ids are written
    length = room - (len(MAGIC) + 8 + room) % 64 + 64  # the ids begin at a multiple of 64
    tokens, checksum = 0, 0
    counts: list[tuple[int, int]] = []  # tokens and characters up to the end of each piece
    with out.open("wb") as file:
        file.write(bytes(len(MAGIC) + 8 + length))
        for piece, done in pieces(text):
            ids = tokenizer.encode(piece).astype(dtype)
            file.write(ids.tobytes())
            checksum = zlib.crc32(ids.tobytes(), checksum)
            tokens += len(ids)
            counts.append((tokens, len(piece) + (counts[-1][1] if counts else 0)))
            tell(min(done / size, 1.0))
    if tokens < own_text.SHORTEST:
        raise CorpusProblem(
            f"{text} has only {tokens:,} tokens: choose a text of at least {own_text.SHORTEST:,}."
        )
    header |= {
        "tokens": tokens,
        "train_tokens": int(own_text.TRAIN_SHARE * tokens),
        "characters": counts[-1][1],
        "checksum": f"{checksum:08x}",
    }
    ids = np.memmap(out, dtype, "r", len(MAGIC) + 8 + length, (tokens,))
    header["train_characters"] = _characters(ids, header["train_tokens"], counts, tokenizer)
    header["header_checksum"] = _of_json(header)
    with out.open("r+b") as file:
        file.write(MAGIC + length.to_bytes(8, "little"))
        file.write(json.dumps(header).encode().ljust(length))


def _characters(
    ids: np.ndarray, end: int, counts: list[tuple[int, int]], tokenizer: Tokenizer
) -> int:
    """Characters of the first `end` tokens, from the counts at the end of each piece."""
    begin, before = max(((t, c) for t, c in counts if t <= end), default=(0, 0))
    return before + tokenizer.count_characters(ids[begin:end].astype(np.int64))


def _checksum(file: BinaryIO) -> str:
    """The checksum of the rest of a file."""
    found = 0
    while block := file.read(2**22):
        found = zlib.crc32(block, found)
    return f"{found:08x}"


def _of_json(header: dict[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(header, sort_keys=True).encode()):08x}"
