"""How good are the training methods of energy-based models, really?"""

__version__ = "0.1.0"
