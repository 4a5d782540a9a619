"""Unmodified checkouts of other projects: their commit, and a copy to work in."""

import shutil
import subprocess
from pathlib import Path

import click

from lm.corpora import Corpus

# The kind of `--nanogpt` and `--starting-point`.
FOLDER = click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path)


def commit(checkout: Path, needed: str) -> str:
    """The commit as text, "commit 3adf61e, unmodified".

    Raises `UsageError` if the checkout has no file `needed` or has local changes.
    """
    if not (checkout / needed).is_file():
        raise click.UsageError(f"{checkout} is not the checkout asked for: it has no {needed}.")
    top = _git(checkout, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != checkout:
        raise click.UsageError(f"{checkout} is not a git checkout, so it may have been changed.")
    if _git(checkout, "status", "--porcelain", "--untracked-files=no"):
        raise click.UsageError(f"{checkout} has local changes: give an unmodified checkout.")
    return f"commit {_git(checkout, 'rev-parse', '--short', 'HEAD')}, unmodified"


def copy(checkout: Path, into: Path, corpus: Corpus, text_at: str) -> Path:
    """A copy of the checkout whose file `text_at` holds the corpus; the original is not changed."""
    shutil.copytree(checkout, into, ignore=shutil.ignore_patterns(".git"))
    (into / text_at).write_text(corpus.text, "utf-8", newline="")
    return into


def _git(checkout: Path, *arguments: str) -> str | None:
    """The output of a git command, or None if it fails."""
    command = ["git", "-C", str(checkout), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None
