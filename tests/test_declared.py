"""Settings from declarations: places and their order, and refusals that name place, value and what is allowed."""

from __future__ import annotations

import pytest

from gateways.declared import Declared, Layer, Setting, flag_of, nearest, variable_of
from gateways.errors import ConfigError
from gateways.values import Many, Number, Pair, Text


class Example(Declared):
    threads = Setting(8, Number(1, 64), "Group", "Help.")
    access_log = Setting("-", Text("FILE", "a file name", off=True), "Group", "Help.")
    environ = Setting((), Many(Pair()), "Group", "Help.")


def refusal(**places: object) -> str:
    with pytest.raises(ConfigError) as caught:
        Example.load(places.get("environ", {}), places.get("flags"), places.get("keywords"))  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_declaration_knows_its_names() -> None:
    setting = Example.settings["access_log"]
    assert (setting.name, setting.flag, setting.variable) == ("access_log", "--access-log", "GATEWAYS_ACCESS_LOG")
    assert (flag_of("a_b"), variable_of("a_b")) == ("--a-b", "GATEWAYS_A_B")
    assert list(Example.settings) == ["threads", "access_log", "environ"]


def test_defaults() -> None:
    settings = Example.load({})
    assert (settings.threads, settings.access_log, settings.environ) == (8, "-", ())
    assert settings.given == frozenset()


def test_variables_give_way_to_flags_and_keywords() -> None:
    environ = {"GATEWAYS_THREADS": "2", "GATEWAYS_ACCESS_LOG": "a", "GATEWAYS_ENVIRON": "A=1 B=2"}
    settings = Example.load(environ, {"threads": "3", "environ": ["C=3"]})
    assert (settings.threads, settings.access_log) == (3, "a")
    assert Example.load(environ, keywords={"threads": 4}).threads == 4
    assert settings.given == {"threads", "access_log", "environ"}


def test_pairs_come_together_and_the_later_place_wins() -> None:
    environ = {"GATEWAYS_ENVIRON": "A=1 B=2"}
    assert Example.load(environ, {"environ": ["B=3", "C=4"]}).environ == (("A", "1"), ("B", "3"), ("C", "4"))
    assert Example.load(environ, keywords={"environ": {"A": "5"}}).environ == (("A", "5"), ("B", "2"))


def test_a_keyword_can_switch_off_what_a_variable_says() -> None:
    assert Example.load({"GATEWAYS_ACCESS_LOG": "a"}, keywords={"access_log": None}).access_log is None


def test_construction_takes_keywords_and_no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAYS_THREADS", "2")
    assert Example(access_log="x").threads == 8
    assert Example.load().threads == 2


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = Example.load({"GATEWAYS_THREADS": "", "GATEWAYS_ENVIRON": ""})
    assert settings.threads == 8
    assert settings.given == frozenset()


def test_a_list_in_a_variable_is_quoted_as_in_a_shell() -> None:
    settings = Example.load({"GATEWAYS_ENVIRON": "A='1 2' \"B=x y\" C=\\ "})
    assert settings.environ == (("A", "1 2"), ("B", "x y"), ("C", " "))


def test_a_list_that_cannot_be_split() -> None:
    message = refusal(environ={"GATEWAYS_ENVIRON": "A='1"})
    assert message == 'environment variable GATEWAYS_ENVIRON: "A=\'1" cannot be read: No closing quotation'


def test_a_bad_value_names_its_place_itself_and_what_is_allowed() -> None:
    tail = "'x' cannot be used, give a whole number from 1 to 64"
    assert refusal(environ={"GATEWAYS_THREADS": "x"}) == f"environment variable GATEWAYS_THREADS: {tail}"
    assert refusal(flags={"threads": "x"}) == f"flag --threads: {tail}"
    assert refusal(keywords={"threads": "x"}) == f"keyword threads: {tail}"
    with pytest.raises(ConfigError, match="keyword threads: 'x' cannot be used"):
        Example(threads="x")


def test_a_bad_item_of_a_list_is_the_one_that_is_named() -> None:
    message = refusal(environ={"GATEWAYS_ENVIRON": "A=1 B C=3"})
    assert message.startswith("environment variable GATEWAYS_ENVIRON: 'B' cannot be used, give NAME=VALUE")


def test_a_bad_value_cannot_break_the_line() -> None:
    assert refusal(flags={"threads": "1\n\x1b[31m"}).isprintable()


def test_a_value_that_another_place_overrides_is_still_checked() -> None:
    assert "GATEWAYS_THREADS" in refusal(environ={"GATEWAYS_THREADS": "x"}, flags={"threads": "1"})


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    assert refusal(flags={"thread": "1"}) == "flag --thread is not known; did you mean --threads?"
    assert refusal(keywords={"acces_log": "1"}) == "keyword acces_log is not known; did you mean access_log?"
    assert refusal(keywords={"colour": "1"}) == "keyword colour is not known"
    with pytest.raises(ConfigError, match="keyword thread is not known; did you mean threads"):
        Example(thread=1)


@pytest.mark.parametrize("variable", ["GATEWAYS_THREAD", "GATEWAYS_TREADS", "GATEWAYS_threads", "GATEWAYS_ACCESSLOG"])
def test_a_variable_that_is_nearly_a_setting_is_refused(variable: str) -> None:
    name = "ACCESS_LOG" if "LOG" in variable else "THREADS"
    message = refusal(environ={variable: "1"})
    assert message == f"environment variable {variable} is not known; did you mean GATEWAYS_{name}?"


def test_variables_of_others_are_left_alone_and_named() -> None:
    # As Kubernetes sets them for a service called "gateways", and an application that deals with gateways.
    others = ("GATEWAYS_PORT", "GATEWAYS_SERVICE_HOST", "GATEWAYS_PORT_80_TCP", "GATEWAYS_API_KEY")
    settings = Example.load({**dict.fromkeys(others, "1"), "GATEWAYS_PROTOCOL": "scgi", "PATH": "/bin"})
    assert settings.ignored_variables == others


def test_settings_are_read_only() -> None:
    settings = Example()
    with pytest.raises(AttributeError, match="read-only"):
        settings.threads = 1


def test_the_representation_shows_what_was_given() -> None:
    assert repr(Example(access_log="a", threads=2)) == "Example(threads=2, access_log='a')"


def test_nearest() -> None:
    assert nearest("threds", ["threads", "environ"]) == "threads"
    assert nearest("x", ["threads"]) == ""


# Layers


FILE = Layer("x.toml", str, {"threads": 3}, where=lambda name: f"x.toml, line 7: {name}")


def test_a_setting_knows_which_place_had_the_last_word() -> None:
    settings = Example.from_layers([FILE, Layer("flag", flag_of, {"access_log": "a"})])
    assert settings.label("threads") == "x.toml, line 7: threads"
    assert settings.label("access_log") == "flag --access-log"
    assert settings.label("environ") == "environ"
    assert Example.from_layers([FILE, Layer("flag", flag_of, {"threads": "4"})]).label("threads") == "flag --threads"
    assert Example(threads=2).label("threads") == "keyword threads"


def test_a_place_with_lines_says_the_line() -> None:
    with pytest.raises(ConfigError, match=r"^x\.toml, line 7: threads: true cannot be used, give a whole number"):
        Example.from_layers([FILE._replace(values={"threads": True})])
    with pytest.raises(ConfigError, match=r"^x\.toml, line 7: thread is not known; did you mean threads\?$"):
        Example.from_layers([FILE._replace(values={"thread": 1})])


def test_problems_are_collected_and_their_values_left_out() -> None:
    problems: list[str] = []
    layers = [FILE, Layer("flag", flag_of, {"threads": "x", "colour": "1", "access_log": "b"})]
    settings = Example.from_layers(layers, ("GATEWAYS_X",), problems)
    assert problems == [
        "flag --threads: 'x' cannot be used, give a whole number from 1 to 64",
        "flag --colour is not known",
    ]
    assert (settings.threads, settings.access_log, settings.ignored_variables) == (3, "b", ("GATEWAYS_X",))


def test_the_layer_of_the_variables() -> None:
    problems: list[str] = []
    environ = {"GATEWAYS_THREADS": "x", "GATEWAYS_TREADS": "1", "GATEWAYS_ENVIRON": "'", "GATEWAYS_PORT": "1"}
    layer, ignored = Example.variables({**environ, "GATEWAYS_CONFIG": "x.toml"}, problems)
    assert (layer.values, ignored) == ({"threads": "x"}, ("GATEWAYS_PORT",))
    assert [problem.partition(" is")[0] for problem in problems] == [
        "environment variable GATEWAYS_TREADS",
        'environment variable GATEWAYS_ENVIRON: "\'" cannot be read: No closing quotation',
    ]


def test_a_long_value_is_not_quoted_as_a_whole() -> None:
    assert len(refusal(flags={"threads": "9" * 100_000})) < 400
