"""Hashes of objects by their definition: code, and all values that it refers to."""

import functools
import hashlib
import inspect
import os
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

import ebmark

# methods in whose code a value may be hidden
_CALLED = ("__call__", "__init__", "__post_init__")
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def digest(value: Any) -> str:
    """Return a hash of an object's definition, by which its runs are reused.

    It covers the bytecode of its class or function, its fields and arrays, and the values of
    closures, defaults and global names in the code, as far as these are not of an installed
    package. An object whose content cannot be read has another hash each time.

    Args:
        value: a function, a class or an instance.
    """
    hashed = hashlib.sha256()
    try:
        for part in _parts(value, {}):
            hashed.update(part.encode("utf-8", "surrogatepass") + b"\0")
    except RecursionError:
        hashed.update(os.urandom(16))
    return hashed.hexdigest()


def _parts(value: Any, visited: dict[int, Any]) -> Iterator[str]:
    """Yield texts that define a value."""
    if isinstance(value, _PLAIN):
        yield repr(value)
        return
    if id(value) in visited:
        return
    visited[id(value)] = value  # kept, so that no other object gets its id
    yield type(value).__qualname__
    if inspect.isclass(value):
        yield from _parts_of_class(value, visited)
    elif hasattr(value, "dtype") and hasattr(value, "__array__"):
        yield from _parts_of_array(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _parts(key, visited)
            yield from _parts(item, visited)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item, visited)
    elif isinstance(value, set | frozenset):
        yield from sorted(map(repr, value))
    elif isinstance(value, ModuleType):
        yield value.__name__
    elif isinstance(value, MethodType):
        yield from _parts(value.__func__, visited)
        yield from _parts(value.__self__, visited)
    elif isinstance(value, functools.partial):
        yield from _parts((value.func, value.args, value.keywords), visited)
    elif isinstance(value, FunctionType):
        yield from _parts_of_function(value, visited)
    # jitted and otherwise decorated functions
    elif hasattr(value, "__wrapped__"):
        yield from _parts(value.__wrapped__, visited)
    elif inspect.isroutine(value):
        yield value.__qualname__
        yield from _parts(getattr(value, "__self__", None), visited)
    else:
        yield from _parts_of_instance(value, visited)


def _parts_of_array(value: Any) -> Iterator[str]:
    try:
        array = np.asarray(value)
    except TypeError:  # keys of JAX
        yield repr(value)
        return
    yield f"{array.dtype} {array.shape}"
    yield repr(array.tolist()) if array.dtype == object else array.tobytes().hex()


def _parts_of_function(value: FunctionType, visited: dict[int, Any]) -> Iterator[str]:
    yield f"{value.__module__}.{value.__qualname__}"
    if _is_installed(value.__code__.co_filename):
        return
    codes = [*_nested(value.__code__)]
    for code in codes:
        constants = [item for item in code.co_consts if not isinstance(item, CodeType)]
        yield from _parts([code.co_code, constants, code.co_names, code.co_freevars], visited)
    for cell in value.__closure__ or ():
        try:
            yield from _parts(cell.cell_contents, visited)
        except ValueError:  # not set yet
            yield "empty"
    yield from _parts((value.__defaults__, value.__kwdefaults__), visited)
    names = {name for code in codes for name in code.co_names}
    for name in sorted(names & set(value.__globals__)):
        yield name
        yield from _parts(value.__globals__[name], visited)


def _parts_of_class(value: type, visited: dict[int, Any]) -> Iterator[str]:
    yield f"{value.__module__}.{value.__qualname__}"
    try:
        is_installed = _is_installed(inspect.getfile(value))
    except (OSError, TypeError):  # built in, or of an interactive session
        is_installed = value.__module__ != "__main__"
    if is_installed:
        return
    yield from _parts(value.__bases__, visited)
    for name, item in vars(value).items():
        if name != "_abc_impl" and (not name.startswith("__") or name in _CALLED):
            yield name
            if isinstance(item, property):
                yield from _parts((item.fget, item.fset), visited)
            else:
                yield from _parts(getattr(value, name, item), visited)


def _parts_of_instance(value: Any, visited: dict[int, Any]) -> Iterator[str]:
    yield from _parts(type(value), visited)
    try:
        content = value.__reduce_ex__(2)
    except (TypeError, AttributeError, ValueError, RuntimeError):
        yield os.urandom(16).hex()
        return
    for part in [content] if isinstance(content, str) else content:
        yield from _parts(list(part) if isinstance(part, Iterator) else part, visited)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


@functools.cache
def _installed() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    places = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return (*places, str(Path(ebmark.__file__).parent))


def _is_installed(file: str) -> bool:
    """Whether a file is of Python, ebmark or another installed package."""
    return Path(file).is_absolute() and file.startswith(_installed())
