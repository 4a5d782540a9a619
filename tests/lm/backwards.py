"""Three digits, and the same backwards: pairs that a small model learns in seconds."""

SMALL = {"n_embd": 32, "n_head": 2, "n_layer": 1, "context_length": 16}
LINES = "".join(f"{n}\t{str(n)[::-1]}\n" for n in range(100, 400))
