"""Memory that the server gives back (`playground/serving/memory.py`)."""

import subprocess
import sys

import pytest

PROGRAM = """
import threading
from pathlib import Path
from playground.serving import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

memory.EVERY = 0.05
over = threading.Event()
memory.keep_small(over)
held = [bytes(1000) for _ in range(100_000)]
last = bytes(1000)  # above them on the heap, so that nothing is given back by itself
full = resident()
del held
for _ in range(100):
    over.wait(0.05)
    if resident() < full - 60_000_000:
        break
over.set()
print((full - resident()) // 1_000_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_free_is_given_back():
    """100 MB in small pieces, with one left above them: glibc alone keeps all of it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 60
