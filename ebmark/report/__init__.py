"""What is made of a study's folder: page, figures, paper tables, leaderboard, loggers.

May import `store`, `statistics` and `system`, never JAX. A new section is one file in `page/`
with a block of `page/assets/template.html`; a new figure is one file in `figures/`.
"""
