"""The tabs of the page: the layout of Start, of a model, of Runs and of the board, and their handlers."""
