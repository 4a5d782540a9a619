"""How a model learns: settings, one step, the loop, and the events it yields."""
