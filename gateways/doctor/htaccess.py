"""Says what is wrong with an ``.htaccess``, or missing in it for the scripts beside it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from gateways.deploy.hosting.applications import is_for_scripts
from gateways.deploy.htaccess import SECRET
from gateways.doctor import rewriting
from gateways.doctor.accounts import READ, allowed, described, web_account
from gateways.doctor.apache.facts import allows_scripts, look
from gateways.doctor.directives import Directive
from gateways.doctor.findings import ERROR, WARNING, Finding, appended, declare
from gateways.doctor.htaccessfile import HANDLERS, Read, files_for, read_file, read_files
from gateways.doctor.targets import Options

UNREADABLE = declare(
    "htaccess-unreadable",
    ERROR,
    "The web server's account may not read `.htaccess`: Apache then answers everything below with 403.",
)
NO_EXECCGI = declare(
    "htaccess-no-execcgi",
    ERROR,
    "A handler for scripts is set, and `Options +ExecCGI` is not: Apache answers 403. A `cgi-bin` has it already.",
)
NO_HANDLER = declare(
    "htaccess-no-handler",
    ERROR,
    "Nothing says that files with this ending are scripts: Apache sends their source to everybody who asks.",
)
ABSENT = declare(
    "htaccess-absent",
    WARNING,
    "There is no `.htaccess` beside the script, nor above it. Unless the server's configuration makes it a script, as "
    "in a `cgi-bin`, Apache sends its source.",
)
NO_AUTHORIZATION = declare(
    "htaccess-no-authorization",
    WARNING,
    "Apache keeps the Authorization header from scripts, so logins by it and by tokens do not work.",
)
SOURCE = declare(
    "htaccess-source-readable",
    WARNING,
    "Python files lie in a directory that the web server sends files from, passwords in them included.",
)


def examine_htaccess(path: str, options: Options) -> Iterator[Finding]:
    """Look at a file by itself."""
    account = web_account(options)
    readable = allowed(account, path, READ)
    if not readable:
        what = f"{account.name} may not read it ({described(path)})"
        yield UNREADABLE.found(path, what, f"chmod 644 {shlex.quote(path)}")
    try:
        read = read_file(path)
    except OSError as error:
        if readable:
            what = f"you cannot read it, and what it says does not count here: {error.strerror}"
            yield UNREADABLE.found(path, what, "run as a user who may read it", severity=WARNING)
        return
    yield from read.findings
    directory = os.path.dirname(os.path.abspath(path))
    whole = read_files(sorted({*files_for(directory), os.path.abspath(path)}, key=len))  # Options are inherited, say
    yield from rewriting.examine(read.named("rewriteengine", "rewritecond", "rewriterule", "rewritebase"), path)
    handlers = _handlers(read)
    if handlers and not _allows_cgi(whole, directory):
        remedy = appended(path, "Options +ExecCGI")  # the last line counts
        yield NO_EXECCGI.found(handlers[0].where, "scripts are not allowed here: Options has no +ExecCGI", remedy)
    if handlers and not _passes_authorization(whole):
        remedy = appended(path, "CGIPassAuth On")
        yield NO_AUTHORIZATION.found(path, "the Authorization header does not reach the script", remedy)
    yield from _source(path, read, whole)


def examine_all(script: str, options: Options) -> Iterator[Finding]:
    """Look at every file that holds for a script; at those further up only for what Apache refuses."""
    own = os.path.dirname(os.path.abspath(script))
    for file in files_for(own):
        for finding in examine_htaccess(file, options):
            if finding.severity == ERROR or os.path.dirname(file) == own:
                yield finding


def examine_beside(script: str) -> Iterator[Finding]:
    """Look at what the files beside and above a script leave out for it."""
    directory = os.path.dirname(os.path.abspath(script))
    name = os.path.basename(script)
    if is_for_scripts(directory) or not name.endswith((".cgi", ".fcgi")):
        return
    files = files_for(directory)
    if not files:
        remedy = f"gateways init {shlex.quote(directory)}"
        yield ABSENT.found(script, "there is no .htaccess beside or above it", remedy)
    elif not read_files(files).handler(name):
        ending = os.path.splitext(name)[1]
        handler = "fcgid-script" if ending == ".fcgi" else "cgi-script"
        remedy = appended(files[-1], f"AddHandler {handler} {ending}")
        yield NO_HANDLER.found(files[-1], f"nothing makes {name} a script: its source is sent", remedy)


def _handlers(read: Read) -> list[Directive]:
    """Return the lines that make files scripts."""
    return [line for line in read.named("addhandler", "sethandler") if line.value.lower() in HANDLERS]


def _allows_cgi(read: Read, directory: str) -> bool:
    allowed_so_far = look(directory).scripts
    for line in read.named("options"):
        allowed_so_far = allows_scripts(line.args, allowed_so_far)
    return allowed_so_far


def _passes_authorization(read: Read) -> bool:
    for directive in read.named("cgipassauth", "fcgidpassheader", "rewriterule", "setenvif", "setenvifnocase"):
        text = " ".join(directive.args).lower()
        if text == "on" or "authorization" in text:
            return True
    return False


def _source(path: str, read: Read, whole: Read) -> Iterator[Finding]:
    try:
        names = os.listdir(os.path.dirname(os.path.abspath(path)))
    except OSError:  # a directory that may be entered, and not listed
        return
    sources = sorted(name for name in names if name.endswith(".py"))
    if sources and _handlers(read) and not whole.denies(sources[0]) and not read.handler(sources[0]):
        remedy = appended(path, f'<FilesMatch "{SECRET}">', "Require all denied", "</FilesMatch>")
        yield SOURCE.found(path, f"everybody can read the source, {sources[0]} for one", remedy)
