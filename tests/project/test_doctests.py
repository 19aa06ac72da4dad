"""Examples in docstrings run and print what they state."""

import ast
import doctest
import importlib
import re
from pathlib import Path

import pytest
from helpers.costs import full_unless

import ebmark

ROOT = Path(ebmark.__file__).parent
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def find_examples() -> dict[str, tuple[str, str]]:
    """Docstrings with examples: module:name:line -> (module, docstring).

    They are read from the source, since jitted functions hide theirs from doctest.
    """
    examples = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                docstring = ast.get_docstring(node) or ""
                name = f"{module}:{getattr(node, 'name', 'module')}:{getattr(node, 'lineno', 1)}"
                if ">>>" in docstring:
                    examples[name] = (module, docstring)
    return examples


EXAMPLES = find_examples()
# trains a network, or samples: takes seconds
LONG = re.compile(r"\b(compare|evaluate|impute|tune|twin)\(|EnergyModel\(\"nce\"")


@pytest.mark.parametrize(
    "name", full_unless(lambda name: not LONG.search(EXAMPLES[name][1]), EXAMPLES)
)
def test_example(name):
    module, docstring = EXAMPLES[name]
    names = dict(vars(importlib.import_module(module)))
    example = doctest.DocTestParser().get_doctest(docstring, names, name, None, 0)
    output: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=output.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(output)
