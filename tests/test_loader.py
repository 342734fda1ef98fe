"""Loading an application from its name: every form, and one clear line for every way it can fail."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways import loader
from gateways.errors import BootError, ConfigError
from gateways.loader import LazyApplication, load, prepare_imports

HELLO = "def {name}(environ, start_response):\n    return [b'{name}']\n"
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _restore_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    modules = set(sys.modules)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", ".")])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # tests rewrite a file within its timestamp's second
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def name() -> str:
    """A module name that no other test has imported."""
    return f"loaded{next(_numbers)}"


def write(path: Path, *parts: str) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join(parts))


def refusal(spec: str) -> str:
    with pytest.raises(BootError) as caught:
        load(spec)
    message = str(caught.value)
    assert message.startswith(f"application {spec!r}")
    assert message.isprintable()  # one line
    return message


# The forms


@pytest.mark.parametrize("ending", ["", ":application", ":factory()", ":holder.inner", ":holder.make()"])
@pytest.mark.parametrize("start", ["{name}", "{name}.py", "./{name}.py", "{directory}/{name}.py"])
def test_every_form_finds_its_callable(directory: Path, name: str, start: str, ending: str) -> None:
    write(
        directory / f"{name}.py",
        HELLO.format(name="application"),
        "def factory():\n    return application\n",
        "class holder:\n    inner = staticmethod(application)\n    make = staticmethod(factory)\n",
    )
    application = load(start.format(name=name, directory=directory) + ending)
    assert application({}, None) == [b"application"]


def test_the_default_is_application_and_then_app(directory: Path) -> None:
    write(directory / "default_one.py", HELLO.format(name="app"), HELLO.format(name="application"))
    write(directory / "default_two.py", HELLO.format(name="app"))
    assert load("default_one")({}, None) == [b"application"]
    assert load("default_two")({}, None) == [b"app"]


def test_a_module_in_a_package(directory: Path, name: str) -> None:
    write(directory / name / "wsgi.py", HELLO.format(name="application"))
    assert load(f"{name}.wsgi")({}, None) == [b"application"]


def test_a_file_finds_the_modules_beside_it_and_those_of_the_working_directory(directory: Path, name: str) -> None:
    write(directory / "elsewhere" / f"{name}.py", f"import {name}_beside, {name}_working\n", HELLO.format(name="app"))
    write(directory / "elsewhere" / f"{name}_beside.py")
    write(directory / f"{name}_working.py")
    assert callable(load(f"elsewhere/{name}.py"))
    assert sys.path[0] == str(directory / "elsewhere")


def test_a_file_is_known_by_its_name_to_modules_that_import_it(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", "value = 5\n", f"import {name}_views as views\n", HELLO.format(name="app"))
    write(directory / f"{name}_views.py", f"from {name} import value\n")
    load(f"{name}.py:app")
    assert sys.modules[name].views.value == 5


def test_a_file_does_not_replace_a_module_of_the_same_name(directory: Path) -> None:
    write(directory / "email.py", HELLO.format(name="application"))
    import email

    assert load("./email.py")({}, None) == [b"application"]
    assert sys.modules["email"] is email


def test_any_file_name_will_do(directory: Path) -> None:
    write(directory / "my-site.wsgi", HELLO.format(name="application"))
    assert load("./my-site.wsgi")({}, None) == [b"application"]


def test_a_colon_in_a_directory_name(directory: Path, name: str) -> None:
    write(directory / "a:b" / f"{name}.py", HELLO.format(name="application"))
    assert load(f"a:b/{name}.py")({}, None) == [b"application"]


def test_the_working_directory_comes_last(directory: Path) -> None:
    load_path = list(sys.path)
    write(directory / "path_order.py", HELLO.format(name="app"))
    load("path_order")
    assert sys.path == [*load_path, str(directory)]


# What can be wrong


@pytest.mark.parametrize(
    "spec", ["", ":", "app:", ":app", "app:a b", "app:make(1)", "my-app:app", "app:.x", "a..b", "app:x()()"]
)
def test_a_text_that_is_no_name_says_which_forms_there_are(spec: str) -> None:
    assert refusal(spec).endswith(
        "cannot be understood: give module:attribute, path/to/file.py:attribute or module:factory()"
    )


def test_missing_file_names_the_nearest(directory: Path) -> None:
    write(directory / "site.py")
    message = refusal("./sites.py")
    assert f"there is no file {directory}/sites.py; did you mean 'site.py'?" in message


def test_missing_module_names_the_nearest(directory: Path, name: str) -> None:
    write(directory / "shopfront.py")
    message = refusal("shopfrnt:app")
    assert f"there is no module 'shopfrnt' in {directory} or elsewhere on Python's path" in message
    assert message.endswith("; did you mean 'shopfront'?")


def test_a_file_that_looks_like_a_module_is_named(directory: Path, name: str) -> None:
    """mod_wsgi's script, by the name that everybody types first."""
    write(directory / f"{name}.wsgi", HELLO.format(name="application"))
    expected = f"there is no module '{name}', but a file {name}.wsgi; did you mean './{name}.wsgi'?"
    assert refusal(f"{name}.wsgi:application").endswith(expected)
    assert load(f"./{name}.wsgi:application")({}, None) == [b"application"]


def test_missing_submodule_names_the_nearest(directory: Path, name: str) -> None:
    write(directory / name / "wsgi.py")
    message = refusal(f"{name}.wsg:app")
    assert f"there is no module '{name}.wsg' in {directory}/{name}; did you mean '{name}.wsgi'?" in message


def test_a_dot_for_the_colon_is_recognised(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", HELLO.format(name="application"))
    assert refusal(f"{name}.application").endswith(f"did you mean '{name}:application'?")


def test_missing_attribute_names_the_nearest_or_what_there_is(directory: Path, name: str) -> None:
    write(
        directory / f"{name}.py",
        "from os.path import join\nVERSION = 1\n",
        *map(HELLO.format_map, [{"name": "website"}, {"name": "admin"}]),
    )
    assert refusal(f"{name}:websit").endswith(f"{name} has no 'websit'; did you mean 'website'?")
    assert refusal(f"{name}:zzz").endswith("has no 'zzz'; its callables are: admin, website")
    assert refusal(name).endswith("it has no 'application' or 'app'; its callables are: admin, website")
    assert refusal(f"{name}:website.zzz").endswith("website has no 'zzz'")


def test_a_module_without_callables(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", "from os.path import join\n")
    assert refusal(name).endswith("it has no 'application' or 'app'; it has no callables")


def test_instances_count_as_callables_of_a_module(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", "import flask\nsite = flask.Flask(__name__)\n")
    assert refusal(name).endswith("its callables are: site")


def test_what_is_not_callable_says_its_type(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", "VERSION = '1'\napplication = None\n")
    assert refusal(f"{name}:VERSION").endswith("VERSION is of type str, not callable")
    assert refusal(name).endswith("what it names is of type NoneType, not callable")
    assert refusal(f"{name}:VERSION()").endswith("VERSION is of type str, and not a factory to call")


def test_a_factory_that_returns_something_else(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", "def make():\n    pass\n")
    assert refusal(f"{name}:make()").endswith("make() returned a value of type NoneType, and not a callable")


def test_a_failed_import_says_which_and_where_and_what_to_do(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", "\n\nimport absent_framework\n")
    message = refusal(f"{name}:app")
    assert (
        f"{directory}/{name}.py, line 3: No module named 'absent_framework'; install it for {sys.executable}" in message
    )


def test_the_line_is_that_of_the_innermost_file(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", f"import {name}_views\n")
    write(directory / f"{name}_views.py", f"\nfrom {name}_models import Missing\n")
    write(directory / f"{name}_models.py")
    message = refusal(f"{name}.py")
    assert f"{directory}/{name}_views.py, line 2: cannot import name 'Missing' from '{name}_models'" in message


def test_a_module_that_asks_for_itself_is_not_called_missing(directory: Path, name: str) -> None:
    write(directory / name / "__init__.py", f"import {name}.wsgi\n")
    assert f"{directory}/{name}/__init__.py, line 1: No module named '{name}.wsgi'" in refusal(f"{name}.wsgi")


def test_a_syntax_error_says_where_it_is(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", "x = 1\ndef broken(:\n")
    assert f"{directory}/{name}.py, line 2: SyntaxError: " in refusal(name)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("raise ValueError('two\\nlines \\x1b[31m')", "ValueError: two lines"),
        ("raise KeyError", "KeyError"),
        ("import sys; sys.exit('no database')", "SystemExit: no database"),
    ],
)
def test_what_the_application_raises_is_one_line(directory: Path, name: str, statement: str, text: str) -> None:
    write(directory / f"{name}.py", f"def make():\n    {statement}\n")
    assert f"{directory}/{name}.py, line 2: {text}" in refusal(f"{name}:make()")


def test_ctrl_c_is_no_boot_error(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load(name)


def test_the_cause_carries_the_traceback_for_the_log(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", "import absent_framework\n")
    with pytest.raises(BootError) as caught:
        load(name)
    cause = caught.value.__cause__
    assert isinstance(cause, ModuleNotFoundError)
    assert f'File "{directory}/{name}.py", line 1' in "".join(traceback.format_tb(cause.__traceback__))


def test_a_working_directory_that_is_gone(directory: Path, name: str) -> None:
    inner = directory / "inner"
    inner.mkdir()
    write(directory / f"{name}.py", HELLO.format(name="app"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(inner)
        inner.rmdir()
        assert callable(load(f"{directory}/{name}.py"))
        assert "there is no module" in refusal("absent_application")


# Loading late


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(loader, "time", clock)
    return clock


def test_a_lazy_application_imports_at_the_first_request(directory: Path, name: str) -> None:
    application = LazyApplication(f"{name}:app")
    write(directory / f"{name}.py", HELLO.format(name="app"))
    assert name not in sys.modules
    assert application({}, None) == [b"app"]
    assert application({}, None) == [b"app"]
    assert application.load() is sys.modules[name].app


def test_a_lazy_application_recovers_when_its_files_are_repaired(directory: Path, name: str, clock: Clock) -> None:
    write(directory / f"{name}.py", f"from {name}_models import Model\n", HELLO.format(name="app"))
    write(directory / f"{name}_models.py")
    application = LazyApplication(f"{name}:app")
    with pytest.raises(BootError, match="cannot import name 'Model'"):
        application({}, None)
    write(directory / f"{name}_models.py", "class Model:\n    pass\n")
    with pytest.raises(BootError, match="cannot import name 'Model'") as again:  # within the second: not tried
        application({}, None)
    assert again.value.__cause__ is None  # its traceback is in the log already
    clock.now += 1.0
    assert application({}, None) == [b"app"]


def test_a_lazy_application_tries_at_most_once_a_second(directory: Path, name: str, clock: Clock) -> None:
    write(directory / f"{name}.py", "import builtins\nbuiltins.attempts.append(1)\nraise ValueError\n")
    with pytest.MonkeyPatch.context() as patch:
        attempts: list[int] = []
        patch.setattr("builtins.attempts", attempts, raising=False)
        application = LazyApplication(name)
        for _ in range(5):
            for _ in range(10):
                with pytest.raises(BootError):
                    application({}, None)
            clock.now += 1.0
    assert len(attempts) == 5


def test_a_failed_load_forgets_its_own_modules_and_no_other(directory: Path, name: str) -> None:
    write(directory / f"{name}_before.py")
    write(directory / f"{name}.py", f"import {name}_helper, colorsys, {name}_before\nraise ValueError\n")
    write(directory / f"{name}_helper.py")
    sys.modules.pop("colorsys", None)
    sys.path.append(str(directory))
    before = __import__(f"{name}_before")
    refusal(name)
    assert name not in sys.modules
    assert f"{name}_helper" not in sys.modules
    assert sys.modules[f"{name}_before"] is before
    assert "colorsys" in sys.modules  # of the standard library: loading it twice can do harm, and repairs nothing


def test_many_first_requests_load_once(directory: Path, name: str) -> None:
    write(
        directory / f"{name}.py",
        "import time\ntime.sleep(0.05)\ninstance = object()\ndef app(e, s):\n    return [instance]\n",
    )
    application = LazyApplication(name)
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.extend(application({}, None))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(map(id, answers))) == 1


def test_an_error_of_the_application_itself_passes(directory: Path, name: str) -> None:
    write(directory / f"{name}.py", "def app(environ, start_response):\n    raise KeyError('a')\n")
    with pytest.raises(KeyError):
        LazyApplication(name)({}, None)


# Directories


def test_directories_are_entered_and_searched_in_their_order(directory: Path) -> None:
    for name in ("work", "work/one", "work/two"):
        Path(name).mkdir()
    prepare_imports("work", ["one", str(directory / "work" / "two")])
    assert os.getcwd() == str(directory / "work")
    assert sys.path[:2] == [str(directory / "work" / "one"), str(directory / "work" / "two")]


def test_environment_variables_are_set(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GREETING", "TZ"):
        monkeypatch.setenv(name, "before")
    prepare_imports(None, [], [("GREETING", "a=b"), ("TZ", "XYZ-5")])
    assert os.environ["GREETING"] == "a=b"
    try:
        assert time.tzname[0] == "XYZ"  # the C library was told
        assert time.localtime().tm_gmtoff == 5 * 3600
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("chdir", "python_path"), [("absent", ()), (None, ["absent"])])
def test_a_directory_that_is_missing(directory: Path, chdir: str | None, python_path: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"(chdir|python_path) 'absent': "):
        prepare_imports(chdir, python_path)


@pytest.mark.parametrize(
    ("source", "interface", "reason"),
    [
        ("async def app(scope, receive, send): ...", "asgi", ""),
        ("async def app(scope, receive, send): ...", "wsgi", "--interface asgi"),
        ("class A:\n    async def __call__(self, *a): ...\nclass B(A): ...\napp = B()", "wsgi", "--interface asgi"),
        ("class A:\n    async def run(self, *a): ...\napp = A().run", "wsgi", "--interface asgi"),
        ("from functools import partial\nasync def a(*b): ...\napp = partial(a)", "wsgi", "--interface asgi"),
        ("def app(environ, start_response): ...", "asgi", "without --interface asgi"),
        (
            "class A:\n    def __call__(self, environ, start_response): ...\napp = A()",
            "asgi",
            "it is a WSGI application",
        ),
        ("app = print", "asgi", ""),
        ("app = lambda scope, receive, send: None", "asgi", ""),
    ],
)
def test_an_application_of_the_other_interface(directory: Path, source: str, interface: str, reason: str) -> None:
    path = directory / f"kinds_{interface}.py"
    path.write_text(source)
    if not reason:
        assert callable(load(f"{path}:app", interface))
        return
    with pytest.raises(BootError, match=reason):
        load(f"{path}:app", interface)
