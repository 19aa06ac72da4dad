"""Settings of the documentation site, which `./dev docs` builds."""

import sys
from pathlib import Path

import ebmark

sys.path.insert(0, str(Path(__file__).parent))

project = "ebmark"
author = "The ebmark authors"
project_copyright = author
version = release = ebmark.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "site_extension",
]
exclude_patterns = ["*.py"]
default_role = "code"
highlight_language = "python"
smartquotes_action = "D"  # dashes only
pygments_dark_style = "github-dark"
# napoleon then keeps the underscore at the end of names such as log_z_
strip_signature_backslash = True
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "html_image"]
myst_heading_anchors = 4

autodoc_default_options = {"member-order": "bysource"}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 80

sphinx_gallery_conf = {
    "examples_dirs": ["../examples/tutorials", "../examples/primer"],
    "gallery_dirs": ["tutorials", "primer"],
    "filename_pattern": r"/\d",
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("site_extension.set_style",),
    "image_srcset": ["2x"],
    "download_all_examples": False,
    "min_reported_time": 1_000,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "furo"
html_title = "ebmark"
assets = "../ebmark/report/page/assets"
live = ["url_state.js", "see_it.js"]
html_static_path = ["static", *(f"{assets}/{name}" for name in (*live, "see_it.css"))]
html_css_files = ["see_it.css", "site.css"]
html_js_files = [(name, {"defer": "defer"}) for name in live]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#1d4670",
        "color-brand-content": "#1f5f99",
        "color-brand-visited": "#1f5f99",
    },
    "dark_css_variables": {
        "color-brand-primary": "#9abdd6",
        "color-brand-content": "#8ab8dc",
        "color-brand-visited": "#8ab8dc",
    },
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
