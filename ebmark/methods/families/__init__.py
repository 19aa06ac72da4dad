"""What several training methods share: chains, noise levels, contrastive losses, baselines.

May import what `methods` may.
To add one: put a base class or a function here when a third method needs it.
"""
