"""The class board: runs to which visitors have given a name, with the best loss of each, best first.

It is there only with the flag `--board`. It is kept in `board.json` in the runs folder, so that it outlives the
server. A run that came in a file cannot be shown: anybody can bring a good one. A visitor's page keeps a random
text, `owner`, by which it can withdraw its own entries; the board keeps the checksum of it.
"""

import hashlib
import json
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from lm import atomic
from lm.errors import Problem, SettingsProblem
from lm.runs import label
from lm.runs.comparing import differences, shortened
from lm.runs.facts import Facts
from lm.runs.listing import Listing
from playground.runs.library import Library

FILE = "board.json"
MOST_NAME = 30  # characters
MOST_ENTRIES, MOST_OF_ONE = 300, 12
FRESH = 1.0  # seconds for which all visitors get the same list


class Entry(BaseModel):
    """A run on the board. run: the name of its directory; owner: a SHA-256."""

    model_config = ConfigDict(frozen=True)
    id: str
    name: str
    run: str
    owner: str


class Board:
    """The entries, and the numbers of their runs as they are now."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._listing = Listing()
        self._lock = threading.Lock()
        self._path = library.runs_folder / FILE
        self._entries = _read(self._path)
        self._told: tuple[float, list[tuple[Entry, dict[str, Any]]]] = (0.0, [])

    def put(self, name: Any, token: Any, owner: Any) -> None:
        """Show a run under a name; one that is there already gets the new name.

        `SettingsProblem` or `RunProblem` with the reason if that cannot be.
        """
        named, own = checked(name), _checksum(owner)
        run = self.library.view(str(token)).run
        directory = run.directory
        # Also if it went on here.
        if run.record.imported or run.record.trained_elsewhere or run.record.base:
            raise SettingsProblem(
                "That run came from elsewhere: the board is for runs that were trained here from the start."
            )
        if directory.parent != self.library.runs_folder:
            raise SettingsProblem("The included runs are not for the board: train one of your own.")
        with self._lock:
            others = [one for one in self._entries if one.run != directory.name]
            mine = next((one for one in self._entries if one.run == directory.name), None)
            if mine is not None and mine.owner != own:
                raise SettingsProblem(f"That run is on the board already, as {mine.name}.")
            if mine is None and sum(one.owner == own for one in others) >= MOST_OF_ONE:
                raise SettingsProblem(
                    f"You have {MOST_OF_ONE} runs on the board: withdraw one of them first."
                )
            if mine is None and len(others) >= MOST_ENTRIES:
                raise SettingsProblem(f"The board is full, with {MOST_ENTRIES} runs.")
            ident = mine.id if mine else secrets.token_urlsafe(9)
            self._keep([*others, Entry(id=ident, name=named, run=directory.name, owner=own)])

    def withdraw(self, ident: Any, owner: Any) -> None:
        """Take one's own entry off the board; nothing happens to another's."""
        own = _checksum(owner)
        with self._lock:
            self._keep([one for one in self._entries if (one.id, one.owner) != (ident, own)])

    def listed(self, owner: Any) -> list[dict[str, Any]]:
        """The entries of runs that have a loss or are to get one, best first.

        Each has "id", "name", "own" (whether this owner can withdraw it), "text" (its key), "text_title",
        "model", "settings" (what differs from the model's own), "best" (None without an evaluation), "step",
        "steps" and "status". An entry whose run was deleted is left out.
        """
        own = _checksum(owner)
        with self._lock:
            since, told = self._told
            if time.monotonic() - since > FRESH:
                told = [(entry, found) for entry in self._entries if (found := self._facts(entry))]
                told.sort(key=lambda one: (one[1]["best"] is None, one[1]["best"] or 0.0))
                self._told = time.monotonic(), told
        return [{"id": one.id, "name": one.name, "own": one.owner == own, **f} for one, f in told]

    def _facts(self, entry: Entry) -> dict[str, Any] | None:
        found = self._listing.one(self.library.runs_folder / entry.run)
        if isinstance(found, str):
            return None
        return {
            "text": found.text_key,
            "text_title": found.text,
            "model": found.model_title,
            "settings": settings_of(found),
            "best": found.best.loss if found.best else None,
            "step": found.step,
            "steps": found.steps,
            "status": found.status,
        }

    def _keep(self, entries: list[Entry]) -> None:
        """Write the entries down, and use them from now on."""
        contents = json.dumps([entry.model_dump() for entry in entries], ensure_ascii=False)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic.replaced(self._path) as temporary:
                temporary.write_text(contents, "utf-8")
        except OSError as error:
            raise Problem(f"The board cannot be written: {error.strerror}.") from None
        self._entries, self._told = entries, (0.0, [])


def checked(name: Any) -> str:
    """A name for the board; `SettingsProblem` unless it is 1 to 30 characters of plain text."""
    words = " ".join(name.split()) if isinstance(name, str) else ""
    if not words:
        raise SettingsProblem("Type a name for your run.")
    if len(words) > MOST_NAME:
        raise SettingsProblem(
            f"A name on the board has at most {MOST_NAME} characters, not {len(words):,}."
        )
    return label.checked(words).name


def settings_of(run: Facts) -> str:
    """The settings behind a run: its recipe, or what differs from the model's defaults."""
    told = run.recipe or shortened(differences(run.plan.rung.plan(), run.plan))
    return told or "the model's own settings"


def _checksum(owner: Any) -> str:
    """The checksum of an owner's text; `SettingsProblem` for one that could be guessed."""
    if not isinstance(owner, str) or not 16 <= len(owner) <= 100:
        raise SettingsProblem("This page has no name of its own yet: reload it.")
    return hashlib.sha256(owner.encode("utf-8", "replace")).hexdigest()


def _read(path: Path) -> list[Entry]:
    """The entries in a file; none if there is no file. `Problem` for one that is no board."""
    try:
        contents = path.read_text("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError):
        raise Problem(f"{path} cannot be read: delete it to begin a new board.") from None
    try:
        found = json.loads(contents or "[]")
        entries = [Entry.model_validate(one) for one in found]
    except (ValueError, TypeError, ValidationError):
        raise Problem(f"{path} is damaged: delete it to begin a new board.") from None
    return [one for one in entries if Path(one.run).name == one.run]
