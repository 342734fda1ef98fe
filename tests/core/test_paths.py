"""SCRIPT_NAME and PATH_INFO: the rules one by one. tests/test_corpus.py holds them to what real servers sent."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.core.paths import repair, resolve, unquote

NGINX = {"SERVER_SOFTWARE": "nginx/1.22.1", "REDIRECT_STATUS": "200"}
APACHE = {"SERVER_SOFTWARE": "Apache/2.4.71 (Debian)", "DOCUMENT_ROOT": "/srv/www"}
LIGHTTPD = {"SERVER_SOFTWARE": "lighttpd/1.4.69", "DOCUMENT_ROOT": "/srv/www"}
HAPROXY = {"SERVER_SOFTWARE": "HAProxy 2.6.12", "DOCUMENT_ROOT": "/srv/www"}


def variables(base: Mapping[str, str], script: str | None, path: str | None, uri: str, **more: str) -> dict[str, str]:
    given = {"SCRIPT_NAME": script, "PATH_INFO": path, "REQUEST_URI": uri}
    return {**base, **{name: value for name, value in given.items() if value is not None}, **more}


# nginx, with and without each parameter -------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/", "/app", "/app/", "/app/x", "/appx", "/a%20b/%C3%A9", "/x/../y", "//x"])
@pytest.mark.parametrize(
    ("script", "path"),
    [
        ("$uri", None),  # fastcgi_params as shipped
        ("", "$uri"),  # conf/nginx/fastcgi.conf
        ("", None),
        (None, "$uri"),
        (None, None),  # scgi_params as shipped
        ("$uri", "$uri"),
        ("", ""),  # PATH_INFO $fastcgi_path_info without fastcgi_split_path_info
    ],
)
def test_nginx_at_the_root(script: str | None, path: str | None, target: str) -> None:
    uri = resolve(unquote(target))
    sent = [value and value.replace("$uri", uri) for value in (script, path)]
    assert repair(variables(NGINX, sent[0], sent[1], target, DOCUMENT_URI=uri)) == ("", uri)
    assert repair(variables(NGINX, sent[0], sent[1], target, DOCUMENT_URI=uri), "") == ("", uri)


@pytest.mark.parametrize(("target", "rest"), [("/app", ""), ("/app/", "/"), ("/app/a%20b", "/a b"), ("//app//x", "/x")])
@pytest.mark.parametrize(
    ("script", "path"),
    [
        ("/app", "$rest"),  # fastcgi_split_path_info ^(/app)(/.*)?$, conf/nginx/fastcgi-mounted.conf
        ("/app", None),
        ("$uri", None),
        ("$uri", "$uri"),
        ("", "$uri"),
        (None, None),
        ("/app", "$uri"),
    ],
)
def test_nginx_at_a_mount_that_is_set(script: str | None, path: str | None, target: str, rest: str) -> None:
    uri = "/app" + rest
    fill = {"$rest": rest, "$uri": uri}
    sent = [fill.get(value, value) if value else value for value in (script, path)]
    assert repair(variables(NGINX, sent[0], sent[1], target, DOCUMENT_URI=uri), "/app") == ("/app", rest)
    assert repair(variables(NGINX, sent[0], sent[1], target), "/app") == ("/app", rest)


@pytest.mark.parametrize(
    ("target", "rest"), [("/app", ""), ("/app/", "/"), ("/app/a%20b", "/a b"), ("/app/%2541", "/%41")]
)
def test_nginx_at_a_mount_that_is_split(target: str, rest: str) -> None:
    assert repair(variables(NGINX, "/app", rest, target)) == ("/app", rest)


def test_nginx_split_without_its_slash() -> None:
    assert repair(variables(NGINX, "/app", "x", "/appx")) == ("", "/appx")
    assert repair(variables(NGINX, "/app", "x", "/appx"), "/app") == ("/app", "/appx")
    for mount in (None, "/app"):  # "^(/app/)(.*)$"
        assert repair(variables(NGINX, "/app/", "x/y", "/app/x/y"), mount) == ("/app", "/x/y")
        assert repair(variables(NGINX, "/app/", "", "/app/"), mount) == ("/app", "/")


def test_nginx_split_that_a_line_feed_stops() -> None:
    """The dot of ``^()(/.*)$`` does not match it: everything stays in SCRIPT_NAME (CVE-2019-11043)."""
    assert repair(variables(NGINX, "/a\nb", "", "/a%0ab")) == ("", "/a\nb")
    assert repair(variables(NGINX, "/app/a\nb", "", "/app/a%0ab"), "/app") == ("/app", "/a\nb")


def test_nginx_subrequest_is_not_the_request() -> None:
    """auth_request: REQUEST_URI is the path that is asked about, and must not be served instead."""
    for uri in ("/", "/app", "/app/x", "/_auth/x", "/x/_auth"):
        assert repair(variables(NGINX, "/_auth", None, uri, DOCUMENT_URI="/_auth")) == ("", "/_auth")
        assert repair(variables(NGINX, None, None, uri, DOCUMENT_URI="/_auth")) == ("", "/_auth")
        assert repair(variables(NGINX, "/_auth", "", uri))[1] in {"", "/"}  # with a split
        assert repair(variables(NGINX, "", "/_auth", uri))[1] == "/_auth"


def test_nginx_script_name_set_by_hand() -> None:
    assert repair(variables(NGINX, "/app/", "/app/x", "/app/x")) == ("/app", "/x")
    assert repair(variables(NGINX, "/app", None, "/app/x", DOCUMENT_URI="/_auth")) == ("", "/_auth")
    assert repair(variables(NGINX, "/app", None, "/app/x", DOCUMENT_URI="/_auth"), "/app") == ("/app", "/_auth")


def test_nginx_index() -> None:
    assert repair(variables(NGINX, "/app/index.fcgi", None, "/app/", DOCUMENT_URI="/app/")) == ("", "/app/")


# Apache ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "path", "uri", "expected"),
    [
        ("/app.cgi", None, "/", ("", "/")),
        ("/app.cgi", None, "/a/b", ("", "/a/b")),
        ("/app.cgi", None, "/a/b%20c?d", ("", "/a/b c")),
        ("/app.cgi", None, "/app.cgi", ("/app.cgi", "")),
        ("/app.cgi", "/x", "/app.cgi/x", ("/app.cgi", "/x")),
        ("/sub/app.cgi", None, "/sub/", ("/sub", "/")),
        ("/sub/app.cgi", None, "/sub/a/b", ("/sub", "/a/b")),
        ("/app.cgi", "/a/b", "/a/b", ("", "/a/b")),  # "RewriteRule ^(.*)$ app.cgi/$1"
        ("/sub/app.cgi", "/x", "/sub/x", ("/sub", "/x")),
        ("/cgi-bin/app.cgi", "/x", "/app/x", ("/app", "/x")),  # "RewriteRule ^/app(.*) /cgi-bin/app.cgi$1 [PT]"
        ("/cgi-bin/app.cgi", None, "/app", ("/app", "")),
        ("/cgi-bin/app.cgi", None, "/cgi-bin/app.cgi", ("/cgi-bin/app.cgi", "")),
        ("/app", None, "/app", ("/app", "")),
    ],
)
@pytest.mark.parametrize("redirected", [True, False], ids=["RewriteRule", "FallbackResource"])
def test_apache_rewriting(script: str, path: str, uri: str, expected: tuple[str, str], redirected: bool) -> None:
    sent = variables(APACHE, script, path, uri, SCRIPT_FILENAME="/srv/www" + script)
    if redirected:
        sent["REDIRECT_STATUS"] = "200"
    assert repair(sent) == expected
    assert repair(sent, real_script=True) == expected


@pytest.mark.parametrize("status", ["401", "403", "404", "500"])
@pytest.mark.parametrize("uri", ["/secret", "/secret/app.cgi", "/secret/errdoc", "/errdoc", "/", "/app.cgi/secret"])
@pytest.mark.parametrize("path", [None, "/errdoc"])
@pytest.mark.parametrize("mount", [None, "", "/app.cgi", "/app"])
def test_apache_error_document_does_not_serve_what_was_refused(
    status: str, uri: str, path: str | None, mount: str | None
) -> None:
    sent = variables(APACHE, "/app.cgi", path, uri, SCRIPT_FILENAME="/srv/www/app.cgi", REDIRECT_STATUS=status)
    script, path_info = repair(sent, mount, real_script=True)
    assert path_info == (path or ("" if script else "/"))
    assert script == ("/app.cgi" if mount is None else mount)


@pytest.mark.parametrize(
    ("filename", "script", "expected"),
    [
        ("proxy:fcgi://127.0.0.1:9000/app/x", "/app/x", ("", "/app/x")),
        ("proxy:fcgi://127.0.0.1:9000/x", "/app/x", ("/app", "/x")),
        ("proxy:fcgi://127.0.0.1:9000//x", "/app/x", ("/app", "/x")),
        ("proxy:fcgi://127.0.0.1:9000/", "/app", ("/app", "")),
        ("proxy:fcgi://127.0.0.1:9000/", "/app/", ("/app", "/")),
        ("proxy:fcgi://127.0.0.1:9000", "/app", ("/app", "")),
        ("proxy:fcgi://127.0.0.1:9000/", "/", ("", "/")),
        ("proxy:fcgi://127.0.0.1:9000/a%20b/%C3%A9", "/app/a b/\xc3\xa9", ("/app", "/a b/\xc3\xa9")),
        ("proxy:fcgi://127.0.0.1:9000/a%2Fb", "/app/a%2Fb", ("/app", "/a%2Fb")),  # AllowEncodedSlashes NoDecode
        ("proxy:unix:/run/app.sock|fcgi://localhost/x", "/app/x", ("/app", "/x")),
        ("proxy:balancer://pool/x", "/app/x", ("/app", "/x")),
        ("proxy:fcgi://localhost//srv/www/app.fcgi", "/app", ("/app", "")),
        ("proxy:fcgi://localhost//srv/www/app.fcgi", "/app.fcgi", ("/app.fcgi", "")),  # SetHandler for a file
        ("/a%20b", "/a b", ("", "/a b")),  # ProxyFCGIBackendType GENERIC
        ("/x", "/app/x", ("/app", "/x")),
        ("/usr/lib/cgi-bin/app", "/cgi-bin/app", ("/cgi-bin/app", "")),
    ],
)
def test_apache_proxy_tells_the_mount(filename: str, script: str, expected: tuple[str, str]) -> None:
    sent = variables(APACHE, script, None, quote(script.encode("latin-1")), SCRIPT_FILENAME=filename)
    assert repair(sent) == expected


def test_apache_proxy_encoded_path_info() -> None:
    for script in ("/app", "/app/a b/c", "/app/a b", ""):  # it cuts SCRIPT_NAME in different places
        sent = variables(APACHE, script, "/a%20b/c", "/app/a%20b/c", SCRIPT_FILENAME="proxy:fcgi://h:1/a%20b/c")
        assert repair(sent) == ("/app", "/a b/c")


def test_path_info_is_never_decoded_twice() -> None:
    """``/%2541`` is the path ``/%41``, and not ``/A``."""
    for script, path in (("", "/%41"), ("/%41", None), (None, None)):
        assert "".join(repair(variables(NGINX, script, path, "/%2541"))) == "/%41"
    # An Apache that decodes REQUEST_URI (CGIVar REQUEST_URI current-uri) does not make it an encoded one.
    assert repair(variables(APACHE, "/app", "/%41", "/app/%41", SCRIPT_FILENAME="/srv/app")) == ("/app", "/%41")


# lighttpd, HAProxy, Caddy, h2o ----------------------------------------------------------------------------------------


def test_lighttpd() -> None:
    assert repair(variables(LIGHTTPD, "/app", None, "/app", SCRIPT_FILENAME="/srv/www/app")) == ("/app", "")
    assert repair(variables(LIGHTTPD, "", "/x", "/x", SCRIPT_FILENAME="/srv/www/")) == ("", "/x")
    assert repair(variables(LIGHTTPD, "/", None, "/", SCRIPT_FILENAME="/srv/www/")) == ("", "/")
    assert repair(variables(LIGHTTPD, "/front.fcgi", "/x", "/x")) == ("", "/x")
    assert repair(variables(LIGHTTPD, "/app", "/x", "/x")) == ("/app", "/x")  # strip-request-uri
    assert repair(variables(LIGHTTPD, "/first", "/x", "/first/x"), "") == ("", "/first/x")  # no fix-root-scriptname


def test_haproxy() -> None:
    assert repair(variables(HAPROXY, "/app/x", None, "/app/x", SCRIPT_FILENAME="/srv/www/app/x")) == ("", "/app/x")
    assert repair(variables(HAPROXY, "/app/index.py", None, "/app/")) == ("", "/app/")
    assert repair(variables(HAPROXY, "/app", None, "/app/a%20b")) == ("/app", "/a b")
    assert repair(variables(HAPROXY, None, "/x", "/x")) == ("", "/x")


def test_caddy() -> None:
    """``split`` sends an empty PATH_INFO where it has split, and where it has not."""
    caddy = {"SERVER_SOFTWARE": "Caddy/2.6.2", "DOCUMENT_ROOT": "/srv/www"}
    assert repair(variables(caddy, "/app", "", "/app", DOCUMENT_URI="/app")) == ("", "/app")
    assert repair(variables(caddy, "/a.b", "", "/a.b", DOCUMENT_URI="/a.b")) == ("", "/a.b")
    assert repair(variables(caddy, "/front.php", "", "/x/../a%20b", DOCUMENT_URI="/front.php")) == ("", "/a b")
    assert repair(variables(caddy, "/_auth", "", "/x", DOCUMENT_URI="/_auth")) == ("", "/_auth")  # forward_auth
    assert repair(variables(caddy, "/app.php", "/x", "/app.php/x")) == ("/app.php", "/x")


def test_a_front_that_takes_the_mount_off() -> None:
    assert repair(variables({}, "", "/x", "/app/x")) == ("/app", "/x")
    assert repair(variables({}, "", "/x", "/app/x"), "/app") == ("/app", "/x")
    assert repair(variables({}, "", "/x", "/x"), "/app") == ("/app", "/x")  # and off REQUEST_URI as well
    assert repair(variables({}, "", "/", "/"), "/app") == ("/app", "/")


def test_request_uri_in_other_forms() -> None:
    assert repair(variables({}, "", "/http://a.test/x", "http://a.test/x?q")) == ("", "/x")  # h2o
    assert repair(variables({}, None, None, "https://a.test:8080/a%20b?q")) == ("", "/a b")
    assert repair(variables({}, None, None, "http://a.test")) == ("", "/")
    assert repair(variables({}, "/app", "/x", "*")) == ("/app", "/x")
    assert repair(variables({}, None, None, "a.test:443")) == ("", "/")
    assert repair({}) == ("", "/")


def test_mount_is_a_path_segment_not_a_prefix() -> None:
    assert repair(variables({}, "", "/apple", "/apple"), "/app") == ("/app", "/apple")
    assert repair(variables({}, "", "/app", "/app"), "/app") == ("/app", "")
    assert repair(variables({}, "", "/app/b/c", "/app/b/c"), "/app/b") == ("/app/b", "/c")


# Helpers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        *[("/", "/"), ("//", "/"), ("/a", "/a"), ("/a/", "/a/"), ("//a///b", "/a/b"), ("/a/./b", "/a/b"), ("/.", "/")],
        *[
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/../../a", "/a"),
            ("/a/../../b/", "/b/"),
            ("/.a/..b/...", "/.a/..b/..."),
        ],
    ],
)
def test_resolve(path: str, expected: str) -> None:
    assert resolve(path) == expected


@given(st.text(st.sampled_from("%2fF0aAé/ +_\x00"), max_size=20))
@example("%")
@example("%%41")
@example("%4")
@example("%zz%+1%_1% 1")
def test_unquote_agrees_with_urllib(text: str) -> None:
    assert unquote(text) == unquote_to_bytes(text.encode("latin-1")).decode("latin-1")


# Properties -----------------------------------------------------------------------------------------------------------

paths = st.text(st.sampled_from("//aab.%2eE0\n\x00é?#"), max_size=12)
uris = st.one_of(paths, paths.map("/".__add__), paths.map("http://h".__add__), st.sampled_from(["*", "h:443", ""]))
filenames = st.one_of(
    paths, paths.map("proxy:fcgi://h:1/".__add__), paths.map("proxy:".__add__), paths.map("/d".__add__)
)
names = {
    "SCRIPT_NAME": paths,
    "PATH_INFO": paths,
    "REQUEST_URI": uris,
    "DOCUMENT_URI": paths,
    "SCRIPT_FILENAME": filenames,
    "DOCUMENT_ROOT": st.sampled_from(["", "/", "/d"]),
    "SERVER_SOFTWARE": st.sampled_from(["", "nginx/1", "Apache/2", "Caddy/2", "lighttpd/1", "h2o/2", "HAProxy 2"]),
    "REDIRECT_STATUS": st.sampled_from(["", "200", "404"]),
    "SCGI": st.just("1"),
}
anything = st.fixed_dictionaries({}, optional=names)
mounts = st.sampled_from([None, "", "/a", "/a/b"])


@given(anything, mounts, st.booleans())
@example({"SCRIPT_NAME": "/a/", "PATH_INFO": "/", "REQUEST_URI": "/a/%0a"}, None, False)
def test_property_anything_gives_paths_of_pep_3333(sent: dict[str, str], mount: str | None, real_script: bool) -> None:
    script, path = repair(sent, mount, real_script)
    assert script == "" or (script[0] == "/" and script[-1] != "/")
    assert path == "" or path[0] == "/"
    assert script or path
    assert mount is None or script == mount


@given(anything, mounts)
def test_property_the_path_is_one_the_server_sent(sent: dict[str, str], mount: str | None) -> None:
    """CVE-2019-11043: whatever the three say, nothing is made up, and nothing is cut but at a slash."""
    script, path = repair(sent, mount)
    pair = sent.get("SCRIPT_NAME", ""), sent.get("PATH_INFO", "")
    sources = [*sent.values(), *(join.join(pair) for join in ("", "/"))]
    sources += [join.join((pair[0], unquote(pair[1]))) for join in ("", "/")]
    uri = sent.get("REQUEST_URI", "").partition("?")[0]
    sources += [uri, uri.replace("%2e", "."), uri.partition("//h")[2]]
    known = {form for text in sources for form in forms(text)} | {"/"}
    whole = resolve(script + path) if mount is None else resolve(path)
    assert any(text == whole or text.endswith(whole) or text == whole + "/" for text in known)


def forms(text: str) -> set[str]:
    kept = text.replace("%2F", "%252F").replace("%2f", "%252f")
    decoded = {text, unquote(text), unquote(kept), unquote(unquote(text))}
    return {resolve("/" + form) for form in decoded}


@given(anything, mounts)
def test_property_dots_of_request_uri_never_come_through(sent: dict[str, str], mount: str | None) -> None:
    """A server resolves ``..`` before it looks at its access rules; an application must not see the other path."""
    others = [sent.get(name, "") for name in ("SCRIPT_NAME", "PATH_INFO", "DOCUMENT_URI", "SCRIPT_FILENAME")]
    if not any("." in unquote(text) for text in others):
        assert ".." not in "/".join(repair(sent, mount)).split("/")


segments = st.text(st.sampled_from("abé %2fF\n?#+"), min_size=1, max_size=5).filter(
    lambda text: text not in {".", ".."}
)


@given(st.lists(segments, max_size=4), st.booleans(), st.sampled_from(["", "/app", "/app/b"]))
def test_property_every_style_gives_the_same_split(below: list[str], slash: bool, mount: str) -> None:
    rest = "".join("/" + segment for segment in below) + ("/" if slash or not (below or mount) else "")
    whole = mount + rest
    target = quote(whole.encode("latin-1"), safe="/")
    styles = {
        "split": variables(NGINX, mount, rest, target),
        "whole path in SCRIPT_NAME": variables(NGINX, whole, None, target),
        "whole path in PATH_INFO": variables(NGINX, "", whole, target),
        "whole path in both": variables(NGINX, whole, whole, target),
        "neither": variables(NGINX, None, None, target),
        "a front controller": variables(NGINX, "/front.fcgi", whole, target),
        "ProxyPass": variables(APACHE, whole, None, target, SCRIPT_FILENAME="proxy:fcgi://h:1" + target),
        "HAProxy": variables(HAPROXY, whole, None, target, SCRIPT_FILENAME="/srv/www" + whole),
    }
    for style, sent in styles.items():
        assert repair(sent, mount) == (mount, rest), style
        if style == "split" and (rest or "\n" not in mount):
            assert repair(sent) == (mount, rest), style
        elif style != "split":
            assert "".join(repair(sent)) == whole, style
