"""Models in and out of the page: imports and exports of `lm/interchange/`, each in a process of its own."""
