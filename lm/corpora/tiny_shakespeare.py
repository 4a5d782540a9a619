"""Tiny Shakespeare: 1,115,394 characters of the plays, the usual text for small language models.

Collected by Andrej Karpathy for char-rnn (2015). The text is in the public domain but is not part of
this project: it is downloaded once, checked, and kept in the user's cache folder. On a machine without a
network, the environment variable LM_CORPORA gives the path of a copy, or of the folder that holds it.
"""

import contextlib
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

from lm.atomic import replaced
from lm.errors import CorpusProblem

URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
BYTES = 1_115_394
FILE_NAMES = ("tinyshakespeare.txt", "input.txt")
SERVER_TIMEOUT = 10.0  # seconds without data from the server
DOWNLOAD_TIMEOUT = 60.0  # seconds for the whole download


def text() -> str:
    """The text, from LM_CORPORA if that is set, else from the cache, else downloaded into the cache.

    Raises:
        CorpusProblem: LM_CORPORA names no exact copy, or the download failed.
    """
    named = os.environ.get("LM_CORPORA", "").strip()
    if named:
        return _named_copy(Path(named).expanduser())
    cached = cache_folder() / FILE_NAMES[0]
    try:
        data = cached.read_bytes()
        if is_genuine(data):  # a damaged or edited copy is downloaded again
            return data.decode("utf-8")
    except OSError:
        pass  # missing or unreadable: download it
    data = download()
    with contextlib.suppress(OSError):  # without a cache, the next start downloads again
        cached.parent.mkdir(parents=True, exist_ok=True)
        with replaced(cached) as temporary:
            temporary.write_bytes(data)
    return data.decode("utf-8")


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/language-models-from-scratch`, or the same in `~/.cache`; it may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME", "").strip()
    return Path(base or "~/.cache").expanduser() / "language-models-from-scratch"


def is_genuine(data: bytes) -> bool:
    """Whether these bytes are exactly Tiny Shakespeare."""
    return hashlib.sha256(data).hexdigest() == SHA256


def download() -> bytes:
    """Download the file from its public address and check it. Raises CorpusProblem."""
    advice = (
        "connect to the internet and try again, set LM_CORPORA to the path of a copy, "
        "or choose synthetic_plays, which needs no download"
    )
    deadline = time.monotonic() + DOWNLOAD_TIMEOUT
    data = bytearray()
    try:
        with urllib.request.urlopen(URL, timeout=SERVER_TIMEOUT) as answer:
            while len(data) <= BYTES:  # a longer answer is another file
                piece = answer.read(65_536)
                if not piece:
                    break
                data += piece
                if time.monotonic() > deadline:
                    raise TimeoutError("the connection is too slow")
    except urllib.error.HTTPError as error:
        reason = f"the server answered {error.code}"
    except urllib.error.URLError as error:
        reason = str(error.reason)
    except (OSError, http.client.HTTPException) as error:
        reason = str(error) or type(error).__name__
    else:
        if is_genuine(bytes(data)):
            return bytes(data)
        reason = f"the download ({len(data):,} bytes) is not the expected file"
    raise CorpusProblem(f"Tiny Shakespeare could not be downloaded ({reason}): {advice}.")


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
