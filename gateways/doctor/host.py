"""What the configuration of an Apache on this machine forbids: modules that are not loaded, lines of ``.htaccess``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from gateways.doctor.accounts import running_programs
from gateways.doctor.apache.facts import ApacheFacts, look
from gateways.doctor.directives import Directive
from gateways.doctor.findings import ERROR, WARNING, Finding, declare
from gateways.doctor.htaccessfile import files_for, read_files

NO_MODULE = declare(
    "host-without-module",
    WARNING,
    "Apache's configuration on this machine does not load the module that starts such a script. An error where Apache "
    "runs.",
)
NO_HTACCESS = declare(
    "host-ignores-htaccess",
    WARNING,
    "Apache's configuration on this machine has `AllowOverride None` for the directory: `.htaccess` is not read. An "
    "error where Apache runs.",
)
FORBIDDEN = declare(
    "host-forbids-directive",
    WARNING,
    "`AllowOverride` in Apache's configuration does not allow a line of `.htaccess` (not allowed here), and Apache "
    "answers 500. An error where Apache runs.",
)

#: What AllowOverride has to name for a directive, by Apache's manual.
_CLASSES = {
    "AuthConfig": "authname authtype authuserfile authgroupfile authbasicprovider cgipassauth require satisfy",
    "FileInfo": "acceptpathinfo action addcharset addencoding addhandler addoutputfilter addtype defaulttype "
    "errordocument fcgidwrapper forcetype header passenv redirect redirectmatch redirectpermanent removehandler "
    "requestheader rewritebase rewritecond rewriteengine rewriteoptions rewriterule setenv setenvif setenvifnocase "
    "sethandler setoutputfilter unsetenv",
    "Indexes": "directoryindex expiresactive expiresbytype expiresdefault indexignore indexoptions",
    "Limit": "allow deny order",
    "Options": "options",
}
_CLASS_OF = {name: kind for kind, names in _CLASSES.items() for name in names.split()}


def examine_host(script: str, fastcgi: bool) -> Iterator[Finding]:
    """Yield what keeps a script from working that is not in its own directory; nothing where there is no Apache."""
    directory = os.path.dirname(os.path.abspath(script))
    facts = look(directory)
    if not facts.known:
        return
    severity = ERROR if running_programs() & {"apache2", "httpd"} else WARNING
    needed = ("fcgid", "fastcgi") if fastcgi else ("cgid", "cgi")
    if not facts.modules & set(needed):
        what = f"Apache's configuration does not load mod_{needed[0]}"
        remedy = (
            f"gateways init --cgi {shlex.quote(directory)}" if fastcgi else "a2enmod cgid && systemctl restart apache2"
        )
        yield NO_MODULE.found(script, what, remedy, severity=severity)
    files = files_for(directory)
    if facts.override.lower() == "none" and files:
        what = f"Apache's configuration has AllowOverride None for {directory}, and does not read it"
        yield NO_HTACCESS.found(files[-1], what, "ask the host for AllowOverride All", severity=severity)
    elif facts.override:
        for directive in read_files(files).directives:
            if not _is_allowed(directive, facts):
                what = f"AllowOverride {facts.override} does not allow {directive.name} here"
                remedy = f"sed -i '{directive.line}s/^/# /' {shlex.quote(directive.file)}"
                yield FORBIDDEN.found(directive.where, what, remedy, severity=severity)
                return  # Apache stops at the first, too


def _is_allowed(directive: Directive, facts: ApacheFacts) -> bool:
    words = facts.override.lower().split()
    kind = _CLASS_OF.get(directive.name, "").lower()
    if not kind or "all" in words or kind in words:
        return True
    options = [word.partition("=")[2].split(",") for word in words if word.startswith("options=")]
    if kind == "options" and options:
        return {word.lstrip("+-").lower() for word in directive.args} <= set(options[0])
    return any(word.partition("=")[2] == directive.name for word in words if word.startswith("nonfatal="))
