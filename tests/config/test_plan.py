"""The plan of a start: places and their order, pools, paths, and every refusal with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateways.config import Plan, load_plan, read_plan
from gateways.errors import ConfigError


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(text: str, application: str | None = None, *, environ: dict[str, str] | None = None, **flags: object) -> Plan:
    Path("gateways.toml").write_text(text)
    return load_plan("gateways.toml", application, flags, environ or {})


def refusal(text: str, application: str | None = None, **places: object) -> str:
    with pytest.raises(ConfigError) as caught:
        plan(text, application, **places)  # type: ignore[arg-type]
    assert str(caught.value).isprintable()
    return str(caught.value)


ONE = """\
[gateways]
application = "app"
fastcgi = ":9000"
"""

TWO = """\
[gateways]
threads = 2
control = "run/control"

[pool.shop]
application = "shop.wsgi"
fastcgi = ["unix:shop.sock", ":0"]
workers = 8

[pool.blog]
application = "blog:create()"
scgi = "@blog"
workers = 1
threads = 4
chdir = "blog"
python_path = "lib"
"""


# Pools


def test_two_pools(directory: Path) -> None:
    result = plan(TWO)
    assert result.file == f"{directory}/gateways.toml"
    assert result.notices == ()
    assert result.managed
    shop, blog = result.pools
    assert (shop.name, shop.application, shop.settings.workers, shop.settings.threads) == ("shop", "shop.wsgi", 8, 2)
    assert (blog.name, blog.application, blog.settings.workers, blog.settings.threads) == (
        "blog",
        "blog:create()",
        1,
        4,
    )
    assert shop.settings.fastcgi == (f"unix:{directory}/shop.sock", ":0")


def test_one_pool_without_a_table_of_its_own() -> None:
    result = plan(ONE)
    (pool,) = result.pools
    assert (pool.name, pool.application, pool.settings.fastcgi) == ("app", "app", (":9000",))
    assert not result.managed
    assert plan(f"{ONE}workers = 1").managed


def test_an_application_for_all_pools() -> None:
    result = plan(
        "[gateways]\napplication = 'a'\nworkers = 1\n[pool.x]\nscgi = '@x'\n[pool.y]\nscgi = '@y'\napplication = 'b'"
    )
    assert [pool.application for pool in result.pools] == ["a", "b"]


def test_one_pool_takes_what_several_could_not() -> None:
    text = "[gateways]\nfastcgi = ':1'\n[pool.x]\napplication = 'a'\n"
    (pool,) = plan(text).pools
    assert pool.settings.fastcgi == (":1",)
    (pool,) = plan(text, "b", scgi=[":2"], environ={"GATEWAYS_FASTCGI": ":3"}).pools
    assert (pool.application, pool.settings.fastcgi, pool.settings.scgi) == ("b", (":3",), (":2",))


def test_without_a_file_there_is_one_pool(directory: Path) -> None:
    result = load_plan(
        None, "app", {"fastcgi": [":1"], "error_log": "log"}, {"GATEWAYS_THREADS": "2", "GATEWAYS_X": "1"}
    )
    assert result.file is None
    assert not result.managed
    (pool,) = result.pools
    assert (pool.name, pool.application, pool.settings.chdir) == ("app", "app", None)
    assert (pool.settings.threads, pool.settings.fastcgi, pool.settings.error_log) == (2, (":1",), f"{directory}/log")
    assert pool.settings.ignored_variables == result.master.ignored_variables == ("GATEWAYS_X",)


# Which file


def test_the_file_of_the_working_directory_is_used_and_named(directory: Path) -> None:
    Path("gateways.toml").write_text(ONE)
    result = load_plan(None, None, {}, {})
    assert result.file == f"{directory}/gateways.toml"
    assert result.notices == (f"settings are from {directory}/gateways.toml, in the working directory",)


def test_with_an_application_it_is_left_alone() -> None:
    Path("gateways.toml").write_text("not TOML")
    assert load_plan(None, "app", {}, {}).file is None


def test_the_file_of_the_variable(directory: Path) -> None:
    Path("gateways.toml").write_text("not TOML")
    Path("other.toml").write_text(ONE)
    environ = {"GATEWAYS_CONFIG": "other.toml"}
    for application in ("b", None):
        result = load_plan(None, application, {}, environ)
        assert result.file == f"{directory}/other.toml"
        assert result.notices == ("settings are from other.toml, which GATEWAYS_CONFIG names",)
        assert result.pools[0].application == (application or "app")
        assert result.pools[0].settings.ignored_variables == ()
    Path("gateways.toml").write_text(TWO)
    assert load_plan("gateways.toml", None, {}, environ).file == f"{directory}/gateways.toml"


def test_no_file_and_no_application() -> None:
    with pytest.raises(
        ConfigError, match=r"^no application: give APP, or --config FILE; there is no gateways\.toml in"
    ):
        load_plan(None, None, {}, {})


# Which value


def test_the_file_gives_way_to_variables_and_those_to_flags() -> None:
    environ = {"GATEWAYS_THREADS": "6", "GATEWAYS_MAX_REQUESTS": "7"}
    result = plan(TWO, environ=environ, max_requests="9")
    assert [pool.settings.threads for pool in result.pools] == [6, 6]
    assert [pool.settings.max_requests for pool in result.pools] == [9, 9]
    assert (result.master.threads, result.master.max_requests) == (6, 9)


def test_pairs_come_together_from_all_places() -> None:
    text = """
[gateways]
application = "a"
workers = 1
env = { A = "1", B = "1", C = "1", D = "1" }
python_path = ["x"]
[pool.x]
scgi = "@x"
env = { B = "2", C = "2", D = "2" }
python_path = ["y"]
[pool.y]
scgi = "@y"
"""
    x, y = plan(text, environ={"GATEWAYS_ENV": "C=3 D=3"}, env=["D=4", "E=4"]).pools
    assert dict(x.settings.env) == {"A": "1", "B": "2", "C": "3", "D": "4", "E": "4"}
    assert dict(y.settings.env) == {"A": "1", "B": "1", "C": "3", "D": "4", "E": "4"}
    assert [os.path.basename(path) for path in x.settings.python_path] == ["y"]


def test_the_forms_of_values() -> None:
    text = """
[gateways]
application = "a"
fastcgi = "unix:/a"
scgi = ["@a", ":0"]
socket_mode = 0o600
umask = "0027"
threads = 3
max_body_size = "10M"
max_header_size = 2048
header_timeout = 2.5
body_timeout = "2m"
debug = true
access_log = "off"
environ.TITLE = "x"
"""
    settings = plan(text).pools[0].settings
    assert (settings.fastcgi, settings.scgi) == (("unix:/a",), ("@a", ":0"))
    assert (settings.socket_mode, settings.umask, settings.threads) == (0o600, 0o027, 3)
    assert (settings.max_body_size, settings.max_header_size) == (10 << 20, 2048)
    assert (settings.header_timeout, settings.body_timeout, settings.debug) == (2.5, 120.0, True)
    assert (settings.access_log, settings.environ) == (None, (("TITLE", "x"),))


# Paths


def test_relative_paths_start_at_the_file_or_at_chdir(directory: Path) -> None:
    (directory / "conf").mkdir()
    Path("conf/x.toml").write_text(TWO.replace('"blog"', '"../blog"') + 'hooks = "hooks.py"\nwarmup = "/up"\n')
    shop, blog = load_plan("conf/x.toml", None, {}, {}).pools
    conf = f"{directory}/conf"
    assert (shop.settings.chdir, shop.settings.fastcgi) == (conf, (f"unix:{conf}/shop.sock", ":0"))
    assert (blog.settings.chdir, blog.settings.python_path) == (f"{conf}/../blog", (f"{conf}/../blog/lib",))
    assert (blog.settings.hooks, blog.settings.warmup) == (f"{conf}/../blog/hooks.py", ("/up",))


def test_what_belongs_to_the_master_starts_at_the_same_place_for_all(directory: Path) -> None:
    result = plan(TWO.replace("threads = 2", 'threads = 2\nerror_log = "log"\nrestart_file = "/r"'))
    shop, blog = result.pools
    for settings in (result.master, shop.settings, blog.settings):
        assert (settings.control, settings.error_log) == (f"{directory}/run/control", f"{directory}/log")
        assert (settings.restart_file, settings.pid_file) == ("/r", None)


def test_chdir_under_gateways(directory: Path) -> None:
    result = plan("[gateways]\nchdir = 'x'\ncontrol = 'c'\napplication = 'a'\nworkers = 1\n[pool.y]\nslow_log = 's'\n")
    (pool,) = result.pools
    assert (result.master.control, pool.settings.slow_log) == (f"{directory}/x/c", f"{directory}/x/s")
    assert pool.settings.chdir == f"{directory}/x"


def test_variables_and_flags_start_at_the_working_directory_or_at_chdir(directory: Path) -> None:
    (directory / "conf").mkdir()
    Path("conf/x.toml").write_text("[gateways]\napplication = 'a'\nslow_log = 's'\n")
    (pool,) = load_plan("conf/x.toml", None, {"access_log": "a"}, {"GATEWAYS_FASTCGI": "unix:f"}).pools
    settings = pool.settings
    assert (settings.slow_log, settings.access_log) == (f"{directory}/conf/s", f"{directory}/a")
    assert (settings.fastcgi, settings.chdir) == ((f"unix:{directory}/f",), f"{directory}/conf")
    (pool,) = load_plan("conf/x.toml", None, {"access_log": "a", "chdir": "d"}, {}).pools
    settings = pool.settings
    assert (settings.slow_log, settings.access_log) == (f"{directory}/d/s", f"{directory}/d/a")
    (pool,) = load_plan(None, "app", {"access_log": "-"}, {"GATEWAYS_CHDIR": "d", "GATEWAYS_SLOW_LOG": "s"}).pools
    assert (pool.settings.access_log, pool.settings.slow_log) == ("-", f"{directory}/d/s")


def test_an_application_of_the_command_line_runs_where_it_was_named(directory: Path) -> None:
    (directory / "conf").mkdir()
    Path("conf/x.toml").write_text(ONE)
    (pool,) = load_plan("conf/x.toml", "site/wsgi.py", {}, {}).pools
    assert (pool.application, pool.settings.chdir) == ("site/wsgi.py", str(directory))
    (pool,) = load_plan("conf/x.toml", None, {}, {}).pools
    assert (pool.application, pool.settings.chdir) == ("app", f"{directory}/conf")


def test_a_path_that_is_too_long_only_when_it_is_complete(directory: Path) -> None:
    long = "x" * (107 - len(str(directory)) - 1)
    (pool,) = plan(f"[gateways]\napplication = 'a'\nfastcgi = 'unix:{long}'").pools
    assert pool.settings.fastcgi == (f"unix:{directory}/{long}",)
    message = refusal(f"[gateways]\napplication = 'a'\nchdir = 'y'\nfastcgi = 'unix:{long}'")
    assert message.startswith("gateways.toml, line 4: [gateways] fastcgi: ")
    assert "bytes are too long for a socket" in message


def test_the_name_of_the_working_directory_keeps_its_links(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "first").mkdir()
    (directory / "current").symlink_to("first")
    monkeypatch.chdir(directory / "current")
    Path("gateways.toml").write_text(ONE + "error_log = 'log'")
    current = f"{directory}/current"
    result = load_plan(None, None, {"access_log": "a"}, {"PWD": current})
    assert (result.file, result.master.error_log) == (f"{current}/gateways.toml", f"{current}/log")
    assert (result.master.access_log, result.pools[0].settings.chdir) == (f"{current}/a", current)


def test_the_working_directory_may_be_gone(directory: Path) -> None:
    inner = directory / "inner"
    inner.mkdir()
    os.chdir(inner)
    inner.rmdir()
    (pool,) = load_plan(None, "app", {"error_log": "log"}, {}).pools
    assert pool.settings.error_log == "log"


# Refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "[gateways]: there is no application; add application = \"module:attribute\""),
        ("[gateways]\napplication = ''", "2: [gateways] application: '' cannot be used, give module:attribute"),
        ("[gateways]\napplication = 5", "2: [gateways] application: 5 cannot be used, give module:attribute"),
        ("[pool.x]\nworkers = 1", '1: [pool.x]: there is no application; add application = "module:attribute"'),
        (ONE + "threads = 0", "4: [gateways] threads: 0 cannot be used, give a whole number from 1 to 10000"),
        (ONE + "threads = true", "4: [gateways] threads: true cannot be used, give a whole number from 1 to 10000"),
        (ONE + "threads = {}", "4: [gateways] threads: {} cannot be used, give a whole number from 1 to 10000"),
        (ONE + "scgi = [':1', 'x']", "4: [gateways] scgi: 'x' is not an address: the port is missing"),
        (ONE + "scgi = 9000", "4: [gateways] scgi: 9000 cannot be used, give unix:/path, host:port"),
        (ONE + "slow_log = 07:32:00", "4: [gateways] slow_log: datetime.time(7, 32) cannot be used, give a file name"),
        (ONE + "env = ['A']", "4: [gateways] env: 'A' cannot be used, give NAME=VALUE"),
        (ONE + "environ = {'wsgi.x' = '1'}", "4: [gateways] environ: ('wsgi.x', '1') cannot be used, give NAME=VALUE"),
        (ONE + "[pool.x]\nscgi = 'x'", "5: [pool.x] scgi: 'x' is not an address"),
        (ONE + "workers = 3\npm = 'dynamic'\nmax_spare = 4",
         "6: [gateways] max_spare: 4 is more than workers, which is 3"),
        (ONE + "workers = 9\npm = 'dynamic'\nmin_spare = 4", "1: [gateways] max_spare: 3 is less than min_spare"),
        (ONE + "daemonize = true\nworkers = 1", "4: [gateways] daemonize: the error log would go nowhere"),
        (TWO + "[pool.z]\nfastcgi=':1'\napplication='z'", "17: [pool.z] workers: each of several pools needs workers"),
        (TWO + "[pool.z]\nworkers=1\napplication='z'", "17: [pool.z] fastcgi: nothing to listen on"),
        (TWO + "[pool.z]\nworkers=1\napplication='z'\nscgi='@blog'",
         "20: [pool.z] scgi: @blog is listened on already, by scgi of pool blog"),
        (TWO + "pid_file = 'x'", "17: [pool.blog] pid_file: there is one for all pools; it belongs under [gateways]"),
    ],
)  # fmt: skip
def test_a_refusal_names_file_line_table_key_value_and_what_is_allowed(text: str, message: str) -> None:
    start = "gateways.toml, line " if text else "gateways.toml, line 1: "
    assert refusal(text).startswith(start + message)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"scgi": [":1"]},
         "flag --scgi: which pool is meant? gateways.toml has several pools (shop, blog); write it in [pool.NAME]"),
        ({"environ": {"GATEWAYS_FASTCGI": ":1"}}, "environment variable GATEWAYS_FASTCGI: which pool is meant?"),
        ({"application": "app"}, "APP 'app': which pool is meant?"),
        ({"pm": "dyn"}, "flag --pm: 'dyn' cannot be used, give one of static, dynamic, ondemand"),
        ({"environ": {"GATEWAYS_WORRKERS": "1"}},
         "environment variable GATEWAYS_WORRKERS is not known; did you mean GATEWAYS_W"),
        ({"environ": {"GATEWAYS_HARAKIRI": "1"}},
         "environment variable GATEWAYS_HARAKIRI is uWSGI's name; here it is GATEWAYS_REQUEST_TERMINATE_TIMEOUT"),
        ({"environ": {"GATEWAYS_WORKERS": "1"}, "pm": "dynamic", "max_spare": "2"},
         "flag --max-spare: 2 is more than workers"),
    ],
)  # fmt: skip
def test_a_refusal_of_variables_and_flags(places: dict[str, object], message: str) -> None:
    assert refusal(TWO, **places).startswith(message)  # type: ignore[arg-type]


def test_an_address_for_several_pools_in_the_file() -> None:
    message = refusal(TWO.replace("threads = 2", "fastcgi = ':1'"))
    assert message.startswith("gateways.toml, line 2: [gateways] fastcgi: which pool is meant?")


def test_the_first_of_several_says_how_many_more() -> None:
    message = refusal(ONE + "threads = 0\nworrkers = 1\n[pools]\n")
    assert message.endswith("did you mean workers? (and 2 more: see gateways check-config)")


def test_everything_that_is_wrong_is_collected_once() -> None:
    Path("x.toml").write_text(TWO.replace("threads = 2", "threads = 0") + "worrkers = 2\nuser = ''\n")
    problems: list[str] = []
    result = read_plan("x.toml", None, {"pm": "x"}, {"GATEWAYS_PORTS": "1", "GATEWAYS_BACKLOGS": "1"}, problems)
    assert [problem.partition(" cannot")[0] for problem in problems] == [
        "x.toml, line 17: [pool.blog] worrkers is not known; did you mean workers?",
        "environment variable GATEWAYS_BACKLOGS is not known; did you mean GATEWAYS_BACKLOG?",
        "x.toml, line 2: [gateways] threads: 0",
        "flag --pm: 'x'",
        "x.toml, line 18: [pool.blog] user: ''",
    ]
    assert result is not None
    assert [pool.name for pool in result.pools] == ["shop", "blog"]
    assert result.master.control is not None


def test_a_file_that_cannot_be_read_makes_no_plan() -> None:
    problems: list[str] = []
    assert read_plan("absent.toml", None, {}, {}, problems) is None
    assert problems == ["configuration file 'absent.toml' cannot be read: No such file or directory"]


def test_what_has_no_effect_is_a_notice() -> None:
    result = plan(ONE + "workers = 1\nmax_spare = 1\n", request_slowlog_timeout="5", request_terminate_timeout="5")
    assert result.notices == (
        "gateways.toml, line 5: [gateways] max_spare: it has no effect, because pm is static and not dynamic",
        "flag --request-slowlog-timeout: 5 s are never reached, because request_terminate_timeout is 5 s",
    )


def test_settings_know_where_they_are_from() -> None:
    result = plan(TWO, environ={"GATEWAYS_BACKLOG": "5"})
    settings = result.pools[1].settings
    assert settings.label("threads") == "gateways.toml, line 14: [pool.blog] threads"
    assert settings.label("control") == result.master.label("control") == "gateways.toml, line 3: [gateways] control"
    assert settings.label("backlog") == "environment variable GATEWAYS_BACKLOG"
    assert settings.label("debug") == "debug"
