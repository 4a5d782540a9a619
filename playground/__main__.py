"""`python -m playground`: start the server and open the page. Also the entry of a hosted Space.

Training processes import this module again when they start, so nothing heavy is imported at its top.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # a Space puts playground/, not its parent, on the path
    sys.path.insert(0, str(ROOT))

if __name__ == "__main__":
    from playground.server import main

    main()
