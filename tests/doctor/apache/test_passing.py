"""What arrives behind Apache. The faults of whole configurations are in tests/live/sitefaults_apache.py."""

from __future__ import annotations

import pytest

from tests.doctor.asked import codes

FCGI = "ProxyPass / unix:/run/a|fcgi://localhost/ flushpackets=on\n"


@pytest.mark.parametrize(
    "line",
    [
        "CGIPassAuth On",
        "SetEnvIf Authorization (.*) HTTP_AUTHORIZATION=$1",
        "SetEnvIfNoCase ^Authorization$ (.+) HTTP_AUTHORIZATION=$1",
        "RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]",
        "AuthType Basic",
        "<Location />\nCGIPassAuth on\n</Location>",
        "<LocationMatch ^/>\nCGIPassAuth On\n</LocationMatch>",
    ],
)
def test_ways_to_pass_authorization(tmp_path, line):
    assert "authorization-lost" not in codes(tmp_path / "a", FCGI + line)


@pytest.mark.parametrize(
    "line", ["", "CGIPassAuth Off", "<Location /x>\nCGIPassAuth Off\n</Location>", "SetEnvIf X . Y=1"]
)
def test_no_way(tmp_path, line):
    assert "authorization-lost" in codes(tmp_path / "a", FCGI + line)


@pytest.mark.parametrize("scheme", ["fcgi", "http"])
def test_authorization_is_taken_out(tmp_path, scheme):
    lines = f"ProxyPass / {scheme}://x:1/\nCGIPassAuth On\n"
    for line in ("RequestHeader unset Authorization", "<Location />\nRequestHeader unset authorization\n</Location>"):
        assert codes(tmp_path / "a", lines + line)["authorization-lost"] == 3 + line.count("<Location")
    for line in ("RequestHeader unset Authorization env=x", "RequestHeader unset X-Authorization"):
        assert "authorization-lost" not in codes(tmp_path / "a", lines + line)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ProxyPass / fcgi://x:1/", None),
        ("ProxyPass / fcgi://x:1", "pass-slash"),
        ("ProxyPass /a fcgi://x:1", None),
        ("ProxyPass /a fcgi://x:1/", "pass-slash"),
        ("ProxyPass /a http://x:1/", "pass-slash"),
        ("ProxyPass /a/ http://x:1/b", "pass-slash"),
        ("ScriptAlias / /srv/a.cgi", "pass-slash"),
        ("ScriptAlias / /srv/a.cgi/", None),
        ("ScriptAlias /a /srv/a.cgi", None),
        ("ScriptAlias /a /srv/a.cgi/", "pass-slash"),
    ],
)
def test_slashes(tmp_path, line, code):
    assert ("pass-slash" in codes(tmp_path / "a", line)) == (code is not None)


def test_order(tmp_path):
    assert codes(tmp_path / "a", f"{FCGI}ProxyPass /static/ !\n")["pass-order"] == 2
    assert "pass-order" not in codes(tmp_path / "a", f"ProxyPass /static/ !\n{FCGI}")
    assert codes(tmp_path / "a", "ProxyPass /a scgi://x:1\nProxyPass /a/b scgi://x:2\n")["pass-order"] == 2
    assert "pass-order" not in codes(tmp_path / "a", "ProxyPass /a/ !\nProxyPass /a/b scgi://x:2\n")
    assert "pass-order" not in codes(tmp_path / "a", "ProxyPass /a scgi://x:1\nProxyPass /ab scgi://x:2\n")
    assert codes(tmp_path / "a", "ProxyPass /a/ scgi://x:1/\nProxyPass /a/b scgi://x:2\n")["pass-order"] == 2


@pytest.mark.parametrize(
    "line", ["ProxyPass /ws wss://x:1/ws", "RewriteRule ^/?(.*) ws://localhost:3000/$1 [P,L]", "ProxyPass /h h2c://x/h"]
)
def test_web_sockets(tmp_path, line):
    assert not {"pass-address", "authorization-lost"} & {*codes(tmp_path / "a", line)}


def test_an_address_without_a_protocol(tmp_path):
    for text in ("unix:/run/a", "/run/a", "x:9000", "ftp://x/"):
        assert "pass-address" in codes(tmp_path / "a", f"ProxyPass / {text}\n")


def test_https_in_front_of_http(tmp_path):
    text = "<VirtualHost *:443>\nSSLEngine on\nProxyPass / http://x:1/ nocanon\n</VirtualHost>\n"
    assert codes(tmp_path / "a", text)["https-unseen"] == 3
    line = "RequestHeader set X-Forwarded-Proto https\n"
    assert "https-unseen" not in codes(tmp_path / "a", text.replace("</V", f"{line}</V"))


def test_a_path_behind_the_script_is_off(tmp_path):
    assert codes(tmp_path / "a", "ScriptAlias /a /srv/a.cgi\nAcceptPathInfo Off\n")["path-split"] == 2


def test_settings_of_the_main_file_count(tmp_path):
    (tmp_path / "sites-available").mkdir()
    (tmp_path / "apache2.conf").write_text(
        "CGIPassAuth On\nAllowEncodedSlashes On\nIncludeOptional sites-available/*.conf\n"
    )
    assert "authorization-lost" not in codes(tmp_path / "sites-available" / "a.conf", FCGI)
    (tmp_path / "sites-available" / "a.conf").unlink()
    found = codes(tmp_path / "sites-available" / "a.off", FCGI)
    assert found.keys() >= {"config-disabled", "authorization-lost"}


DENIED = "<Directory />\nRequire all denied\n</Directory>\n"
ALIAS = "ScriptAlias /a /srv/app/a.cgi\n"


def section(name, *lines):
    return "\n".join([f"<{name}>", *lines, f"</{name.split()[0]}>", ""])


GRANTED = section("Directory /srv/app", "Require all granted")


@pytest.mark.parametrize(
    "text",
    [
        "",  # the main file of most systems denies
        DENIED,
        section("Directory /srv/ap", "Require all granted"),
        DENIED + section("Directory /srv/app2", "Require all granted"),
        DENIED + section("Directory /srv/app", "Options +ExecCGI"),
        section("Directory /srv", "Require all granted") + section("Directory /srv/app/", "Require all denied"),
        section("Directory /srv", "Require all granted") + section("Directory /srv/app", "Deny from all"),
        DENIED + section("FilesMatch \\.cgi$", "Require all denied"),
        GRANTED + section("Files a.*", "Require all denied"),
        DENIED + section("Directory /srv/app/static", "Require all granted"),
        DENIED + section("Location /b", "Require all granted"),
        DENIED + section("LocationMatch ^/b", "Require all granted"),
        section("Location /", "Require all granted") + section("Location /a", "Require all denied"),
        section("Location /a", "Require all granted") + section("Location /", "Require all denied"),
        section("Directory ~ ^/srv", "Require all denied") + GRANTED,
        section("DirectoryMatch ^/srv", "Require all denied") + GRANTED,
        GRANTED + section("Directory /srv/app", "Require all denied"),
        GRANTED + section("Directory /srv/*", "Require all denied"),
        section("Files a.cgi", "Require all granted") + section("Files a.*", "Require all denied"),
        section("Directory /srv", section("Files a.cgi", "Require all granted"))
        + section("Directory /srv/app", section("Files *", "Require all denied")),
    ],
)
def test_a_script_that_nobody_gets(tmp_path, text):
    assert "access-denied" in codes(tmp_path / "a", ALIAS + text)


@pytest.mark.parametrize(
    "text",
    [
        GRANTED,
        DENIED + GRANTED,
        GRANTED + DENIED,
        DENIED + section("Directory /srv/*", "Require ip 10"),
        DENIED
        + section("Directory /srv/app", "<RequireAny>", "Require user you", "</RequireAny>", "Require all denied"),
        DENIED + section("Directory /srv/app", "Order deny,allow", "Deny from all", "Allow from 10"),
        DENIED + GRANTED + section("FilesMatch ^\\.ht", "Require all denied"),
        DENIED + section("Location /a", "Require all granted"),
        GRANTED + section("Location /a/admin", "Require all denied"),
        GRANTED + section("LocationMatch ^/admin", "Require all denied"),
        section("Location /a", "Require all denied") + section("Location /", "Require all granted"),
        GRANTED + section("Files a.*", "Require all denied") + section("Files *", "Require all granted"),
        section("DirectoryMatch ^/srv", "Require all granted") + DENIED,
        section("Directory /srv/app", "Require all denied") + GRANTED,
        section("Directory /srv/app", "Options +ExecCGI"),
    ],
)
def test_a_script_that_somebody_gets(tmp_path, text):
    assert "access-denied" not in codes(tmp_path / "a", ALIAS + text)
