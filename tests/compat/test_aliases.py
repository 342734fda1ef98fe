from __future__ import annotations

import importlib
import sys

import pytest

from gateways.compat.aliases import AliasFinder
from gateways.errors import ConfigError


@pytest.fixture
def finder():
    finder = AliasFinder("other_json", "json", {"gone": "use json"})
    yield finder
    finder.uninstall()


def test_both_names_are_one_module(finder):
    finder.install()
    other = importlib.import_module("other_json.decoder")
    assert other is importlib.import_module("json.decoder")
    assert other.__spec__.name == other.__name__ == "json.decoder"
    assert sys.modules["other_json"] is sys.modules["json"]


def test_a_removed_part_says_what_to_do(finder):
    finder.install()
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'other_json.gone': use json") as caught:
        importlib.import_module("other_json.gone")
    assert caught.value.name == "other_json.gone"


def test_what_never_was_is_not_found(finder):
    finder.install()
    with pytest.raises(ModuleNotFoundError, match=r"other_json\.nothing"):
        importlib.import_module("other_json.nothing")


def test_its_source_is_found_by_the_other_name(finder):
    loader = finder.find_spec("other_json.decoder").loader
    assert "class JSONDecoder" in loader.get_source("other_json.decoder")
    assert not loader.is_package("other_json.decoder")
    assert finder.find_spec("other_json").loader.is_package("other_json")


def test_others_are_left_to_others(finder):
    assert finder.find_spec("other_json_too") is None


def test_too_late(finder, monkeypatch):
    monkeypatch.setitem(sys.modules, "other_json", importlib.import_module("csv"))
    with pytest.raises(ConfigError, match=r"other_json has been imported already, from .*csv"):
        finder.install()


def test_twice_is_once(finder):
    finder.install()
    finder.install()
    assert sys.meta_path.count(finder) == 1


def test_uninstalled_it_is_not_found(finder):
    finder.install()
    importlib.import_module("other_json.decoder")
    finder.uninstall()
    assert not [name for name in sys.modules if name.startswith("other_json")]
    assert "json.decoder" in sys.modules
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("other_json")
