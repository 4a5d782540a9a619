"""What training takes: parameters, memory, operations, time."""
