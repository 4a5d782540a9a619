"""`python -m playground`: start the server and open the page. Also the entry of a hosted Space.

Training processes import this module again when they start, so nothing heavy is imported at its top.
"""

import gc
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # a Space puts playground/, not its parent, on the path
    sys.path.insert(0, str(ROOT))

# Threads that wait for each other should soon sleep. Spinning until it is their turn, they would take ten times
# as long where something else wants a core, too; asleep at once, a third longer where nothing does
# (lm/EXPERIMENTS.md). Read from the environment when torch is loaded, here and in every worker.
THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "10000"}

if __name__ == "__main__":
    os.environ.update(THREADS | os.environ)
    gc.disable()  # until the page answers: all that is imported stays, and looking it through takes a tenth

    from playground.server import main

    main()
