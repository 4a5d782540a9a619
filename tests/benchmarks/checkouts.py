"""Checkouts of other projects, run as they are: which commit, and a copy to work in."""

import shutil
import subprocess
from pathlib import Path

import click

from lm.corpora import Corpus

# The kind of `--nanogpt` and `--starting-point`.
FOLDER = click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path)


def commit(checkout: Path, needed: str) -> str:
    """ "commit 3adf61e, unmodified". `UsageError` if `needed` is not in it or a file was changed."""
    if not (checkout / needed).is_file():
        raise click.UsageError(f"{checkout} is not the checkout asked for: it has no {needed}.")
    top = _git(checkout, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != checkout:
        raise click.UsageError(f"{checkout} is not a git checkout, so it may have been changed.")
    if _git(checkout, "status", "--porcelain", "--untracked-files=no"):
        raise click.UsageError(f"{checkout} has local changes: give an unmodified checkout.")
    return f"commit {_git(checkout, 'rev-parse', '--short', 'HEAD')}, unmodified"


def copy(checkout: Path, into: Path, corpus: Corpus, text_at: str) -> Path:
    """A copy of the checkout in which the file `text_at` holds the corpus; the original stays clean."""
    shutil.copytree(checkout, into, ignore=shutil.ignore_patterns(".git"))
    (into / text_at).write_text(corpus.text, "utf-8", newline="")
    return into


def _git(checkout: Path, *arguments: str) -> str | None:
    """What git says, or None if it refuses."""
    command = ["git", "-C", str(checkout), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None
