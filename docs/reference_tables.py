"""Tables of the reference pages as Markdown, made from the code."""

import dataclasses
import inspect
import re
import types
import typing
from pathlib import Path

import docstring_parser
from live_maps import GALLERY_METHODS

from ebmark.cli.main import COMMANDS
from ebmark.datasets import DATASETS
from ebmark.energies import Network
from ebmark.methods import METHODS, Recipe, about, sections
from ebmark.report.markdown import table
from ebmark.store.metric_info import METRICS
from ebmark.studies.builtin import STUDIES
from ebmark.studies.study import Study

_WORDS = {str: "TEXT", int: "INT", float: "FLOAT", Path: "PATH", bool: "bool"}


def commands() -> str:
    """Return a section per command: its summary, usage and options."""
    return "\n\n".join(_command(name, function) for name, function in COMMANDS.items())


def _command(name: str, function: typing.Callable) -> str:
    doc, meanings = docstring_parser.parse(inspect.getdoc(function) or ""), _meanings(function)
    hints = typing.get_type_hints(function)
    usage, rows = [f"ebmark {name}"], []
    for parameter in inspect.signature(function).parameters.values():
        is_required = parameter.default is parameter.empty
        if parameter.kind is parameter.POSITIONAL_ONLY:
            option = parameter.name.upper()
            usage.append(option if is_required else f"[{option}]")
        else:
            option = "-n" if parameter.name == "n" else f"--{parameter.name.replace('_', '-')}"
            value = _value(hints[parameter.name])
            option = option if value == "bool" else f"{option} {value}"
            usage += [option] if is_required else []
        default = "required" if is_required else _default(parameter.default)
        rows.append([f"`{option}`", meanings[parameter.name], default])
    usage.append("[OPTIONS]" if len(usage) <= len(rows) else "")
    heads = ["argument or option", "meaning", "default"]
    parts = [f"## {name}", doc.short_description or "", f"```sh\n{' '.join(usage).strip()}\n```"]
    parts += [doc.long_description or "", "\n".join(table(heads, rows)) if rows else ""]
    return "\n\n".join(filter(None, parts))


def _meanings(documented: typing.Any) -> dict[str, str]:
    """Return the texts of `Args:` or `Attributes:` of a docstring."""
    parameters = docstring_parser.parse(inspect.getdoc(documented) or "").params
    return {p.arg_name: " ".join((p.description or "").split()) for p in parameters}


def _value(hint: typing.Any) -> str:
    """Return how the value of an option is shown: `INT`, `TEXT ...`, `drop, impute`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _value(next(a for a in arguments if a is not type(None)))
    if origin is typing.Literal:
        return "{" + ",".join(arguments) + "}"
    if origin is tuple:
        return f"{_value(arguments[0])} ..."
    return _WORDS.get(hint, "VALUE")


def _default(value: typing.Any) -> str:
    if value is None or value == () or value is False:
        return ""
    if isinstance(value, tuple):
        return f"`{' '.join(map(str, value))}`"
    return f"`{str(value).lower() if value is True else value}`"


def study_fields() -> str:
    """Return the table of the keys of a study file."""
    return _fields(Study)


def network_fields() -> str:
    """Return the table of the keys of `[energy]`."""
    return _fields(Network)


def recipe_fields() -> str:
    """Return the table of the keys of `[recipes.METHOD]`."""
    return _fields(Recipe, without=("method", "_"))


def _fields(kind: typing.Any, without: tuple[str, ...] = ()) -> str:
    meanings = _meanings(kind)
    hints = typing.get_type_hints(kind, include_extras=True)
    rows = []
    for field in dataclasses.fields(kind):
        if field.name not in without:
            default = field.default
            if default is dataclasses.MISSING or dataclasses.is_dataclass(default):
                default = None
            shown = "" if default in (None, ()) else f"`{_toml(default)}`"
            rows.append([f"`{field.name}`", _type(hints[field.name]), meanings[field.name], shown])
    return "\n".join(table(["key", "type", "meaning", "default"], rows))


def _toml(value: typing.Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else f"{value}"


def _type(hint: typing.Any) -> str:
    """Return a type with its limits: `integer, 1 to 64`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(a) for a in arguments if a is not type(None))
    if origin is typing.Annotated:
        limits = [str(c) for m in arguments[1:] for c in getattr(m, "metadata", [])]
        low, high = (re.search(rf"{bound}=([^)]+)", "".join(limits)) for bound in ("ge", "le"))
        text = _type(arguments[0])
        return f"{text}, {low[1]} to {float(high[1]):g}" if low and high else text
    if origin is tuple:
        return f"list of {_type(arguments[0])}s" if arguments[0] is str else "list of values"
    if origin is dict or dataclasses.is_dataclass(hint):
        return "table"
    return {str: "string", int: "integer", float: "number", bool: "boolean"}.get(hint, "value")


def metrics() -> str:
    """Return the table of stored metrics."""
    rows = [
        [f"`{name}`", info.label, info.unit, " ".join(info.description.split())]
        for name, info in METRICS.items()
    ]
    return "\n".join(table(["metric", "label", "unit", "meaning"], rows))


def datasets() -> str:
    """Return the table of the built-in datasets."""
    rows = [
        [f"`{name}`", str(d.dim), str(d.modes), f"{d.entropy:.4f}", d.description]
        for name, d in DATASETS.items()
    ]
    heads = ["dataset", "dimensions", "modes", "entropy, nats", "description"]
    return "\n".join(table(heads, rows))


def studies() -> str:
    """Return the table of the built-in studies."""
    rows = [[f"`{name}`", study.title] for name, study in STUDIES.items()]
    return "\n".join(table(["study", "question"], rows))


def methods() -> str:
    """Return the table of the methods."""
    rows = [
        [f"`{name}`", about(type(r.method))["line"], str(r.num_updates or "")]
        for name, r in METHODS.items()
    ]
    return "\n".join(table(["key", "method", "updates"], rows))


def gallery_methods() -> str:
    """Return the table of the gallery's methods: recipe and when to use each."""
    rows = []
    for name in GALLERY_METHODS:
        kind = type(METHODS[name].method)
        text = sections(kind)
        same = [key for key, recipe in METHODS.items() if type(recipe.method) is kind]
        link = f"[`{name}`](methods/index.md#{'-'.join([*same, kind.__name__.lower()])})"
        use = [about(kind)["title"], text["Use when"], text["Avoid when"]]
        rows.append([link, *use, f'`eb.EnergyModel("{name}")`'])
    return "\n".join(table(["method", "name", "use when", "avoid when", "recipe"], rows))
