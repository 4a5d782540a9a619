"""The files of the page, scripts and style sheets, and how its head asks for them.

The scripts of the folders here are modules that import one another by plain relative addresses, so that
node can load them, too.  The page's head holds an import map, which adds to each address the version
of the file, and loads `playground.js`.  The map has to stand before every other module, so
`playground/serving/delivery.py` writes it at the very beginning of the head.  (Gradio drops
`type="module"` from the scripts of a component's `head`.)
"""

import hashlib
import json
from pathlib import Path
from urllib.parse import quote

import gradio as gr
import plotly

_FOLDER = Path(__file__).parent
ENTRY = _FOLDER / "playground.js"  # the module that the page loads
BEFORE_PAINT = _FOLDER / "before_paint.js"  # a classic script in the page itself
MODULES = tuple(path for path in sorted(_FOLDER.rglob("*.js")) if path != BEFORE_PAINT)

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
FILES = (*MODULES, PLOTLY)  # that the page asks for, besides
STYLE_ADDRESS = "/style.css"  # all style sheets


def serve_static() -> None:
    """Let Gradio serve the modules; call once before `launch`."""
    gr.set_static_paths(list(FILES))


def style_sheet() -> bytes:
    """All style sheets as one file: each request of a page costs the server as much as a poll."""
    return b"\n".join(path.read_bytes() for path in STYLES)


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
    versions = {address(path).partition("?")[0]: address(path) for path in MODULES}
    imports = json.dumps({"imports": {"playground": address(ENTRY), **versions}})
    return (
        f'<script type="importmap">{imports}</script>'
        f"<script>{BEFORE_PAINT.read_text('utf-8')}</script>"
        f'<script type="module" src="{address(ENTRY)}"></script>'
    )


def address(path: Path) -> str:
    """The address at which Gradio serves the file; its version makes a browser fetch a changed file anew."""
    return f"./gradio_api/file={quote(str(path))}?v={_fingerprint(path.read_bytes())}"


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
