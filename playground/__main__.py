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

# OpenMP threads that wait for each other spin for a moment and then sleep. If they only spin, a step takes ten
# times as long while another process wants a core; if they sleep at once, a third longer while none does
# (lm/EXPERIMENTS.md). torch reads this from the environment when it is loaded, here and in every worker.
THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "10000"}

if __name__ == "__main__":
    os.environ.update(THREADS | os.environ)
    gc.disable()  # until the page answers: imports stay, and collecting among them costs a tenth of the start

    from playground.server import main

    main()
