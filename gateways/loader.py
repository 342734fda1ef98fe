"""Find the application that a text such as ``module:attribute`` names, or say in one line why it cannot be had."""

from __future__ import annotations

import _thread
import importlib
import os
import sys
import time

from gateways.core.handler import why_not
from gateways.errors import BootError, ConfigError
from gateways.escaping import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import ModuleType
    from typing import Any

    from gateways.core.types import Application, Environ

_DEFAULT_NAMES = ("application", "app")
_FORMS = "give module:attribute, path/to/file.py:attribute or module:factory()"


def load(spec: str, interface: str = "wsgi") -> Application:
    """Return the application that ``spec`` names. ``interface`` is what it is meant to be, ``"wsgi"`` or ``"asgi"``.

    ``spec`` is ``module:attribute``, ``path/to/file.py:attribute`` or ``module:factory()``. The attribute may be
    dotted; without one it is ``application``, then ``app``. The directory of a file is put first in ``sys.path``, and
    the working directory is added at its end.

    Raises ``BootError``: one line that names the file and line at fault. Its ``__cause__`` is the exception that the
    application raised, with its traceback.
    """
    where, attribute, call = _parse(spec)
    present = set(sys.modules)
    try:
        _add_working_directory()
        module = _import_file(where) if _is_file(where) else _import_module(where)
        found = _find(module, attribute)
        if call:
            found = _call_factory(found, attribute)
        if not callable(found):
            kind = type(found).__name__
            raise _Unusable(f"{attribute or 'what it names'} is of type {kind}, not callable")
        other = why_not(found, interface)
        if other:
            raise _Unusable(other)
    except _Unusable as error:
        _forget_modules(present)
        raise BootError(f"application {spec!r}: {error}") from None
    except (Exception, SystemExit) as error:
        _forget_modules(present)
        raise BootError(f"application {spec!r}: {explain(error)}") from error
    return found  # type: ignore[no-any-return]


def load_module(name: str, what: str) -> ModuleType:
    """Return the module, or the Python file, that is called ``name``; ``what`` begins the messages.

    Raises ``BootError`` as ``load`` does.
    """
    if not (_is_file(name) or all(part.isidentifier() for part in name.split("."))):
        raise BootError(f"{what} {name!r} cannot be understood: give a module, or path/to/file.py")
    present = set(sys.modules)
    try:
        _add_working_directory()
        return _import_file(name) if _is_file(name) else _import_module(name)
    except _Unusable as error:
        raise BootError(f"{what} {name!r}: {error}") from None
    except (Exception, SystemExit) as error:
        _forget_modules(present)
        raise BootError(f"{what} {name!r}: {explain(error)}") from error


class LazyApplication:
    """A WSGI application that is loaded at its first request.

    Where that fails, the request gets the ``BootError``, which the core answers with 500 and logs. A later request
    tries again, at most once a second: a process that a web server started recovers when the cause is gone.
    """

    def __init__(self, spec: str, interface: str = "wsgi") -> None:
        self.spec = spec
        self.interface = interface
        #: Makes a WSGI application of what was loaded.
        self.adapt: Callable[[Any], Application] = lambda loaded: loaded
        self._application: Application | None = None
        self._lock = _thread.allocate_lock()  # gevent's, where that has taken over
        self._failure = ""
        self._retry_at = 0.0

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        return (self._application or self.load())(environ, start_response)

    def load(self) -> Application:
        """Return the application, loaded now if it was not before. Raises ``BootError``."""
        with self._lock:
            if self._application is not None:
                return self._application
            if self._failure and time.monotonic() < self._retry_at:
                raise BootError(self._failure)  # without the cause: one traceback a second is enough for the log
            try:
                if self._failure:
                    importlib.invalidate_caches()  # finders remember which files were there
                self._application = self._obtain()
            except BootError as error:
                self._failure = str(error)
                raise
            finally:
                self._retry_at = time.monotonic() + 1.0
            return self._application

    def _obtain(self) -> Application:
        return self.adapt(load(self.spec, self.interface))


def prepare_imports(chdir: str | None, python_path: Sequence[str], env: Iterable[tuple[str, str]] = ()) -> None:
    """Obey the settings ``chdir``, ``python_path`` and ``env``. Raises ``ConfigError`` for an absent directory."""
    for name, value in env:
        os.environ[name] = value
        if name == "TZ":
            time.tzset()  # the C library has looked at it already
    if chdir is not None:
        try:
            os.chdir(chdir)
        except OSError as error:
            raise ConfigError(f"chdir {chdir!r}: {error.strerror}; give a directory that exists") from None
    for path in reversed(python_path):
        if not os.path.isdir(path):
            raise ConfigError(f"python_path {path!r}: there is no such directory")
        sys.path.insert(0, os.path.abspath(path))


def is_installed(filename: str) -> bool:
    """Say whether a module's file is of an installed package or of the standard library, and not the application's."""
    return "-packages" + os.sep in filename or filename.startswith(os.path.dirname(os.__file__) + os.sep)


class _Unusable(Exception):
    """What is wrong with the text or with what it names, as opposed to what the application raised."""


def _parse(spec: str) -> tuple[str, str, bool]:
    """Split into module or file, attribute ("" for the default), and whether it is to be called."""
    where, colon, attribute = spec.rpartition(":")
    if not colon or "/" in attribute:  # a colon in the name of a directory
        where, colon, attribute = spec, "", ""
    call = attribute.endswith("()")
    attribute = attribute[:-2] if call else attribute
    names = attribute.split(".") if colon else []
    if not _is_file(where):
        names += where.split(".")
    if not where or not all(name.isidentifier() for name in names):
        raise BootError(f"application {spec!r} cannot be understood: {_FORMS}")
    return where, attribute, call


def _is_file(where: str) -> bool:
    return "/" in where or where.endswith(".py")


def _add_working_directory() -> None:
    """At the end: a script's own directory and what is installed come first."""
    directory = _working_directory()
    if directory and directory not in sys.path and "" not in sys.path:
        sys.path.append(directory)


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _import_file(where: str) -> ModuleType:
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    path = os.path.abspath(where)
    directory, filename = os.path.split(path)
    if not os.path.isfile(path):
        raise _Unusable(f"there is no file {path}{_did_you_mean(filename, _names_in(directory))}")
    if directory not in sys.path:
        sys.path.insert(0, directory)
    name = os.path.splitext(filename)[0]
    present = sys.modules.get(name)
    if present is not None and getattr(present, "__file__", None) == path:
        return present
    if present is not None or not name.isidentifier():
        name = f"gateways_application_{''.join(c if c.isalnum() else '_' for c in name)}"
    spec = spec_from_loader(name, SourceFileLoader(name, path))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # before it runs, so that its own modules can import it
    spec.loader.exec_module(module)
    return module


def _import_module(name: str) -> ModuleType:
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}.") or _last_line(error):
            raise  # another module is missing, or something in the application asks for this one
        raise _Unusable(_explain_missing(name, error.name)) from None
    return sys.modules[name]


def _explain_missing(name: str, missing: str) -> str:
    parent, _, attribute = name.rpartition(".")
    if parent and hasattr(sys.modules.get(parent), attribute):
        return f"{parent} is a module and {attribute} is in it; did you mean '{parent}:{attribute}'?"
    if os.path.isfile(name):  # such as mod_wsgi's shop.wsgi
        return f"there is no module {missing!r}, but a file {name}; did you mean './{name}'?"
    package, _, last = missing.rpartition(".")
    directories = getattr(sys.modules.get(package), "__path__", []) if package else [path or "." for path in sys.path]
    candidates = {os.path.splitext(entry)[0] for directory in directories for entry in _names_in(directory)}
    place = (
        f"in {next(iter(directories), package)}"
        if package
        else f"in {_working_directory()} or elsewhere on Python's path"
    )
    prefix = f"{package}." if package else ""
    return f"there is no module {missing!r} {place}{_did_you_mean(last, candidates, prefix)}"


def _names_in(directory: str) -> list[str]:
    """List what could be imported from a directory."""
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return []
    return [entry.name for entry in entries if entry.name.endswith(".py") or (entry.is_dir() and "." not in entry.name)]


def _find(module: ModuleType, attribute: str) -> Any:
    if not attribute:
        for name in _DEFAULT_NAMES:
            if hasattr(module, name):
                return getattr(module, name)
        raise _Unusable(f"it has no {' or '.join(map(repr, _DEFAULT_NAMES))}{_list_callables(module)}")
    found: Any = module
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            hint = _did_you_mean(name, dir(found)) or (_list_callables(module) if found is module else "")
            raise _Unusable(f"{getattr(found, '__name__', attribute)} has no {name!r}{hint}") from None
    return found


def _call_factory(factory: Any, name: str) -> Any:
    if not callable(factory):
        raise _Unusable(f"{name} is of type {type(factory).__name__}, and not a factory to call")
    application = factory()
    if not callable(application):
        raise _Unusable(f"{name}() returned a value of type {type(application).__name__}, and not a callable")
    return application


def _list_callables(module: ModuleType) -> str:
    """Name what the module itself makes, not the functions and classes it imported, so that a person can pick."""
    from types import BuiltinFunctionType, FunctionType

    names = []
    for name, value in vars(module).items():
        imported = (
            issubclass(type(value), (type, FunctionType, BuiltinFunctionType)) and value.__module__ != module.__name__
        )
        if callable(value) and not imported and not name.startswith("_"):
            names.append(name)
    return f"; its callables are: {', '.join(sorted(names)[:10])}" if names else "; it has no callables"


def _did_you_mean(name: str, candidates: Iterable[str], prefix: str = "") -> str:
    from gateways.declared import nearest

    slip = nearest(name, candidates)
    return f"; did you mean {prefix + slip!r}?" if slip else ""


def explain(error: BaseException) -> str:
    """Say in one line where ``error`` was raised, in code that is not ours, and why."""
    line = _last_line(error)
    if isinstance(error, SyntaxError) and error.filename:
        line = f"{error.filename}, line {error.lineno}"
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    text = escape(" ".join(text.split())[:300])
    if not isinstance(error, ImportError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, ModuleNotFoundError):
        text += f"; install it for {sys.executable}, or use the python of the environment that has it"
    return f"{line}: {text}" if line else text


def _last_line(error: BaseException) -> str:
    """Return the last line of the traceback that is not in the import machinery or in this module, or ""."""
    line = ""
    traceback = error.__traceback__
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if filename != __file__ and not filename.startswith("<frozen importlib"):
            line = f"{filename}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return line


def _forget_modules(present: set[str]) -> None:
    """Drop the application's own modules that were not there before, so that the next try sees the repaired files.

    Installed modules stay: some, with parts in C, cannot be loaded twice.
    """
    for name in set(sys.modules) - present:
        filename = getattr(sys.modules.get(name), "__file__", None) or ""
        if filename.endswith(".py") and not is_installed(filename) and name.partition(".")[0] != "gateways":
            sys.modules.pop(name, None)
