"""Where Apache hands requests on."""

from __future__ import annotations

import pytest

from gateways.doctor.apache.places import places
from gateways.doctor.apache.syntax import Reader


def of(tmp_path, text):
    path = tmp_path / "a.conf"
    path.write_text(text)
    return list(places(Reader(str(path)).read(str(path))))


@pytest.mark.parametrize(
    ("text", "url", "protocol", "address", "rest"),
    [
        ("ProxyPass / unix:/run/a|fcgi://localhost/", "/", "fastcgi", "unix:/run/a", "/"),
        ("ProxyPass /a http://[::1]:80", "/a", "http", "[::1]:80", ""),
        ("ProxyPass /a https://x/b", "/a", "", "x:443", "/b"),
        ("ProxyPass / ajp://x/ secret=a=b", "/", "ajp", "x:8009", "/"),
        ("ProxyPass / unix:/run/a", "/", "?", "", "unix:/run/a"),
        ("ProxyPassMatch ^/(.*)$ scgi://x:1/$1", None, "scgi", "x:1", "/$1"),
        ("<Location /a>\nProxyPass uwsgi://x/\n</Location>", "/a", "uwsgi", "x:3031", "/"),
        ('<Location /a>\nSetHandler "proxy:fcgi://x:9"\n</Location>', "/a", "fastcgi", "x:9", ""),
        ("RewriteRule ^/(.*)$ http://x:1/$1 [P,L]", None, "http", "x:1", "/$1"),
        ("ScriptAlias / /srv/app.cgi/", "/", "cgi", "", "/srv/app.cgi/"),
    ],
)
def test_kinds(tmp_path, text, url, protocol, address, rest):
    [place] = of(tmp_path, text)
    assert (place.url, place.protocol, place.address, place.rest) == (url, protocol, address, rest)


@pytest.mark.parametrize(
    "text", ["ProxyPass /static/ !", "RewriteRule ^ app.cgi [L]", "SetHandler cgi-script", "ProxyPass"]
)
def test_what_hands_nothing_on(tmp_path, text):
    assert of(tmp_path, text) == []


@pytest.mark.parametrize(
    ("section", "protocol"),
    [
        ("<Directory /srv>\nSetHandler fcgid-script\n</Directory>", "fcgid"),
        ("<Directory /srv>\nAddHandler fcgid-script .fcgi\n</Directory>", "fcgid"),
        ("<Directory /srv>\nAddHandler fcgid-script .fpl\n</Directory>", "cgi"),
        ("<Directory /other>\nSetHandler fcgid-script\n</Directory>", "cgi"),
        ("AddHandler FCGID-Script fcgi", "fcgid"),
        ("<Files *.fcgi>\nSetHandler fcgid-script\n</Files>", "fcgid"),
        ("<Files *.php>\nSetHandler fcgid-script\n</Files>", "cgi"),
        ("FcgidWrapper /srv/app.fcgi", "cgi"),  # says with what, and not that it is one for mod_fcgid
    ],
)
def test_how_a_script_is_run(tmp_path, section, protocol):
    [place] = of(tmp_path, f"ScriptAlias / /srv/app.fcgi/\n{section}")
    assert place.protocol == protocol
    assert place.scripts


def test_the_options_of_a_worker(tmp_path):
    [place] = of(
        tmp_path, "ProxyPass / fcgi://x:1/ enablereuse=On ttl=60\n<Proxy fcgi://x:1>\nProxySet timeout=5\n</Proxy>"
    )
    assert place.options == {"enablereuse": "on", "ttl": "60", "timeout": "5"}


def test_the_members_of_a_balancer(tmp_path):
    text = "<Proxy balancer://a>\nBalancerMember fcgi://x:1 retry=5\nBalancerMember fcgi://x:2\n</Proxy>\n"
    found = of(tmp_path, f"{text}ProxyPass / balancer://a/")
    assert [(place.address, place.options) for place in found] == [("x:1", {"retry": "5"}), ("x:2", {})]


def test_what_is_in_force(tmp_path):
    [place] = of(
        tmp_path,
        "A 1\n<VirtualHost *:80>\nA 2\nProxyPass /a/b scgi://x:1\n<Location /a>\nA 3\n</Location>\n"
        "<Location /c>\nA 4\n</Location>\n<LocationMatch x>\nA 5\n</LocationMatch>\n</VirtualHost>\n"
        "<VirtualHost *:81>\nA 6\n</VirtualHost>\n<Location /a/b/c>\nA 7\n</Location>\n",
    )
    assert [one.value for one in place.in_force("a")] == ["1", "7", "2", "3", "5"]
