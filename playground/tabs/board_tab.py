"""The tab with the class board, on a page with `--board`."""

from typing import Any

import gradio as gr

from lm.errors import Problem
from playground import components
from playground.arguments import arguments
from playground.runs.board import Board


def build(board: Board) -> None:
    """Lay the tab out; must be called inside the page's `gr.Tabs`."""

    def entries(owner: Any) -> Any:
        try:
            return {"entries": board.listed(owner)}
        except Problem as problem:
            return {"error": str(problem)}

    def put(data: list[Any]) -> Any:
        name, token, owner = arguments(data, "", "", "")
        try:
            board.put(name, token, owner)
        except Problem as problem:
            return {"error": str(problem)}
        return entries(owner)

    def withdraw(data: list[Any]) -> Any:
        ident, owner = arguments(data, "", "")
        try:
            board.withdraw(ident, owner)
        except Problem as problem:
            return {"error": str(problem)}
        return entries(owner)

    with gr.Tab("Board", elem_id="rung-board", id="board"):
        components.board(entries, put, withdraw)
