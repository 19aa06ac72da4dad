"""The training loop, early stopping, recipes, checkpoints, model files and method checks.

May import all of mathematics and `system`, no records. A new part of training is one module,
imported by its own name.
"""
