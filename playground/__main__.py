"""`python -m playground`: start the server and open the page. Also the entry of a hosted Space.

Training processes import this module again when they start, so nothing heavy is imported at its top.
"""

import signal

if __name__ == "__main__":  # until runs can begin, Ctrl-C ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import gc
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # a Space puts playground/, not its parent, on the path
    sys.path.insert(0, str(ROOT))

if __name__ == "__main__":
    from lm.openmp import WAITING

    os.environ.update(WAITING | os.environ)
    gc.disable()  # until the page answers: imports stay, and collecting among them costs a tenth of the start

    from playground.serving.address import no_proxy

    with no_proxy():  # on its import, Gradio makes clients for its own server
        from playground.serving.server import main

    main()
