"""Models of the Hugging Face hub: fetched into the cache of `huggingface_hub`, which gradio brings."""

import contextlib
import fnmatch
import re
from pathlib import Path
from typing import Any

from lm.errors import RunProblem

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
FILES = [
    *("config.json", "*.safetensors", "model.safetensors.index.json", "tokenizer.json"),
    *("tokenizer_config.json", "chat_template.jinja", "README.md"),
]


def check_name(name: str) -> None:
    """Raise a `RunProblem` for what can be no name of a model of the hub."""
    if not NAME.fullmatch(name) or ".." in name or "--" in name or len(name) > 96:
        raise RunProblem(
            f"{name[:100]!r} is no folder, no GGUF file and no name of the Hugging Face hub, which are like "
            "HuggingFaceTB/SmolLM2-135M-Instruct."
        )


def size_of(name: str) -> int | None:
    """Bytes of the files of a model that `fetched` would download; None if the hub does not tell."""
    try:
        from huggingface_hub import HfApi

        files = HfApi().model_info(name, files_metadata=True, timeout=10).siblings or []
    except Exception:  # of the network, in half a dozen libraries: `fetched` says why
        return None
    wanted = [one for one in files if any(fnmatch.fnmatch(one.rfilename, p) for p in FILES)]
    return sum(one.size or 0 for one in wanted) or None


def come(name: str, cache: Path | None = None) -> int:
    """Bytes of a model that are in the cache so far, while `fetched` downloads it."""
    if cache is None:
        from huggingface_hub.constants import HF_HUB_CACHE

        cache = Path(HF_HUB_CACHE)
    folder, total = cache / f"models--{name.replace('/', '--')}" / "blobs", 0
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):  # it gets its name just now
            total += path.stat().st_size
    return total


def fetched(name: str, cache: Path | None = None) -> Path:
    """The folder of a model of the hub, downloaded if it is not in the cache. `RunProblem` says why not.

    cache: a folder, in place of that of `huggingface_hub`.
    """
    check_name(name)
    elsewhere: dict[str, Any] = {} if cache is None else {"cache_dir": str(cache)}
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HFValidationError,
            RepositoryNotFoundError,
        )
    except ImportError:
        raise RunProblem(
            "Names of the hub need the package huggingface_hub: install it, or name a folder."
        ) from None
    try:
        folder = Path(snapshot_download(name, allow_patterns=FILES, **elsewhere))
    except GatedRepoError:
        raise RunProblem(
            f"{name} is given only to those who accept its licence on huggingface.co: do so, and log in with "
            "`hf auth login`."
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise RunProblem(f"There is no model {name} on the Hugging Face hub.") from None
    except Exception as error:  # of the network, in half a dozen libraries
        if isinstance(error, OSError) and error.errno == 28:
            raise RunProblem(
                f"{name} cannot be downloaded: the disk is full; free some space."
            ) from None
        raise RunProblem(
            f"{name} cannot be downloaded: the Hugging Face hub is not to be reached, and the model is not in "
            "the cache. Connect to the internet, or name a folder or a GGUF file."
        ) from None
    if not any(folder.glob("*.safetensors")):
        raise RunProblem(
            f"{name} has no weights in safetensors, and those in pickles (.bin) are refused, because they can "
            "run any program: choose another model, or a GGUF file of it."
        )
    return folder
