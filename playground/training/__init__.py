"""The processes that train: started, queued, watched, stopped, and timed in advance."""
