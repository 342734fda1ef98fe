"""Every request of tests/corpus/ through the environ builder: paths, URL, body length, and the cleaning rules."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit
from wsgiref.util import request_uri
from wsgiref.validate import check_environ

import pytest

from gateways.core.environ import EnvironBuilder, content_length
from gateways.errors import ProtocolError
from tests.support.corpus import CORPUS, RESPONDER, Asked, Capture, Request, asked, captures, table


class Configuration(NamedTuple):
    captures: str
    mount: str
    found: str
    decoding: str
    text: str = ""


CONFIGURATIONS = {row[0]: Configuration(*row) for row in table("configurations.tsv")}
EXCEPTIONS = [[field.encode().decode("unicode_escape") for field in row] for row in table("exceptions.tsv")]
#: Authorizers, and requests that HAProxy multiplexed or gave up: what they test is the transport.
OTHER = {"apache-authnzfcgi/roles", "cgifcgi-fastcgi/bind", "haproxy-fcgi/mpxsabort"}


def builder(capture: Capture, script_name: str | None = None) -> EnvironBuilder:
    return EnvironBuilder(
        script_name=script_name,
        multithread=True,
        multiprocess=False,
        delimited=capture.transport in {"fastcgi", "ajp"},
        trust_script=capture.transport == "cgi",
    )


def responder_request(capture: Capture) -> Request | None:
    """The request of a capture that holds one, with variables, for a responder."""
    requests = capture.requests()
    if len(requests) != 1 or requests[0].role != RESPONDER or not requests[0].variables or b" || " in capture.http:
        return None
    if b"FCGI_APACHE_ROLE" in dict(requests[0].variables):  # mod_fcgid asks authorizers so
        return None
    return requests[0]


def expected_path(configuration: Configuration, question: Asked) -> str:
    """The path the client asked for, as far as the server changes it (configurations.tsv, "decoding")."""
    path = question.path
    done = configuration.decoding.split()
    if "2f" in done:
        target = re.sub("%2f", "%252F", question.target.partition("?")[0], flags=re.IGNORECASE)
        path = unquote_to_bytes(target).decode("latin-1")
    if "slashes" in done:
        path = re.sub("/+", "/", path)
    if "leading" in done:
        path = re.sub("^/+", "/", path)
    if "dots" in done:
        path = path.replace("/./", "/")
        while "/../" in path:
            path = re.sub(r"(/[^/]*)?/\.\./", "/", path, count=1)
    return path


def below(path: str, mount: str) -> tuple[str, str]:
    return (mount, path[len(mount) :]) if path == mount or path.startswith(mount + "/") else ("", path)


def found_split(configuration: Configuration, path: str) -> tuple[str, str] | None:
    """What has to come out when script_name is not set; None where it is not pinned."""
    if configuration.found == "yes":
        return below(path, configuration.mount)
    if configuration.found == "root":
        return "", path
    if configuration.found == "segment":
        first = re.match("/[^/]*", path)
        return below(path, first.group()) if first and path != "/" else ("", path)
    if configuration.found == "stripped":
        return "", below(path, configuration.mount)[1] or "/"
    assert configuration.found == "script"
    return None


def exception(capture: Capture) -> list[str] | None:
    rows = [row for row in EXCEPTIONS if fnmatchcase(capture.name, row[0])]
    assert len(rows) < 2, f"{capture.name} matches several exceptions"
    return rows[0] if rows else None


def names(value: object) -> str:
    return value.replace("/", ":") if isinstance(value, str) else ""


@pytest.mark.parametrize("name", CONFIGURATIONS, ids=names)
def test_paths(name: str) -> None:
    configuration = CONFIGURATIONS[name]
    wrong = []
    seen = 0
    for capture in captures(*name.split("/")):
        request = responder_request(capture)
        question = asked(capture.http)
        if request is None or not question.path or "\0" in question.path:
            continue
        seen += 1
        path = expected_path(configuration, question)
        auto: tuple[str, str] | None = found_split(configuration, path)
        fixed = configuration.mount, below(path, configuration.mount)[1]
        row = exception(capture)
        if row:
            auto, fixed = (row[1], row[2]), (configuration.mount, row[3])
        for script_name, expected in ((None, auto), (configuration.mount, fixed)):
            environ = builder(capture, script_name).build(request.variables)
            got = environ["SCRIPT_NAME"], environ["PATH_INFO"]
            if got != expected and expected is not None:
                wrong.append(f"{capture.name} script_name={script_name!r}: got {got}, not {expected}")
    assert not wrong, "\n".join(wrong)
    assert seen


def test_every_capture_is_accounted_for() -> None:
    on_disk = {f"{path.parent.name}/{path.stem}" for path in CORPUS.glob("*/*.captures")}
    authorizers = {name for name in on_disk if re.fullmatch(r"lighttpd-fastcgi/authz\d?", name)}
    assert on_disk == set(CONFIGURATIONS) | OTHER | authorizers


def test_every_exception_is_needed() -> None:
    unused = {row[0] for row in EXCEPTIONS}
    for capture in captures():
        row = exception(capture)
        if row:
            unused.discard(row[0])
    assert not unused


# The URL --------------------------------------------------------------------------------------------------------------

#: HTTP_HOST is not what the client sent, and why.
HOSTS = {
    "nginx-*": "Debian's fastcgi_params and scgi_params send $host: lower case, without the port",
    "fcgiwrap-cgi/*": "by the same nginx",
    "nginx-fastcgi/hdrsoff-*": "fastcgi_pass_request_headers off: there is no Host, and no SERVER_NAME either",
    "lighttpd-*": "lighttpd sends it in lower case",
    "h2o-fastcgi/root-absform": "h2o does not put the authority of an absolute target into Host",
    "h2o-fastcgi/root-hostdup": "the last of two",
}


def same_host(capture: Capture, host: str, got: str) -> bool:
    if host == got:
        return True
    known = [pattern for pattern in HOSTS if fnmatchcase(capture.name, pattern)]
    if "h2o-fastcgi/root-absform" in known:
        return got == "example.test"
    if "h2o-fastcgi/root-hostdup" in known:
        return got == "second.test"
    if "nginx-fastcgi/hdrsoff-*" in known:
        return got == "localhost"
    if known == ["lighttpd-*"]:
        return got == host.lower()
    return bool(known) and got in {re.sub(r":\d+$", "", host.lower()), host.lower(), "example.test"}


@pytest.mark.parametrize("name", CONFIGURATIONS, ids=names)
def test_request_uri_is_the_url_asked_for(name: str) -> None:
    configuration = CONFIGURATIONS[name]
    tls = configuration.captures.endswith(("/https", "/h2"))
    wrong = []
    for capture in captures(*name.split("/")):
        request = responder_request(capture)
        question = asked(capture.http)
        if request is None or not question.path or "\0" in question.path or exception(capture):
            continue
        mount = configuration.mount if configuration.found == "stripped" else None
        environ = builder(capture, mount).build(request.variables)
        url = urlsplit(request_uri(environ))
        path = unquote_to_bytes(url.path).decode("latin-1")
        query = question.query.partition("#")[0]
        if capture.server.startswith("lighttpd") and unquote_to_bytes(query.encode("latin-1")) == query.encode(
            "latin-1"
        ):
            query = quote(query.encode("latin-1"), safe="?&=/+;")  # lighttpd encodes what should have been encoded
        if url.scheme != ("https" if tls else "http"):
            wrong.append(f"{capture.name}: {url.scheme}")
        if path != expected_path(configuration, question):
            wrong.append(f"{capture.name}: path {path!r}")
        if url.query != query:
            wrong.append(f"{capture.name}: query {url.query!r}, not {query!r}")
        if question.host and not same_host(capture, question.host, url.netloc):
            wrong.append(f"{capture.name}: host {url.netloc!r}, not {question.host!r}")
    assert not wrong, "\n".join(wrong)


# The body -------------------------------------------------------------------------------------------------------------

#: The server announces a body that it does not send.
NO_BODY = {"nginx-scgi/bodyoff-post_small", "nginx-scgi/nobuf-post_slow"}


def test_body_length() -> None:
    wrong = []
    for capture in captures():
        request = responder_request(capture)
        question = asked(capture.http)
        if request is None or "\0" in question.path or capture.server == "cgifcgi-fastcgi":
            continue
        expected = question.body
        if re.search("authreq-[a-z_]+$|hdrsoff|(passhdr|rewp)-errdoc_post", capture.name):
            expected = b""  # fastcgi_pass_request_body off; Apache drops it before an ErrorDocument
        length = content_length(builder(capture).build(request.variables))
        if capture.name in NO_BODY:
            assert length == len(expected)
        elif request.body != expected or length not in {None, len(expected)}:
            wrong.append(f"{capture.name}: {length} announced, {len(request.body)} sent, {len(expected)} expected")
    assert not wrong, "\n".join(wrong)


def test_the_length_is_unknown_only_where_the_transport_tells_the_end() -> None:
    unknown = set()
    for capture in captures():
        request = responder_request(capture)
        if request and request.body and content_length(builder(capture).build(request.variables)) is None:
            assert "chunked" in capture.case or capture.case in {"postnolen", "post_te_cl"}, capture.name
            unknown.add(capture.server)
    assert unknown == {
        *("apache-cgi", "apache-cgid", "apache-proxyfcgi", "apache-proxyajp", "caddy-fastcgi", "nginx-fastcgi"),
    }


# Cleaning -------------------------------------------------------------------------------------------------------------


def test_environs_are_what_pep_3333_wants() -> None:
    count = 0
    for capture in captures():
        for request in capture.requests():
            if not request.variables or b"%00" in capture.http:
                continue  # HAProxy gave it up; test_a_nul_in_a_path_is_refused
            environ = builder(capture).build(request.variables)
            environ["wsgi.input"] = environ["wsgi.errors"] = None
            check_strictly(environ)
            count += 1
    assert count > 3000


def check_strictly(environ: dict[str, Any]) -> None:
    """wsgiref's rules, and ours on top."""
    method = environ["REQUEST_METHOD"]
    if method not in {"FOO", "get", "PROPFIND", "CONNECT"}:  # wsgiref warns of methods it does not know
        check_environ_without_streams(environ)
    for name, value in environ.items():
        assert type(name) is str
        if not name.startswith("wsgi."):
            assert type(value) is str
            value.encode("latin-1")
    assert type(environ) is dict
    assert not {"HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"} & environ.keys()
    assert environ.get("CONTENT_LENGTH", "0").isdigit()
    assert environ.get("CONTENT_TYPE", "x")
    assert environ["SERVER_NAME"]
    assert ":" not in environ["SERVER_NAME"] or environ["SERVER_NAME"].startswith("[")
    assert environ["SERVER_PORT"].isdigit()
    assert environ["SERVER_PROTOCOL"].startswith("HTTP/")
    assert environ["QUERY_STRING"] is not None


def check_environ_without_streams(environ: dict[str, Any]) -> None:
    class Stream:
        def read(self) -> None: ...

        readline = readlines = __iter__ = flush = write = writelines = read

    check_environ({**environ, "wsgi.input": Stream(), "wsgi.errors": Stream()})


def environs(pattern: str) -> dict[str, dict[str, Any]]:
    """The environs of the captures with this case, by server."""
    found = {}
    for capture in captures():
        if capture.case == pattern:
            request = responder_request(capture)
            if request:
                found[f"{capture.server}/{capture.configuration}"] = builder(capture).build(request.variables)
    return found


def test_finding_2_repeated_headers_are_joined() -> None:
    for name, environ in environs("hdr_dup").items():
        assert environ["HTTP_X_DUP"] == "a, b", name
        # Apache and Caddy join cookies themselves, with the comma of other fields.
        assert environ["HTTP_COOKIE"] in {"c1=1; c2=2", "c1=1;c2=2", "c1=1, c2=2"}, name
        if name.startswith(("nginx", "haproxy")):
            assert environ["HTTP_COOKIE"] == "c1=1; c2=2"


def test_finding_2_a_header_with_an_underscore_never_stands_alone_for_its_twin() -> None:
    for name, environ in environs("hdr_undash").items():
        assert environ["HTTP_X_FOO"] in {"dash", "dash, underscore", "underscore, dash"} or name.startswith("caddy"), (
            name
        )


def test_finding_1_proxy_header_is_gone() -> None:
    assert len(environs("hdr_proxy")) > 40
    for name, environ in environs("hdr_proxy").items():
        assert "HTTP_PROXY" not in environ, name
        assert "evil" not in environ.values(), name


def test_spoofed_headers_stay_headers() -> None:
    for name, environ in environs("hdr_spoof").items():
        assert environ["SCRIPT_NAME"] != "/evil", name
        assert "REMOTE_USER" not in environ, name
        assert environ["wsgi.url_scheme"] == "http", name


def test_authorization_reaches_the_application_where_the_server_is_told_to_pass_it() -> None:
    wanted = "Basic dXNlcjpwYXNz"
    found = {name for name, environ in environs("auth_basic").items() if environ.get("HTTP_AUTHORIZATION") == wanted}
    assert {"nginx-fastcgi/root", "nginx-scgi/root", "lighttpd-fastcgi/app", "lighttpd-scgi/app"} <= found
    assert {"apache-cgid/rewauth", "apache-cgid/rewauthdir", "apache-cgid/addhandler"} <= found
    assert {"apache-fcgid/passhdr", "apache-proxyfcgi/passauth", "haproxy-fcgi/wsgi"} <= found


def test_haproxy_remote_user_is_not_believed() -> None:
    environ = environs("auth_basic")["haproxy-fcgi/plain"]
    assert "REMOTE_USER" not in environ
    assert "AUTH_TYPE" not in environ


def test_a_nul_in_a_path_is_refused() -> None:
    refused = set()
    for capture in captures(server="h2o-fastcgi"):
        if b"%00" in capture.http:
            with pytest.raises(ProtocolError) as caught:
                builder(capture).build(capture.requests()[0].variables)
            assert caught.value.status == "400 Bad Request"
            refused.add(capture.case)
    assert refused == {"app_nul"}


# The documentation ----------------------------------------------------------------------------------------------------

SERVERS = {
    "nginx-fastcgi": "nginx, FastCGI",
    "nginx-scgi": "nginx, SCGI",
    "nginx-uwsgi": "nginx, uwsgi",
    "apache-cgid": "Apache, mod_cgi and mod_cgid",
    "apache-fcgid": "Apache, mod_fcgid",
    "apache-proxyfcgi": "Apache, mod_proxy_fcgi",
    "apache-proxyscgi": "Apache, mod_proxy_scgi",
    "apache-proxyuwsgi": "Apache, mod_proxy_uwsgi",
    "apache-proxyajp": "Apache, mod_proxy_ajp",
    "lighttpd-cgi": "lighttpd, CGI",
    "lighttpd-fastcgi": "lighttpd, FastCGI",
    "lighttpd-scgi": "lighttpd, SCGI",
    "lighttpd-uwsgi": "lighttpd, uwsgi",
    "lighttpd-ajp13": "lighttpd, AJP13",
    "caddy-fastcgi": "Caddy, FastCGI",
    "haproxy-fcgi": "HAProxy, FastCGI",
    "h2o-fastcgi": "h2o, FastCGI",
    "fcgiwrap-cgi": "fcgiwrap behind nginx, CGI",
}
OUTCOMES = {
    "yes": "right",
    "root": "**set it**: the mount is not sent",
    "segment": "**set it**: the first segment is sent as the mount",
    "stripped": "**set it**: the mount has been taken off",
    "script": "**set it**: where SCRIPT_NAME ends differs by request",
}


def documented_tables() -> str:
    lines = []
    for server, heading in SERVERS.items():
        lines += [f"**{heading}**", "", "| configuration | mount | without `script_name` |", "|---|---|---|"]
        for row in CONFIGURATIONS.values():
            if row.text and row.captures.startswith(server + "/"):
                lines.append(f"| {row.text} | `{row.mount or '/'}` | {OUTCOMES[row.found]} |")
        lines.append("")
    return "\n".join(lines)


def test_the_documented_tables_are_what_is_tested() -> None:
    page = (CORPUS.parents[1] / "docs" / "explain" / "paths.md").read_text(encoding="utf-8")
    assert documented_tables() in page, f"docs/explain/paths.md has to contain:\n{documented_tables()}"
