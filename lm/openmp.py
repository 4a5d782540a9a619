"""How OpenMP's threads wait for each other: each entry point sets it before it imports torch, which reads it.

Imports nothing, so that it can come first.
"""

# Threads that wait spin for a moment and then sleep. If they only spin, a step takes up to ten times as long
# while another process wants a core; if they sleep at once, a third longer while none does (lm/EXPERIMENTS.md).
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "10000"}
