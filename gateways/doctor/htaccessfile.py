"""Reads ``.htaccess`` as Apache does: its directives, and those that Apache refuses."""

from __future__ import annotations

import os
import re
import resource
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateways.declared import nearest
from gateways.doctor.findings import ERROR, Finding, declare
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


@dataclass(frozen=True)
class Directive:
    """One directive: its name in lower case, its words, the sections around it, and where it stands."""

    name: str
    words: tuple[str, ...]
    sections: tuple[str, ...]
    file: str
    line: int

    @property
    def where(self) -> str:
        """The file and the line."""
        return f"{self.file}, line {self.line}"


@dataclass
class Read:
    """What is in a file, or in all that hold for a directory, from the outermost on."""

    directives: list[Directive] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def named(self, *names: str) -> list[Directive]:
        """Return the directives of these names, in lower case."""
        return [directive for directive in self.directives if directive.name in names]

    def handler(self, name: str) -> str:
        """Return the handler of scripts that a file gets, "" where it gets none."""
        found = ""
        for directive in self.named("addhandler", "sethandler", "fcgidwrapper"):
            if directive.name == "addhandler":
                endings = [word.lower().lstrip(".") for word in directive.words[1:]]
                applies = name.lower().rpartition(".")[2] in endings
            else:
                applies = all(_section_holds(section, name) for section in directive.sections)
            if applies and directive.words:
                found = "fcgid-script" if directive.name == "fcgidwrapper" else directive.words[0].lower()
        return found

    def surroundings(self) -> Surroundings:
        """Return what the file changes for the process of a script."""
        environ = {d.words[0]: " ".join(d.words[1:]) for d in self.named("setenv") if d.words}
        limits = {}
        for directive in self.named(*_LIMITS):
            if directive.words and directive.words[-1].isdigit():
                limits[_LIMITS[directive.name]] = int(directive.words[-1])
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
    read = Read()
    if data.startswith(b"\xef\xbb\xbf"):
        remedy = rf"sed -i '1s/^\xef\xbb\xbf//' {shlex.quote(path)}"
        read.findings.append(BOM.found(path, "it begins with a byte order mark", remedy))
        data = data[3:]
    sections: list[tuple[str, int]] = []
    number = 0
    for first, text in _lines(data.decode("utf-8", "surrogateescape")):
        number = first
        where = f"{path}, line {number}"
        section = re.match(r"<(/?)(\w+)\s*(.*?)>?$", text)
        if section and section[1]:
            if not sections or sections[-1][0].split()[0] != section[2].lower():
                read.findings.append(
                    UNCLOSED.found(where, f"{text} closes nothing", f"sed -i '{number}d' {shlex.quote(path)}")
                )
            else:
                sections.pop()
        elif section:
            if section[2].lower() in _SERVER_SECTIONS:
                what = f"<{section[2]}> is not allowed in .htaccess"
                read.findings.append(
                    NOT_HERE.found(where, what, "take the section out: the file holds for its directory")
                )
            sections.append((f"{section[2].lower()} {section[3]}", number))
        else:
            names = tuple(name for name, _ in sections)
            directive = Directive(text.split()[0].lower(), _words(text)[1:], names, path, number)
            read.directives.append(directive)
            read.findings += _check(directive, text.split()[0])
    for name, opened in sections:
        what = f"<{name.split()[0]}> is not closed"
        remedy = f"echo '</{name.split()[0]}>' >> {shlex.quote(path)}"
        read.findings.append(UNCLOSED.found(f"{path}, line {opened}", what, remedy))
    return read


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, with their numbers; one that ends with a backslash goes on."""
    begun, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if begun else number
        line = begun + line.strip()
        if line.endswith("\\"):
            begun = line[:-1]
            continue
        begun = ""
        if line and not line.startswith("#"):
            yield first, line


def _words(text: str) -> tuple[str, ...]:
    return tuple(match[1] or match[2] or match[0] for match in re.finditer(r'"((?:[^"\\]|\\.)*)"|(\S+)', text))


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
        signed = {word[0] in "+-" for word in directive.words if word}
        if len(signed) > 1:
            words = " ".join(word if word[0] in "+-" else f"+{word}" for word in directive.words)
            remedy = f"sed -i '{number}s/Options.*/Options {words}/' {file}"
            yield MIXED.found(directive.where, "Options has words with and without a sign", remedy)


def _section_holds(section: str, name: str) -> bool:
    kind, _, argument = section.partition(" ")
    argument = argument.strip().strip('"')
    if kind == "filesmatch" or argument.startswith("~"):
        try:
            return bool(re.search(argument.lstrip("~ ").strip('"'), name))
        except re.error:
            return True
    return argument == name if kind == "files" else True
