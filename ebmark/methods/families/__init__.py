"""What several training methods share: chains, noise levels, contrastive losses, baselines.

May import what `methods` may. A base class goes here when a third method needs it.
"""
