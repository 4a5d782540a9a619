"""English sentences and their French translations, from Tatoeba (CC-BY 2.0 FR).

The sentences are not part of this project: they are downloaded once from the address that the book "Dive into
Deep Learning" uses, checked, and kept in the user's cache folder. On a machine without a network, LM_CORPORA
gives the folder that holds a copy of the file.
"""

import hashlib
import io
import os
import zipfile
from functools import cache
from pathlib import Path

from lm.corpora.download import DownloadFailed, cached, download, keep
from lm.corpora.pairs import MOST_HELD_OUT, Pair, PairCorpus, split
from lm.errors import CorpusProblem

URL = "http://d2l-data.s3-accelerate.amazonaws.com/fra-eng.zip"
SHA1 = "94646ad1522d915e7b0f9296181140edcf86a4f5"
FILE_NAME = "fra-eng.zip"
MOST_BYTES = 20_000_000
DEFAULT = "40"  # characters of the longest sentence
SHORTEST_LIMIT, LONGEST_LIMIT = 10, 400


@cache
def corpus(limit: str = DEFAULT) -> PairCorpus:
    """The pairs whose sentences both have at most `limit` characters. Raises CorpusProblem."""
    if not limit.isdecimal() or not SHORTEST_LIMIT <= int(limit) <= LONGEST_LIMIT:
        raise CorpusProblem(
            f"english_french takes the length of the longest sentence, {SHORTEST_LIMIT} to {LONGEST_LIMIT} "
            f"characters, such as english_french:60; not {limit!r}."
        )
    pairs = [pair for pair in _sentences() if max(map(len, pair)) <= int(limit)]
    sources = len({source for source, _ in pairs})
    held_out = min(MOST_HELD_OUT, max(1, sources // 10))
    train, validation = split(pairs, held_out)
    return PairCorpus(
        name="english_french" if limit == DEFAULT else f"english_french:{limit}",
        title="English to French",
        description=(
            f"{len(pairs):,} sentence pairs of up to {limit} characters, {held_out:,} English sentences held "
            "out. From tatoeba.org by way of manythings.org, CC-BY 2.0 FR; any listed translation is right."
        ),
        train=train,
        validation=validation,
    )


def _sentences() -> list[Pair]:
    """All pairs of the file: a line each, the two sides and perhaps the authors separated by tabs."""
    archive = zipfile.ZipFile(io.BytesIO(_archive()))
    name = next(name for name in archive.namelist() if name.endswith("fra.txt"))
    lines = archive.read(name).decode("utf-8").splitlines()
    parts = (line.replace("\u202f", " ").replace("\xa0", " ").split("\t") for line in lines)
    pairs = ((part[0].strip(), part[1].strip()) for part in parts if len(part) > 1)
    return list(dict.fromkeys(pair for pair in pairs if all(pair)))


def _archive() -> bytes:
    """The file, from the folder LM_CORPORA, else from the cache, else downloaded into the cache."""
    copy = Path(os.environ.get("LM_CORPORA", "").strip() or os.devnull).expanduser() / FILE_NAME
    if copy.is_file() and is_genuine(data := copy.read_bytes()):
        return data
    held = cached(FILE_NAME, is_genuine)
    if held is not None:
        return held
    try:
        data = download(URL, MOST_BYTES, is_genuine)
    except DownloadFailed as reason:
        raise CorpusProblem(
            f"The English and French sentences could not be downloaded ({reason}): connect to the internet and "
            f"try again, put a copy of {FILE_NAME} into the folder that LM_CORPORA names, or choose "
            "number_words, which needs no download."
        ) from None
    keep(FILE_NAME, data)
    return data


def is_genuine(data: bytes) -> bool:
    """Whether these bytes are exactly the file."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest() == SHA1
