"""What ``gateways conf apache`` writes, in one Apache: each module at several mount points, as virtual hosts."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gateways.deploy.registry import describe, generate
from tests.live.answers import Answer, ask
from tests.live.sandbox import Sandbox, free_port
from tests.live.servers import Apache, Process, start_backend
from tests.live.site import PATIENCE
from tests.support import requirements
from tests.support.source import CHECKOUT

pytestmark = [pytest.mark.live, pytest.mark.alike]

MOUNTS = ("", "/app", "/a b/ü", "/x.+(y)[z]*$'|{2}^&;<>~!")
LIMIT = 200_000
"""Bytes; more than mod_fcgid's 131072."""

#: What is configured: the transport, how often the address is given, and more.
KINDS: Mapping[str, tuple[str, int, dict[str, Any]]] = {
    "cgi": ("cgi", 0, {}),
    "fcgid": ("spawn", 0, {}),
    "fcgi": ("fastcgi", 1, {}),
    "fcgi-tcp": ("fastcgi", 1, {}),
    "sethandler": ("fastcgi", 1, {"variant": "sethandler"}),
    "scgi": ("scgi", 1, {}),
    "uwsgi": ("uwsgi", 1, {}),
    "ajp": ("ajp", 1, {"ajp_secret": "it's a secret"}),
    "http": ("http", 1, {}),
    "fcgi-balancer": ("fastcgi", 2, {}),
    "scgi-balancer": ("scgi", 2, {}),
    "uwsgi-balancer": ("uwsgi", 2, {}),
    "ajp-balancer": ("ajp", 2, {"ajp_secret": "it's a secret"}),
    "http-balancer": ("http", 2, {}),
}
TCP = ("fcgi-tcp", *(kind for kind in KINDS if kind.endswith("-balancer")))
HTACCESS = {"htaccess-cgi": "cgi", "htaccess-fcgid": "spawn"}
#: Files beside an application that nobody should get, and one that a certificate needs.
SECRETS = (
    *("db.sqlite3", "db.sqlite3-journal", ".env", "settings.ini", ".git/config", "sub/.git/HEAD", "sub/app.py"),
    *("secrets.yaml", "sub/dump.sql", "debug.log", "app.py~", "server.key"),
)
OPEN = ".well-known/acme-challenge/token"
SITES = [(kind, number) for kind in (*KINDS, *HTACCESS) for number in range(len(MOUNTS))]
GUARDED: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "authnz-fcgi": ("fastcgi", ["127.0.0.1:9000"], {"authorizer": "127.0.0.1:9001"}),
    "fcgid-authorizer": (
        "spawn",
        [],
        {"authorizer": str(CHECKOUT / "cgi-bin/app.fcgi"), "mount": "/app"},
    ),  # it has to be there
}
GUARDED_SITES = [("authnz-fcgi", 0), ("authnz-fcgi", 3), ("fcgid-authorizer", 3)]
NAMES = {site: f"{site[0]}-{MOUNTS[site[1]] or '/'}" for site in [*SITES, *GUARDED_SITES]}


@dataclass
class Booted:
    """The Apache with all of them."""

    box: Sandbox
    port: int
    tls_port: int

    def connect(self, *, tls: bool = False) -> http.client.HTTPConnection:
        """A connection to one of the two ports."""
        if not tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection("127.0.0.1", self.tls_port, timeout=PATIENCE, context=context)

    def ask(self, name: str, target: str, method: str = "GET", *, tls: bool = False, **more: Any) -> Answer:
        """Send a request for a path of a host."""
        headers = {"Host": name, "X-Application": "probe", **more.pop("headers", {})}
        return ask(self.connect(tls=tls), method, target, headers=headers, **more)


def host(kind: str, number: int) -> str:
    """The virtual host."""
    return f"{kind}-{number}.example.org"


def mounted(site: tuple[str, int]) -> str:
    """The mount as it stands in a URL."""
    return quote(MOUNTS[site[1]], safe="/")


class Backends:
    """Processes that serve the application, one for each set of flags."""

    def __init__(self, box: Sandbox, stack: ExitStack) -> None:
        self.box = box
        self.stack = stack
        self.ports = {transport: free_port() for transport in ("fastcgi", "scgi", "uwsgi", "ajp", "http")}
        self.addresses: dict[tuple[str, ...], dict[str, str]] = {}

    def serve(self, flags: tuple[str, ...]) -> dict[str, str]:
        """Return the addresses at which the application is served with these flags, by transport."""
        if flags not in self.addresses:
            number = len(self.addresses)
            given, words, waited = {}, [], []
            for transport in ("fastcgi", "scgi", "uwsgi", "ajp", "http"):
                path = f"{self.box.run}/{transport}{number}.sock"
                port = free_port()
                given[transport], given[f"{transport}-tcp"] = f"unix:{path}", f"127.0.0.1:{port}"
                words += [f"--{transport}", f"unix:{path}", f"--{transport}", f"127.0.0.1:{port}"]
                waited += [path, ("127.0.0.1", port)]
            log = self.box.logs / f"backend{number}.log"
            process: Process = start_backend(self.box, [*words, *flags], waited[0], log)
            self.stack.callback(process.stop)
            for address in waited:
                process.wait_for(address)
            self.addresses[flags] = given
        return self.addresses[flags]


def write(kind: str, number: int, backends: Backends, **changes: Any) -> str:
    """Write the file of one site, with the backends that its own comment asks for."""
    transport, times, more = KINDS[kind]
    box = backends.box
    values = {
        "name": f"{kind}-{number}",
        "server_name": host(kind, number),
        "mount": MOUNTS[number],
        "root": str(box.srv),
        "static": (("/static", f"{box.srv}/static"), (f"{MOUNTS[number]}/files", f"{box.srv}/static")),
        "private": (("/private", str(box.srv / "private")),),
        "upload_limit": LIMIT,
        "ajp_secret": "",
        **more,
        **changes,
    }
    text = ""
    addresses: list[str] = ["127.0.0.1:1"] * times  # until it is known how to serve
    for _ in range(2):
        [file] = generate(describe("apache", transport, addresses, **values))
        text = file.text
        if times:
            flags = flags_of(text)
            given = backends.serve(flags)
            addresses = [given[f"{transport}-tcp" if kind in TCP else transport]] * times
            if times > 1:
                addresses[1] = f"127.0.0.1:{free_port()}"  # nobody is there: it takes the other
    return text


def host_for_customers(kind: str, number: int, box: Sandbox) -> str:
    """Write an .htaccess, and return the virtual host of who owns the machine."""
    directory = box.srv / f"{kind}-{number}"
    directory.mkdir()
    [file] = generate(describe("htaccess", HTACCESS[kind], mount=MOUNTS[number], upload_limit=LIMIT))
    (directory / ".htaccess").write_text(file.text)
    (directory / "style.css").write_text((box.srv / "static" / "style.css").read_text())
    box.install_script(CHECKOUT / "cgi-bin" / ("app.cgi" if kind == "htaccess-cgi" else "app.fcgi"), directory)
    box.install_application(directory)
    for name in (*SECRETS, OPEN):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("x")
    where = f'Alias "{MOUNTS[number]}" {directory}' if MOUNTS[number] else ""
    return f"""\
<VirtualHost *:80>
    ServerName {host(kind, number)}
    DocumentRoot {box.srv / "public" if where else directory}
    {where}
    FcgidMaxRequestLen 104857600
    <Directory {box.srv}>
        Require all granted
    </Directory>
    <Directory {directory}>
        AllowOverride All
    </Directory>
</VirtualHost>
"""


def guarded(kind: str, number: int, backends: Backends, authorizer: str) -> str:
    """Write the file of a site with an authorizer."""
    transport, addresses, _ = GUARDED[kind]
    box = backends.box
    values = {
        "name": f"guard{number}",
        "server_name": host(kind, number),
        "mount": MOUNTS[number],
        "root": str(box.srv),
        "static": ((f"{MOUNTS[number]}/files", f"{box.srv}/static"),),
        "authorizer": authorizer if addresses else f"{box.scripts}/auth.fcgi",
    }
    here = [backends.serve(())["fastcgi"] for _ in addresses]
    [file] = generate(describe("apache", transport, here, **values))
    return file.text


def flags_of(text: str) -> tuple[str, ...]:
    """The flags of ``gateways serve`` in the comment, without addresses and what is for several machines."""
    [command] = re.findall(r"^#   gateways serve (.*)$", text, re.MULTILINE)
    words = shlex.split(command)
    assert words.pop(0) == "app:application"
    found = []
    for flag, value in zip(words[::2], words[1::2]):
        if flag in ("--script-name", "--ajp-secret"):
            found += [flag, value]
    return tuple(found)


def serve_authorizer(box: Sandbox, stack: ExitStack) -> str:
    """Serve the authorizer of the tests, and have it as a script as well. Return its address."""
    (box.scripts / "auth.py").write_text((CHECKOUT / "tests/apps/auth.py").read_text())
    script = box.scripts / "auth.fcgi"
    script.write_text((box.scripts / "app.fcgi").read_text().replace("app:application", "auth:application"))
    script.chmod(0o755)
    port = free_port()
    arguments = ["--fastcgi", f"127.0.0.1:{port}"]
    process = start_backend(box, arguments, ("127.0.0.1", port), box.logs / "auth.log", "auth:application")
    stack.callback(process.stop)
    return f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def apache(machine: Sandbox) -> Iterator[Booted]:
    """All of them, booted."""
    module = requirements.require_file("/usr/lib/apache2/modules/mod_xsendfile.so", "libapache2-mod-xsendfile")
    server = Apache(machine, "conf-apache")
    private = machine.srv / "private"
    private.mkdir()
    (private / "a b.txt").write_text("for you alone\n")
    certificate = tuple(str(CHECKOUT / "tests/support/tls" / name) for name in ("server.crt", "server.key"))
    tls_port = free_port()
    with ExitStack() as stack:
        backends = Backends(machine, stack)
        texts = [write(*site, backends) for site in SITES if site[0] in KINDS]
        texts += [host_for_customers(*site, machine) for site in SITES if site[0] in HTACCESS]
        authorizer = serve_authorizer(machine, stack)
        texts += [guarded(*site, backends, authorizer) for site in GUARDED_SITES]
        texts += [
            write(kind, 1, backends, server_name=f"tls-{kind}.example.org", name=f"tls-{kind}", tls=certificate)
            for kind in KINDS
        ]
        modules = ("dir", "socache_shmcb", "ssl")
        extra = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules]
        extra += [f"LoadModule xsendfile_module {module}", f"Listen 127.0.0.1:{tls_port}"]
        text = "\n".join([*extra, *texts])
        text = text.replace("<VirtualHost *:443>", f"<VirtualHost 127.0.0.1:{tls_port}>")
        server.start(machine.adapt("apache.conf", text, server.replacements()))
        stack.callback(server.stop)
        yield Booted(machine, server.port, tls_port)


@pytest.mark.parametrize("site", SITES, ids=NAMES.get)
def test_a_site(apache: Booted, site: tuple[str, int]) -> None:
    """Paths, the header Authorization, static files, what is beside, and how large an upload may be."""
    mount = MOUNTS[site[1]]
    script = mount.encode().decode("latin-1")
    for path, seen in (("", ""), ("/", "/"), ("/x%20y/%C3%A9/", "/x y/\xc3\xa9/"), (mounted(site), script)):
        target = mounted(site) + path
        if not path and site[0] in HTACCESS:
            assert not mount or apache.ask(host(*site), target).status == 301, "to the directory"
        elif target:
            environ = apache.ask(host(*site), target, headers={"Authorization": "Basic eDp5"}).environ
            if not path and site[0].startswith("uwsgi"):
                seen = "/"  # mod_proxy_uwsgi asks for no empty path, and crashes where <Proxy> would keep the whole one
            assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script, seen)
            assert environ["HTTP_AUTHORIZATION"] == "Basic eDp5"
    for path in [mounted(site)] if site[0] in HTACCESS else ["/static", f"{mounted(site)}/files"]:
        answer = apache.ask(host(*site), f"{path}/style.css")
        assert (answer.status, answer.body) == (200, b"body { color: black }\n")
    if mount:
        assert apache.ask(host(*site), "/index.html").body == b"other content\n"
        assert apache.ask(host(*site), f"{mounted(site)}le").status == 404
    for size, status in ((LIMIT - 5000, 200), (LIMIT + 5000, 413)):
        answer = apache.ask(host(*site), f"{mounted(site)}/", "POST", body=bytes(size))
        assert answer.status == status
        assert status != 200 or json.loads(answer.body)["body"]["length"] == size
        assert "Vary" not in answer.headers


@pytest.mark.parametrize("kind", KINDS)
def test_a_streamed_page_leaves_at_once(apache: Booted, kind: str) -> None:
    released = apache.box.signal(kind)
    with closing(apache.connect()) as connection:
        headers = {"Host": host(kind, 1), "X-Application": "probe"}
        connection.request("GET", f"/app/do/stream?file={quote(str(released))}", headers=headers)
        response = connection.getresponse()
        assert response.readline() == b"first\n"
        released.touch()
        assert response.read() == b"released\n"


@pytest.mark.parametrize("kind", KINDS)
def test_apache_sends_the_file_that_the_application_names(apache: Booted, kind: str) -> None:
    def ask(path: Path) -> Answer:
        return apache.ask(host(kind, 1), f"/app/do/hand-over?header=X-Sendfile&value={quote(str(path))}")

    answer = ask(apache.box.srv / "private" / "a b.txt")
    assert (answer.status, answer.body) == (200, b"for you alone\n")
    assert "X-Sendfile" not in answer.headers
    assert ask(apache.box.srv / "static" / "style.css").status == 404, "not one that is somewhere else"


@pytest.mark.parametrize("kind", HTACCESS)
def test_a_customer_shows_no_secrets(apache: Booted, kind: str) -> None:
    """Neither of its own nor below another directory; pages of the application may have such names."""
    for site in ((kind, 0), (kind, 1)):
        for name in ("app.py", *SECRETS):
            answer = apache.ask(host(*site), f"{mounted(site)}/{name}")
            assert answer.status == 403, (name, answer.body)
        assert apache.ask(host(*site), f"{mounted(site)}/{OPEN}").body == b"x"
        for path in ("/openapi.yaml", "/export.sql", "/x/.hidden", "/.well-known/openid-configuration"):
            assert apache.ask(host(*site), mounted(site) + path).environ["PATH_INFO"] == path


@pytest.mark.parametrize("kind", KINDS)
def test_tls(apache: Booted, kind: str) -> None:
    name = f"tls-{kind}.example.org"
    environ = apache.ask(name, "/app/x", tls=True).environ
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", "/x")
    if kind.startswith("http"):
        assert environ["HTTP_X_FORWARDED_PROTO"] == "https"
    else:
        assert environ["wsgi.url_scheme"] == "https"
        assert environ["SSL_PROTOCOL"].startswith("TLSv1.")
    answer = apache.ask(name, "/app/x?y=z")
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{name}/app/x?y=z")


#: What Debian enables at the installation, as far as it matters here.
ENABLED = (
    *("mpm_event", "authn_core", "authz_core", "authz_host", "auth_basic", "authn_file", "authz_user", "access_compat"),
    *(
        "alias",
        "dir",
        "env",
        "filter",
        "mime",
        "negotiation",
        "setenvif",
        "autoindex",
        "deflate",
        "reqtimeout",
        "status",
    ),
)


@pytest.mark.parametrize("kind", [*KINDS, *GUARDED])
def test_the_modules_it_names_are_enough(kind: str, tmp_path: Path) -> None:
    """With what ``a2enmod`` would load, in Debian's order, Apache accepts the file."""
    program = requirements.require_program("apache2")
    available = requirements.require_file("/etc/apache2/mods-available/alias.load", "apache2").parent
    (tmp_path / "public").mkdir()
    everything = {
        "static": (("/static", "/srv/static"),),
        "private": (("/private", "/srv/private"),),
        "tls": tuple(str(CHECKOUT / "tests/support/tls" / name) for name in ("server.crt", "server.key")),
        "server_name": "*.example.org",
    }
    transport, addresses, more = GUARDED.get(kind) or (KINDS[kind][0], ["127.0.0.1:1"] * KINDS[kind][1], KINDS[kind][2])
    for values in ({}, everything):
        [file] = generate(describe("apache", transport, addresses, root=str(tmp_path), **{**values, **more}))
        [line] = re.findall(r"^#   a2enmod (.*) && a2ensite example$", file.text, re.MULTILINE)
        modules = [*ENABLED, *line.split()]
        for module in modules:  # it grows
            needed = re.findall("^# Depends: (.*)$", (available / f"{module}.load").read_text(), re.MULTILINE)
            modules += [other for words in needed for other in words.split() if other not in modules]
        loaded = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in sorted(set(modules))]
        head = [f"DefaultRuntimeDir {tmp_path}", f"ErrorLog {tmp_path}/log", "Listen 127.0.0.1:1", "ServerName x"]
        (tmp_path / "x.conf").write_text("\n".join([*head, *loaded, file.text]))
        result = subprocess.run([program, "-t", "-f", tmp_path / "x.conf"], capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr.strip()) == (0, "Syntax OK")


@pytest.mark.parametrize("site", GUARDED_SITES, ids=NAMES.get)
def test_what_an_authorizer_guards(apache: Booted, site: tuple[str, int]) -> None:
    """All but files; those who are known see their name."""
    for path in ("", "/", "/x", "/filesx", "/members/x"):
        assert not mounted(site) + path or apache.ask(host(*site), mounted(site) + path).status == 401
    assert apache.ask(host(*site), f"{mounted(site)}/files/style.css").status == 200
    headers = {"Authorization": f"Basic {b64encode(b'alice:secret').decode()}"}
    for path in ("/x", "/members/x"):
        environ = apache.ask(host(*site), mounted(site) + path, headers=headers).environ
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (MOUNTS[site[1]], path)
        assert environ["REMOTE_USER"] == "alice"
