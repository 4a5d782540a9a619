"""Errors that a user can cause and correct.

A wrong file, an impossible setting or a damaged run raises a `Problem`, whose message is one sentence that
says what to do. The command line prints it and exits; the page shows it as a notice. Any other exception is a
bug in this project and keeps its traceback.
"""


class Problem(ValueError):
    """An error that the user can correct; `str(problem)` is one sentence that says how."""


class CorpusProblem(Problem):
    """A text that cannot be learned from: missing, empty, binary, too short, or not downloadable."""


class UnknownCharacter(Problem):
    """A text holds a character that is not in the vocabulary."""


class SettingsProblem(Problem):
    """A setting outside its bounds, or settings that do not fit together."""


class RunProblem(Problem):
    """A run directory that is missing, damaged, of an unknown format, or not writable."""


class BaseProblem(RunProblem):
    """The run that another one started from, and needs, is missing or has changed."""


class Diverged(Problem):
    """The loss is no longer finite, or stays far above that of a uniform guess."""


class ScoresNotFinite(Diverged):
    """A model whose loss diverged is asked for a text."""

    def __init__(self) -> None:
        super().__init__(
            "The model's scores are not finite: its loss diverged. "
            "Look at an earlier snapshot, or train it again with a lower learning rate."
        )


def exit_code(problem: Problem) -> int:
    """The code with which the command line ends: 2 a wrong setting, 3 a text or run, 4 a loss that diverged."""
    if isinstance(problem, Diverged):
        return 4
    return 3 if isinstance(problem, CorpusProblem | RunProblem) else 2
