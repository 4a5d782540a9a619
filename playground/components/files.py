"""The files of the page, scripts and style sheets, and how its head asks for them.

The scripts of the folders here are modules that import one another by plain relative addresses, so that
node can load them, too. The page gets them as one (`bundle.py`), and all style sheets as one: each request
costs the server and the browser. The page's head holds an import map, which says where the module "playground"
is. The map has to stand before every other module, so `playground/serving/delivery.py` writes it at the
very beginning of the head.  (Gradio drops `type="module"` from the scripts of a component's `head`.)
"""

import hashlib
import json
from pathlib import Path
from urllib.parse import quote

import gradio as gr
import plotly

from playground.components.bundle import bundle

_FOLDER = Path(__file__).parent
ENTRY = _FOLDER / "playground.js"  # the module that the page loads, with all that it imports
BEFORE_PAINT = _FOLDER / "before_paint.js"  # a classic script in the page itself

# In the order of the cascade: where two rules weigh the same, the later one holds.
STYLES = tuple(
    _FOLDER.parent / "style" / f"{name}.css"
    for name in (
        "colours",
        "page",
        "ladder_and_stage",
        "settings",
        "masks",
        "running",
        "figures",
        "gradient",
        "writing",
        "pairs",
        "attention",
        "inside",
        "pairs_inside",
        "score",
        "guide",
        "start",
        "runs",
        "runs_parts",
        "runs_texts",
        "exchange",
        "sweep",
        "board",
        "tokens",
        "pieces",
        "merges",
        "lattice",
        "lesson",
        "costs",
        "small_screens",
        "tooltip",
        "presenting",
        "focus",
    )
)

PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
STYLE_ADDRESS = "/style.css"  # all style sheets
SCRIPT_ADDRESS = "/playground.js"  # all modules


def serve_static() -> None:
    """Let Gradio serve Plotly's file; call once before `launch`."""
    gr.set_static_paths([PLOTLY])


def style_sheet() -> bytes:
    """All style sheets as one file."""
    return b"\n".join(path.read_bytes() for path in STYLES)


def script() -> bytes:
    """All modules as one."""
    return bundle(ENTRY)


def page_head() -> str:
    """The link to the style sheets, for the page's head (`launch(head=...)`).

    Not `launch(css_paths=...)`: Gradio would write every rule twice, once after its own prefix, and
    the rules inside media queries only after it.
    """
    return f'<link rel="stylesheet" href=".{STYLE_ADDRESS}?v={_fingerprint(style_sheet())}">'


def page_first() -> str:
    """The import map, the script for the theme and the module, which must stand before Gradio's scripts.

    All addresses are relative to the page, so that it works under a path of a proxy.
    """
    modules = f".{SCRIPT_ADDRESS}?v={_fingerprint(script())}"
    return (
        f'<script type="importmap">{json.dumps({"imports": {"playground": modules}})}</script>'
        f"<script>{BEFORE_PAINT.read_text('utf-8')}</script>"
        f'<script type="module" src="{modules}"></script>'
    )


def address(path: Path) -> str:
    """The address at which Gradio serves the file; its version makes a browser fetch a changed file anew."""
    return f"./gradio_api/file={quote(str(path))}?v={_fingerprint(path.read_bytes())}"


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
