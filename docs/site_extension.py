"""What the site adds to Sphinx: equations, docstrings in Markdown, generated parts, links.

A page holds `<!-- generated: NAME -->` for a table made from the code (`reference_tables`), and
`<!-- include: FILE -->` or `<!-- include: FILE#heading -->` for a Markdown file of the repository.
"""

import os
import re
import shutil
from pathlib import Path, PurePosixPath

import live_maps
import matplotlib
import reference_tables
from docutils import nodes
from latex2mathml.converter import convert

import ebmark

DOCS = Path(__file__).parent
ROOT = DOCS.parent
# files outside docs -> the pages that include them
PAGES = {
    "CONTRIBUTING.md": "/developers/contributing.md",
    "README.md": "/studies/which_method.md",
    "benchmarks/results/table.md": "/system/measured_speed.md",
    "benchmarks/results/scaling.md": "/system/measured_scaling.md",
    "benchmarks/results/log_z_coverage.md": "/system/log_z_coverage.md",
}
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")


def set_style(gallery_conf, file_name):
    """Set the style of figures before each example: legible on light and dark pages."""
    gray = "#7a8087"
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(
        {
            "axes.edgecolor": gray,
            "axes.facecolor": "none",
            "axes.labelcolor": gray,
            "axes.prop_cycle": matplotlib.cycler(color=["#2f86c9", "#d9722e", "#2a9d74", gray]),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlecolor": gray,
            "axes.titlesize": 11,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "none",
            "image.cmap": "viridis",
            "legend.facecolor": "none",
            "legend.frameon": False,
            "savefig.transparent": True,
            "text.color": gray,
            "xtick.color": gray,
            "ytick.color": gray,
        }
    )


def resolve_link(target: str, folder: PurePosixPath, page: str) -> str | None:
    """Return the link of a page to what a Markdown file links to; None if no page has it.

    Args:
        target: the link as it is written, without its fragment.
        folder: the folder of the file that holds it, relative to the repository.
        page: the name of the page that shows it.
    """
    path = PurePosixPath(os.path.normpath(folder / target)).as_posix()
    if path in PAGES:
        return PAGES[path]
    if path.startswith(("examples/tutorials/", "examples/primer/")):
        return f"/{path.removeprefix('examples/').removesuffix('.py')}.rst"
    if path.startswith("docs/"):
        return path.removeprefix("docs")
    if (ROOT / path).is_file() and not path.endswith(".md"):
        return os.path.relpath(ROOT / path, (DOCS / page).parent)
    return None


def rewrite_links(text: str, folder: PurePosixPath, page: str) -> str:
    """Rewrite the links of a Markdown text to files outside `docs`."""

    def rewrite(match: re.Match) -> str:
        label, target, fragment = match.groups()
        path = PurePosixPath(os.path.normpath(folder / target)).as_posix()
        if path.startswith("results/") and (ROOT / path).is_file():
            # the site holds a copy of the published studies, whose reports link to their tables
            link = os.path.relpath(path, PurePosixPath(page).parent)
            return f'<a href="{link}">{label}</a>'
        link = resolve_link(target, folder, page)
        return label if link is None else f"[{label}]({link}{fragment or ''})"

    return LINK.sub(rewrite, text)


def included(name: str, page: str) -> str:
    """Return a Markdown file of the repository, or the text of one of its sections."""
    name, _, heading = name.partition("#")
    text = (ROOT / name).read_text(encoding="utf-8")
    if heading:
        pieces = re.split(r"^(## .*)$", text, flags=re.M)
        titles = [re.sub(r"[^\w -]", "", title[3:]).lower().replace(" ", "-") for title in pieces]
        text = pieces[titles.index(heading) + 1]
    return rewrite_links(text, PurePosixPath(name).parent, page)


def read_source(app, page, content):
    """Complete a Markdown page before it is parsed."""
    if Path(app.env.doc2path(page)).suffix != ".md":
        return
    text = rewrite_links(content[0], PurePosixPath("docs", page).parent, page)
    text = re.sub(r"<!-- include: (\S+) -->", lambda m: included(m[1], page), text)
    content[0] = re.sub(
        r"<!-- generated: (\w+) -->", lambda m: getattr(reference_tables, m[1])(), text
    )


def process_docstring(app, what, name, obj, options, lines):
    """Turn the Markdown of docstrings into reStructuredText: equations and one-line sections."""
    text = "\n".join(lines)
    text = re.sub(
        r"^( *)(References|Requires|Use when|Avoid when): ", r"\1**\2:** ", text, flags=re.M
    )

    def block(match: re.Match) -> str:
        indent = match[1]
        equation = " ".join(match[2].split())
        return f"\n{indent}.. math:: {equation}\n"

    text = re.sub(r"^( *)\$\$(.+?)\$\$", block, text, flags=re.M | re.S)
    text = re.sub(r"(?<![\w$`])\$([^$\n]+)\$", r":math:`\1`", text)
    lines[:] = text.replace("||", r"\|\|").split("\n")


def visit_math(self, node):
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def visit_math_block(self, node):
    equation = convert(node.astext(), display="block")
    # a wide one scrolls, also by the keyboard
    self.body.append(f'<div class="math" tabindex="0">{equation}</div>')
    raise nodes.SkipNode


def make_accessible(app, page, template, context, doctree):
    """Mend what axe-core finds in the HTML of Sphinx and its theme."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace(
        'role="heading"', 'role="heading" aria-level="2"'
    )
    # the parameters of a long signature are no list of definitions

    def as_lines(match: re.Match) -> str:
        lines = re.sub(r"(</?)dd>", r"\1span>", match[1])
        return f'<span class="sig-lines">{lines}</span>'

    signature = re.compile(r"<dl>\n((?:<dd>(?:(?!<dl>).)*?</dd>\n?)+)</dl>", re.S)
    body = signature.sub(as_lines, context.get("body", ""))
    # long lines of code and wide tables scroll, also by the keyboard
    body = body.replace("<pre>", '<pre tabindex="0">')
    reachable = '<div tabindex="0" role="group" aria-label="Table" class="table-wrapper'
    context["body"] = body.replace('<div class="table-wrapper', reachable)


def copy_results(app, exception):
    """Copy the published studies into the site."""
    if exception is None and app.builder.format == "html":
        shutil.copytree(ROOT / "results", Path(app.outdir, "results"), dirs_exist_ok=True)


def setup(app):
    # autodoc calls a class of another name an alias, and shows nothing of it
    ebmark.Method.__name__ = "Method"
    app.add_directive("live", live_maps.Live)
    app.connect("source-read", read_source)
    app.connect("build-finished", copy_results)
    # after the theme
    app.connect("html-page-context", make_accessible, priority=900)
    # before napoleon
    app.connect("autodoc-process-docstring", process_docstring, priority=400)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True}
