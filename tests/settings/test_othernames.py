"""Names of other programs: every one leads to settings that exist, and none hides one of ours."""

from __future__ import annotations

import re

import pytest

from gateways.cli import COMMANDS
from gateways.declared import variable_of
from gateways.settings import Settings
from gateways.settings.othernames import COMMON_WORDS, PROGRAMS, SHORT_FLAGS, explain, explain_short
from tests.tools import settings_reference

ANSWERS = [(program, answer, names) for program, table in PROGRAMS.items() for answer, names in table.items()]
NAMES = [name for _, _, names in ANSWERS for name in names.split()]


@pytest.mark.parametrize("answer", [*(answer for _, answer, _ in ANSWERS), *SHORT_FLAGS.values()])
def test_every_target_exists(answer: str) -> None:
    assert set(re.findall(r"{(.*?)}", answer)) <= Settings.settings.keys()
    assert answer.format_map({name: name for name in Settings.settings}).isprintable()
    assert set(re.findall(r"gateways ([a-z]+(?:-[a-z]+)*)\b(?= for| is|$)", answer)) - {"that"} <= set(COMMANDS)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_one_of_ours(name: str) -> None:
    assert name not in Settings.settings
    assert name != "application"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_has_each_name_once(program: str) -> None:
    names = [name for owner, _, text in ANSWERS if owner == program for name in text.split()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pm.max_children", "php-fpm's name; here it is {workers}"),
        ("pm_max_children", "php-fpm's name; here it is {workers}"),
        ("PROCESSES", "uWSGI's name; here it is {workers}"),
        ("max-requests-delta", "uWSGI's name; here it is {max_requests_jitter}"),
        ("max_requests_delta", "uWSGI's name; here it is {max_requests_jitter}"),
        ("bind", "gunicorn's name; here it is {http}, {fastcgi} or {scgi}"),
        ("pidfile", "uWSGI's and gunicorn's name; here it is {pid_file}"),
        ("clear_env", "php-fpm's name; workers keep the environment of the program; set variables with {env}"),
        ("vacuum", "uWSGI's name; not needed: the files of sockets are removed"),
        ("colour", ""),
        ("", ""),
    ],
)
def test_what_is_said(name: str, text: str) -> None:
    assert explain(name) == text


def test_it_is_said_in_the_words_of_the_place() -> None:
    explained = Settings.explain_unknown("processes", variable_of)
    assert explained == "uWSGI's name; here it is GATEWAYS_WORKERS"


def test_common_words_may_be_somebody_elses() -> None:
    assert explain("home")
    assert explain("home", certain=True) == ""
    assert explain("harakiri", certain=True) == explain("harakiri")
    assert {name.replace("-", "_") for name in NAMES} >= COMMON_WORDS


@pytest.mark.parametrize("word", ["PORT", "SERVICE_HOST", "PORT_80_TCP_ADDR", "API_KEY", "HOME"])
def test_what_kubernetes_and_applications_set_is_left_alone(word: str) -> None:
    assert Settings.load({f"GATEWAYS_{word}": "1"}).ignored_variables == (f"GATEWAYS_{word}",)


def test_short_flags() -> None:
    assert explain_short("-w") == "gunicorn's name; here it is {workers}"
    assert explain_short("-c") == "gunicorn's name; here it is --config"
    assert explain_short("-?") == ""


def test_the_page_says_the_same() -> None:
    """Write it with: python -m tests.tools.settings_reference"""
    assert settings_reference.OTHER_NAMES.read_text("utf-8") == settings_reference.other_names()
