"""The real flup, which is installed for the tests, beside ours: every public name is there, and every signature."""

from __future__ import annotations

import importlib
import inspect

import pytest

MODULES = [
    *("server.fcgi", "server.fcgi_base", "server.fcgi_fork", "server.fcgi_single", "server.scgi", "server.scgi_base"),
    *("server.scgi_fork", "server.ajp", "server.ajp_base", "server.ajp_fork", "server.cgi", "server.singleserver"),
    *("server.threadedserver", "server.threadpool", "server.preforkserver", "server.paste_factory"),
    *("client.fcgi_app", "client.scgi_app"),
]
#: Python's own, and what flup has for itself.
NOT_FLUPS = {"StringIO", "thread", "threading", "NoDefault", "console", "thread_available"}
#: How flup does what the engine does here: nobody outside has been seen to use it.
INTERNAL = {
    "_shrinkBuffer",
    *("_cleanupChildren", "_reapChildren", "_spawnChild", "_notifyParent", "_child"),  # children.py, the manager
}


def parameters(function):
    found = []
    for item in inspect.signature(function).parameters.values():
        default = item.default
        if isinstance(default, type) and default is not inspect.Parameter.empty:
            default = default.__name__
        found.append((item.name, item.kind, default))
    return found


def load(name):
    try:
        return importlib.import_module(f"flup.{name}"), importlib.import_module(f"gateways.compat.flup.{name}")
    except ImportError as error:  # on a later Python
        pytest.skip(f"flup cannot be imported: {error}")


@pytest.mark.parametrize("name", MODULES)
def test_every_name_is_there(name):
    theirs, ours = load(name)
    missing = [
        key
        for key, value in vars(theirs).items()
        if not key.startswith("__") and not inspect.ismodule(value) and key not in NOT_FLUPS and not hasattr(ours, key)
    ]
    assert missing == []
    for key, value in vars(theirs).items():
        if key.isupper() or key.startswith("FCGI_") or key.endswith("Table"):
            assert getattr(ours, key) == value or key in ("methodTable", "responseHeaderTable"), key
    assert getattr(theirs, "__all__", None) in (None, getattr(ours, "__all__", None))


@pytest.mark.parametrize("name", MODULES)
def test_every_signature_is_flups(name):
    theirs, ours = load(name)
    different = []
    for key, value in vars(theirs).items():
        if getattr(value, "__module__", "") != theirs.__name__:
            continue
        if inspect.isfunction(value) and parameters(value) != parameters(getattr(ours, key)):
            different.append(key)
        if inspect.isclass(value):
            different += [f"{key}.{method}" for method in _different_methods(value, getattr(ours, key))]
    assert different == []


def _different_methods(theirs, ours):
    for method, value in vars(theirs).items():
        if method in INTERNAL or not inspect.isfunction(getattr(theirs, method)):
            continue
        found = getattr(ours, method, None)
        if not isinstance(value, staticmethod) and (found is None or parameters(value) != parameters(found)):
            yield method


def test_a_difference_is_seen():
    class Theirs:
        def method(self, a, b=1):
            pass

    class Ours:
        def method(self, a, b=2):
            pass

    assert list(_different_methods(Theirs, Ours)) == ["method"]
    assert list(_different_methods(Theirs, Theirs)) == []
