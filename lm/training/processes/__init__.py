"""Several processes that train one model: `torchrun --nproc-per-node 2 -m lm train …`.

Each process has the whole program and a number, its rank. `group.py` is what they can tell each other,
`data_parallel.py` how a batch is shared out, `sharded.py` how the weights are as well, and `in_step.py` how a
command that the first process is given reaches all of them. Nothing else in `lm/` knows of them.
"""
