"""The training loop and its steps: gradients, precision, memory, and how fast it all is.

Knows `engine.model` and `engine.storage`; no threads, no terminal, no run directory.
"""
