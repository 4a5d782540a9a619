"""Looking inside a model: what it attends to, what each layer would say, and what a part of it is worth."""
