"""The text or the pairs that a run learned from: whether they are still there, and still the same."""

import datetime
from pathlib import Path

from lm import corpora
from lm.errors import CorpusProblem, RunProblem
from lm.runs.format import RunRecord


def corpus_of(
    directory: Path, record: RunRecord, elsewhere: str | None = None
) -> corpora.AnyCorpus:
    """The text or pairs of the run in `directory`; `elsewhere` names or locates what is no longer where it was.

    `RunProblem` if the text is not to be had, or has changed.
    """
    text = record.corpus
    if record.trained_elsewhere:
        return _any_text(directory, elsewhere)
    own = elsewhere is None and text.path is not None and corpora.exists(text.path)
    try:
        corpus = corpora.load(elsewhere or (text.path if own else None) or text.name)
    except CorpusProblem as problem:
        if elsewhere is not None:
            raise
        raise RunProblem(_is_gone(directory, record, own, problem)) from None
    if corpus.sha256 == text.sha256:
        return corpus
    if own:
        raise RunProblem(_has_changed(directory, record, str(text.path)))
    raise RunProblem(
        f"{corpus.title} is not the text that {directory} was trained on, {text.title}: "
        "give that text with --corpus."
    )


def _any_text(directory: Path, elsewhere: str | None) -> corpora.AnyCorpus:
    """A text to judge an imported model on; nobody has the one that it learned from."""
    if elsewhere is None:
        raise RunProblem(
            f"{directory} was trained elsewhere, on texts that are not here: name a text to judge it "
            "on with --corpus."
        )
    return corpora.load(elsewhere)


def _is_gone(directory: Path, record: RunRecord, own: bool, problem: CorpusProblem) -> str:
    text = record.corpus
    if own or corpora.is_built_in(text.name):
        return f"{problem} {directory} was trained on it: give a copy with --corpus."
    place = f"is no longer at {text.path}" if text.path else "is not part of the run"
    return (
        f"The text that {directory} was trained on, {text.title}, {place}: put it back, or "
        "give a copy of it with --corpus."
    )


def _has_changed(directory: Path, record: RunRecord, path: str) -> str:
    written = max(file.stat().st_mtime for file in corpora.files(path))
    changed = datetime.datetime.fromtimestamp(written).astimezone()
    began = datetime.datetime.fromisoformat(record.created).astimezone()
    return (
        f"{path} has changed since {directory} was trained on it: the run began on "
        f"{began:%Y-%m-%d at %H:%M}, and the file was last written on {changed:%Y-%m-%d at %H:%M}. "
        f"Put the earlier text ({record.corpus.characters:,} characters) back, or give a copy of it "
        "with --corpus."
    )
