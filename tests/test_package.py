"""The public names: there, lazy, and known to those who list them."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

import gateways


def test_the_public_names_are_functions() -> None:
    for name in ("run", "serve", "run_with_cgi", "authorizer"):
        assert isinstance(getattr(gateways, name), types.FunctionType)
        assert name in dir(gateways)
        assert name in gateways.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'gateways' has no attribute 'runn'"):
        gateways.runn  # type: ignore[attr-defined]  # noqa: B018


def test_importing_the_package_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import gateways; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["__future__", "gateways"]


def test_the_star_import() -> None:
    names: dict[str, object] = {}
    exec("from gateways import *", names)
    assert {"authorizer", "run", "serve", "run_with_cgi", "__version__"} <= set(names)
