"""Reads ``.htaccess`` as Apache does: its directives, and those that Apache refuses."""

from __future__ import annotations

import os
import re
import resource
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateways.declared import nearest
from gateways.doctor.apache.syntax import handler_of, is_for_file, lines, words
from gateways.doctor.directives import Directive
from gateways.doctor.findings import ERROR, Finding, appended, declare
from gateways.doctor.starting import Surroundings

BOM = declare(
    "htaccess-bom",
    ERROR,
    "The file begins with a byte order mark, which Apache takes for a part of the first directive.",
)
UNKNOWN = declare(
    "htaccess-unknown-directive",
    ERROR,
    "Apache does not know the directive (Invalid command), and answers everything below with 500.",
)
NOT_HERE = declare(
    "htaccess-not-allowed",
    ERROR,
    "The directive belongs into the server's configuration (not allowed here): Apache answers all below with 500.",
)
UNCLOSED = declare(
    "htaccess-unclosed", ERROR, "A section is not closed, or closed and never opened: Apache answers with 500."
)
MIXED = declare(
    "htaccess-options-mixed",
    ERROR,
    "`Options` wants a sign before every word, or before none: Apache answers everything below with 500.",
)
#: Those that people write, by lower case. A slip is told from a directive of a module that is not here by its likeness.
KNOWN = (
    "AcceptPathInfo", "Action", "AddCharset", "AddDefaultCharset", "AddEncoding", "AddHandler", "AddOutputFilter",
    "AddOutputFilterByType", "AddType", "Allow", "AllowMethods", "AuthBasicProvider", "AuthGroupFile",
    "AuthMerging", "AuthName", "AuthType", "AuthUserFile", "BrowserMatch", "CGIPassAuth", "CharsetDefault",
    "DefaultType", "Deny", "DirectoryIndex", "DirectorySlash", "ErrorDocument", "ExpiresActive", "ExpiresByType",
    "ExpiresDefault", "FallbackResource", "FcgidWrapper", "FcgidPassHeader", "FileETag", "ForceType", "Header",
    "IndexIgnore", "IndexOptions", "LimitRequestBody", "Options", "Order", "PassEnv", "RLimitCPU", "RLimitMEM",
    "RLimitNPROC", "Redirect", "RedirectMatch", "RedirectPermanent", "RemoveHandler", "RemoveType", "RequestHeader",
    "Require", "RewriteBase", "RewriteCond", "RewriteEngine", "RewriteOptions", "RewriteRule", "Satisfy",
    "ServerSignature", "SetEnv", "SetEnvIf", "SetEnvIfNoCase", "SetHandler", "SetOutputFilter", "UnsetEnv",
)  # fmt: skip
_KNOWN = {name.lower(): name for name in KNOWN}

_SERVER_ONLY = frozenset((
    "allowencodedslashes", "allowoverride", "customlog", "documentroot", "errorlog", "fcgidmaxrequestlen",
    "fcgidiotimeout", "fcgidinitialenv", "fcgidbusytimeout", "include", "includeoptional", "limitrequestline",
    "listen", "loadmodule", "loglevel", "proxypass", "proxypassreverse", "scriptalias", "scriptaliasmatch", "alias",
    "aliasmatch", "serveralias", "servername", "serverroot", "suexecusergroup", "timeout", "user", "group",
    "wsgiscriptalias", "wsgidaemonprocess",
))  # fmt: skip
_SERVER_SECTIONS = frozenset(("directory", "directorymatch", "location", "locationmatch", "virtualhost", "proxy"))
_LIMITS = {"rlimitcpu": resource.RLIMIT_CPU, "rlimitmem": resource.RLIMIT_AS}
HANDLERS = ("cgi-script", "fcgid-script")
#: With these a file is sent. Others may be those of modules that nobody knows here, such as wsgi-script.
_SENDERS = ("none", "default-handler")


@dataclass
class Read:
    """What is in a file, or in all that hold for a directory, from the outermost on."""

    directives: list[Directive] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def named(self, *names: str) -> list[Directive]:
        """Return the directives of these names, in lower case."""
        return [directive for directive in self.directives if directive.name in names]

    def handler(self, name: str) -> str:
        """Return the handler that a file gets, "" where it gets none and is sent as it is."""
        handler = handler_of(name, self.named("addhandler", "sethandler"))
        return "" if handler in _SENDERS else handler

    def denies(self, name: str) -> bool:
        """Say whether a file of that name is sent to nobody, or not to all."""
        return any(
            (directive.args[:2] == ("all", "denied") or (directive.name == "deny" and directive.value == "from"))
            and all(is_for_file(section, name) for section in directive.up())
            for directive in self.named("require", "deny")
        )

    def surroundings(self) -> Surroundings:
        """Return what the file changes for the process of a script."""
        environ = {d.value: " ".join(d.args[1:]) for d in self.named("setenv") if d.args}
        limits = {}
        for directive in self.named(*_LIMITS):
            if directive.args and directive.args[-1].isdigit():
                limits[_LIMITS[directive.name]] = int(directive.args[-1])
        return Surroundings(environ, limits)


def files_for(directory: str) -> list[str]:
    """Return the ``.htaccess`` files that hold for a directory, the outermost first. They end where homes begin."""
    found: list[str] = []
    directory = os.path.abspath(directory)
    while os.path.dirname(directory) not in ("/", directory):
        path = os.path.join(directory, ".htaccess")
        if os.path.isfile(path):
            found.insert(0, path)
        directory = os.path.dirname(directory)
    return found


def read_files(files: Iterable[str]) -> Read:
    """Read several, those that can be read."""
    read = Read()
    for file in files:
        try:
            one = read_file(file)
        except OSError:
            continue
        read.directives += one.directives
        read.findings += one.findings
    return read


def read_file(path: str) -> Read:
    """Read one file. Raises ``OSError``."""
    with open(path, "rb") as file:
        data = file.read(1 << 20)  # Apache's own would be a few kilobytes
    reading = _Reading(path)
    if data.startswith(b"\xef\xbb\xbf"):
        remedy = rf"sed -i '1s/^\xef\xbb\xbf//' {shlex.quote(path)}"
        reading.findings.append(BOM.found(path, "it begins with a byte order mark", remedy))
        data = data[3:]
    for number, text in lines(data.decode("utf-8", "surrogateescape")):
        section = re.match(r"<(/?)(\w+)\s*(.*?)>?$", text)
        if section is None:
            reading.take(number, text)
        elif section[1]:
            reading.close(number, section[2], text)
        else:
            reading.open(number, section[2], section[3])
    reading.end()
    return Read(reading.directives, reading.findings)


class _Reading:
    """A file on its way to be read: unlike a configuration that is examined, it is read on after a fault."""

    def __init__(self, path: str) -> None:
        self.directives: list[Directive] = []
        self.findings: list[Finding] = []
        self._path = path
        self._quoted = shlex.quote(path)
        self._block = Directive("", (), path, 0, True)

    def take(self, number: int, text: str) -> None:
        """Take a line that is no section."""
        written, *args = words(text)
        directive = Directive(written.lower(), tuple(args), self._path, number, True, self._block)
        self.directives.append(directive)
        self.findings += _check(directive, written)

    def open(self, number: int, written: str, rest: str) -> None:
        """Take the line that begins a section."""
        section = Directive(written.lower(), tuple(words(rest)), self._path, number, True, self._block)
        if section.name in _SERVER_SECTIONS:
            remedy = "take the section out: the file holds for its directory"
            self.findings.append(NOT_HERE.found(section.where, f"<{written}> is not allowed in .htaccess", remedy))
        self._block = section

    def close(self, number: int, written: str, text: str) -> None:
        """Take the line that ends a section."""
        if self._block.parent is not None and self._block.name == written.lower():
            self._block = self._block.parent
            return
        remedy = f"sed -i '{number}d' {self._quoted}"
        self.findings.append(UNCLOSED.found(f"{self._path}:{number}", f"{text} closes nothing", remedy))

    def end(self) -> None:
        """Take the end of the file."""
        for section in [self._block, *self._block.up()][:-1]:
            remedy = appended(self._path, f"</{section.name}>")
            self.findings.append(UNCLOSED.found(section.where, f"<{section.name}> is not closed", remedy))


def _check(directive: Directive, written: str) -> Iterator[Finding]:
    file, number = shlex.quote(directive.file), directive.line
    if directive.name in _SERVER_ONLY:
        what = f"{written} is not allowed in .htaccess"
        yield NOT_HERE.found(directive.where, what, f"sed -i '{number}d' {file}")
    elif directive.name not in _KNOWN:
        slip = _KNOWN.get(nearest(directive.name, _KNOWN), "")
        if slip:
            remedy = f"sed -i '{number}s/{written}/{slip}/' {file}"
            yield UNKNOWN.found(directive.where, f"Apache does not know {written}: it is {slip}", remedy)
    elif directive.name == "options":
        signed = {word[0] in "+-" for word in directive.args if word}
        if len(signed) > 1:
            all_signed = " ".join(word if word[0] in "+-" else f"+{word}" for word in directive.args)
            remedy = f"sed -i '{number}s/{written}.*/{written} {all_signed}/' {file}"
            yield MIXED.found(directive.where, "Options has words with and without a sign", remedy)
