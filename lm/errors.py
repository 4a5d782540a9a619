"""What can go wrong through no fault of the program, each as one sentence that says what to do.

Everything a person can cause (a wrong file, an impossible setting, a damaged run) raises a `Problem`.
The command line prints its sentence and exits; the page shows it as a notice. Any other exception is
a fault of ours and keeps its traceback.
"""


class Problem(ValueError):
    """A mistake a person can mend; `str(problem)` is one clear sentence that says how."""


class CorpusProblem(Problem):
    """A text that cannot be learned from: missing, empty, binary, too short, or not downloadable."""


class UnknownCharacter(Problem):
    """A text holds a character that the tokenizer has never seen."""


class SettingsProblem(Problem):
    """A setting out of its bounds, or settings that cannot work together."""


class RunProblem(Problem):
    """A run directory that is missing, damaged, foreign, or cannot be written."""


class Diverged(Problem):
    """The loss stopped being a finite number, or left the range in which anything is learned."""
