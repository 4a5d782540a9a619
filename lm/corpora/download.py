"""Downloading a file once: checked by its checksum, kept in the user's cache folder."""

import contextlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from lm.atomic import replaced

SERVER_TIMEOUT = 10.0  # seconds without data from the server


class DownloadFailed(Exception):
    """A file could not be had; the message is the reason, without a verb: "the server answered 404"."""


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/language-models-from-scratch`, or the same in `~/.cache`; it may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME", "").strip()
    return Path(base or "~/.cache").expanduser() / "language-models-from-scratch"


def cached(file_name: str, is_genuine: Callable[[bytes], bool]) -> bytes | None:
    """A file of the cache folder, or None: missing, unreadable, damaged or edited."""
    try:
        data = (cache_folder() / file_name).read_bytes()
    except OSError:
        return None
    return data if is_genuine(data) else None


def keep(file_name: str, data: bytes) -> None:
    """Put a file into the cache folder. Without a cache, the next start downloads again."""
    place = cache_folder() / file_name
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with replaced(place) as temporary:
            temporary.write_bytes(data)


def download(
    url: str, most: int, is_genuine: Callable[[bytes], bool], seconds: float = 60.0
) -> bytes:
    """The file at an address, of at most `most` bytes. Raises DownloadFailed.

    seconds: for the whole download.
    """
    deadline = time.monotonic() + seconds
    data = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=SERVER_TIMEOUT) as answer:
            while len(data) <= most:  # a longer answer is another file
                piece = answer.read(65_536)
                if not piece:
                    break
                data += piece
                if time.monotonic() > deadline:
                    raise TimeoutError("the connection is too slow")
    except urllib.error.HTTPError as error:
        reason = f"the server answered {error.code}"
    except urllib.error.URLError as error:
        # Without "[Errno -2]".
        reason = getattr(error.reason, "strerror", None) or str(error.reason)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    else:
        if is_genuine(bytes(data)):
            return bytes(data)
        reason = f"the download ({len(data):,} bytes) is not the expected file"
    raise DownloadFailed(reason)
