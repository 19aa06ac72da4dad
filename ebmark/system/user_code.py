"""Python files that the user names on the command line: executed from their source, never bytecode.

Such a file may import the modules of its own folder. That folder is not on `sys.path`: imports of
other modules find nothing in it, and installed modules take precedence over those of the folder.
"""

import importlib.abc
import importlib.util
import json
import os
import sys
import traceback
from importlib.machinery import FileFinder, ModuleSpec, PathFinder, SourceFileLoader
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from types import CodeType, FrameType, ModuleType

from ebmark.errors import UserError, shown

VARIABLE = "EBMARK_USER_FILES"  # the named files, for the workers of the command
_MAX_MESSAGE_LENGTH = 300
# the path of each user's file and package -> the folder that its imports are looked up in, or ""
_FOLDERS: dict[str, str] = {}


def named_files() -> list[Path]:
    """Return the files that are named on the command line of this process or of its parent."""
    return [Path(file) for file in json.loads(os.environ.get(VARIABLE) or "[]")]


def name_files(paths: tuple[Path, ...]) -> None:
    """Set the files that are named on the command line; workers started later inherit them."""
    os.environ[VARIABLE] = json.dumps([os.path.abspath(path) for path in paths])


def execute(source: bytes, path: Path) -> ModuleType:
    """Execute the source of a user's file and return its module.

    Args:
        source: the content of the file, whose hash may have been verified.
        path: the file that errors name. Its imports find modules of its folder if it is one of the
            `named_files`.
    """
    name = f"ebmark_plugin_{path.stem}"
    file = os.path.abspath(path)
    _FOLDERS[file] = os.path.dirname(file) if Path(file) in named_files() else ""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)
    return module


def installed_plugins() -> EntryPoints:
    """Return the entry points of the group `ebmark.plugins`: modules of installed packages."""
    return entry_points(group="ebmark.plugins")


def mark(path: Path) -> None:
    """Regard an installed module as the user's, so that errors name its lines."""
    _FOLDERS[os.path.abspath(path)] = ""


def explain(error: BaseException) -> str:
    """Return an error as one line: the line of the user's file where it arose, and its message.

    Example:
        >>> explain(ValueError("no run like this"))
        'ValueError: no run like this'
    """
    paragraph = str(error).strip().split("\n\n")[0]
    message = shown(" ".join(paragraph.split()), _MAX_MESSAGE_LENGTH)
    if not isinstance(error, UserError):
        message = f"{type(error).__name__}: {message}".removesuffix(": ")
    place = locate(error)
    return message if place is None else f"{place}: {message}"


def locate(error: BaseException) -> str | None:
    """Return "FILE: line NUMBER" of the last call in a user's file, if the error has passed one."""
    current: BaseException | None = error
    while current is not None:
        frames = traceback.extract_tb(current.__traceback__)
        places = [(frame.filename, frame.lineno) for frame in frames]
        if isinstance(current, SyntaxError) and current.filename:
            places.append((current.filename, current.lineno))
        for file, line in reversed(places):
            if file in _FOLDERS:
                return f"{_shorten(file)}: line {line or '?'}"
        current = current.__cause__ or current.__context__
    return None


def _shorten(file: str) -> str:
    """Return a path relative to the current folder, if it is within it."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (OSError, ValueError):
        return file


class _Loader(SourceFileLoader):
    """Compile a module's source; bytecode, which need not be that of the source, is not read."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return compile(self.get_data(path), path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Find modules in the folders of named files, for imports by the files there."""

    def find_spec(self, fullname, path=None, target=None) -> ModuleSpec | None:
        del target
        if path is not None:
            places = [place for place in path if _FOLDERS.get(place)]
        else:
            folder = _FOLDERS.get(_importer(sys._getframe(1)))
            places = [folder] if folder and not _is_installed(fullname) else []
        for place in places:
            spec = FileFinder(place, (_Loader, [".py"])).find_spec(fullname)
            if spec is not None:
                found = [spec.origin, *(spec.submodule_search_locations or ())]
                _FOLDERS.update({each: _FOLDERS.get(place) or place for each in found if each})
                return spec
        return None


def _is_installed(name: str) -> bool:
    if name in sys.builtin_module_names:
        return True
    spec = PathFinder.find_spec(name)
    return spec is not None and spec.origin is not None  # otherwise a folder without code


def _importer(frame: FrameType | None) -> str:
    """Return the file whose import statement, or call of `importlib`, is being executed."""
    in_importlib = False
    while frame is not None:
        file = frame.f_code.co_filename
        if file == importlib.__file__ or file.startswith("<frozen importlib"):
            in_importlib = True
        elif in_importlib:
            return file
        frame = frame.f_back
    return ""
