"""Which processor computes: a graphics card if there is one, else the CPU."""

import torch

from lm.errors import SettingsProblem


def choose_device(name: str = "auto") -> str:
    """ "auto" is the best there is: cuda, mps, then cpu. `SettingsProblem` if `name` is not there."""
    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    if torch.cuda.is_available():
        present.insert(0, "cuda")
    if name == "auto":
        return present[0]
    if name.split(":")[0] not in present:
        raise SettingsProblem(f"This machine has no device {name!r}; it has {', '.join(present)}.")
    return name
