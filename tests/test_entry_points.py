"""The two entry points, as a shell starts them: what must be set before anything heavy is imported."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lm.openmp import WAITING

ROOT = Path(__file__).parents[1]

# Prints the environment at the moment in which something heavy is first asked for, and imports no more. Gradio
# takes seconds, and comes before torch.
UNTIL_HEAVY = """
import os, runpy, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("numpy", "torch", "gradio"):
            print(*(os.environ.get(name) for name in %r))
            sys.stdout.flush()
            os._exit(0)

sys.meta_path.insert(0, Watch())
sys.argv[1:] = ["--help"]
runpy.run_module(%r, run_name="__main__")
"""


# Presses Ctrl-C at the first import of a module of ours.
INTERRUPTED = """
import os, runpy, signal, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("lm.") and name != "lm.__main__":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Watch())
sys.argv[1:] = ["--help"]
runpy.run_module(%r, run_name="__main__")
"""


def environment_at_first(entry: str, **stated: str) -> list[str]:
    code = UNTIL_HEAVY % (list(WAITING), entry)
    command = [sys.executable, "-c", code]
    environment = {"PATH": os.environ["PATH"], **stated}  # none of the variables of this process
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.stdout.split()


@pytest.mark.parametrize("entry", ["lm", "playground"])
def test_openmp_is_told_how_to_wait_before_torch_reads_it(entry):
    """Else a step takes several times as long on a busy machine; what a person has set is left as it is."""
    assert environment_at_first(entry) == list(WAITING.values())
    assert environment_at_first(entry, OMP_WAIT_POLICY="ACTIVE")[0] == "ACTIVE"


@pytest.mark.parametrize("entry", ["lm", "playground"])
def test_ctrl_c_at_the_very_start_leaves_no_traceback(entry):
    """On a busy machine the first imports take half a second: a traceback of `lm` came out of them."""
    command = [sys.executable, "-c", INTERRUPTED % entry]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGINT and done.stderr == ""
