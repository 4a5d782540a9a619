"""Tiny Shakespeare: 1,115,394 characters of the plays, the usual text for small language models.

Collected by Andrej Karpathy for char-rnn (2015). The text is in the public domain but is not part of
this project: it is downloaded once, checked, and kept in the user's cache folder. On a machine without a
network, the environment variable LM_CORPORA gives the path of a copy, or of the folder that holds it.
"""

import hashlib
import os
from pathlib import Path

from lm.corpora.download import DownloadFailed, cached, keep
from lm.corpora.download import download as downloaded
from lm.errors import CorpusProblem

URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
BYTES = 1_115_394
FILE_NAMES = ("tinyshakespeare.txt", "input.txt")
DOWNLOAD_TIMEOUT = 60.0  # seconds for the whole download


def text() -> str:
    """The text, from LM_CORPORA if that is set, else from the cache, else downloaded into the cache.

    Raises:
        CorpusProblem: LM_CORPORA names no exact copy, or the download failed.
    """
    named = os.environ.get("LM_CORPORA", "").strip()
    if named:
        return _named_copy(Path(named).expanduser())
    data = cached(FILE_NAMES[0], is_genuine)
    if data is None:
        data = download()
        keep(FILE_NAMES[0], data)
    return data.decode("utf-8")


def is_genuine(data: bytes) -> bool:
    """Whether these bytes are exactly Tiny Shakespeare."""
    return hashlib.sha256(data).hexdigest() == SHA256


def download() -> bytes:
    """Download the file from its public address and check it. Raises CorpusProblem."""
    try:
        return downloaded(URL, BYTES, is_genuine, DOWNLOAD_TIMEOUT)
    except DownloadFailed as reason:
        raise CorpusProblem(
            f"Tiny Shakespeare could not be downloaded ({reason}): connect to the internet and try again, set "
            "LM_CORPORA to the path of a copy, or choose synthetic_plays, which needs no download."
        ) from None


def _named_copy(path: Path) -> str:
    if path.is_dir():
        copies = [path / name for name in FILE_NAMES if (path / name).is_file()]
        if not copies:
            raise CorpusProblem(
                f"LM_CORPORA is the folder {path}, which holds neither {' nor '.join(FILE_NAMES)}: "
                "put Tiny Shakespeare there, or unset LM_CORPORA to have it downloaded."
            )
    else:
        copies = [path]
    for copy in copies:
        try:
            data = copy.read_bytes()
        except OSError as error:
            raise CorpusProblem(
                f"LM_CORPORA points to {copy}, which cannot be read "
                f"({error.strerror or error}): correct the path, or unset LM_CORPORA."
            ) from None
        if is_genuine(data):
            return data.decode("utf-8")
    raise CorpusProblem(
        f"LM_CORPORA points to {copies[0]}, which is not Tiny Shakespeare (its checksum differs): "
        "name an exact copy, or unset LM_CORPORA; to learn from another text, give its path as the "
        "corpus."
    )
