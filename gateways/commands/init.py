"""``gateways init``: set up a site on a shared host, in one command."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from gateways.commands.arguments import reader_is_gone
from gateways.deploy.description import SIMPLE
from gateways.deploy.hosting.applications import (
    ROOTS,
    Found,
    broken_application,
    find_applications,
    is_for_scripts,
    read_application,
)
from gateways.deploy.hosting.files import Site
from gateways.deploy.hosting.marks import is_marked
from gateways.deploy.hosting.writing import KEEP, REMOVE, SAME, WRITE, Step, carry_out, plan, plan_removal, read_ours
from gateways.deploy.overlaps import is_below
from gateways.doctor.accounts import web_account
from gateways.doctor.apache.facts import look
from gateways.doctor.findings import ERROR
from gateways.doctor.interpreter import suggest
from gateways.doctor.report import as_line, worst_first
from gateways.doctor.targets import Options, examine
from gateways.errors import ConfigError

EPILOG = """\
It looks for the application (app.py, wsgi.py, passenger_wsgi.py, Django's PROJECT/wsgi.py), for the Python that has
gateways, and at what Apache's configuration allows; writes the script and .htaccess; and tries the script as the web
server would. It changes nothing that it did not write, and a second time nothing at all.

exit status:
  0  done; the script was tried and answers
  1  done, and the script does not work yet: the lines say why. Or a file could not be written
  2  nothing was done: the command line cannot be used, there is no application, or a file is in the way
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of ``gateways init``."""
    parser.add_argument(
        "directory",
        metavar="DIRECTORY",
        nargs="?",
        help="the directory of the site (default: public_html or the like in the working directory, or that itself)",
    )
    parser.add_argument("--cgi", action="store_true", help="by CGI, where the host has no mod_fcgid")
    parser.add_argument("--app", metavar="APP", help="the application, such as shop.wsgi:app (default: it is found)")
    parser.add_argument("--hello", action="store_true", help="write a page to begin with, if there is no application")
    parser.add_argument("--python", metavar="PATH", help="the Python that has gateways (default: it is found)")
    parser.add_argument("--name", default="app", help="the name of the script, without its ending (default: app)")
    parser.add_argument("--user", metavar="NAME", help="the account of the web server (default: what is found here)")
    parser.add_argument(
        "--add-to-htaccess", action="store_true", help="put marked lines at the end of an .htaccess that is there"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be written, and write nothing")
    parser.add_argument("--remove", action="store_true", help="take away what was written, where nobody has changed it")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG


def run(arguments: argparse.Namespace) -> int:
    """Write the files and try them; return the exit status."""
    directory = _directory(arguments.directory)
    if arguments.remove:
        return _remove(directory, arguments.dry_run)
    options = Options(user=arguments.user)
    site, hello = _survey(arguments, directory, options)
    _do(plan(site, hello, arguments.add_to_htaccess), arguments.dry_run)
    return 0 if arguments.dry_run else _try(site, options)


def _directory(given: str | None) -> str:
    """Return the directory of the site: the one that was given, or the one that looks like it."""
    directory = os.path.abspath(given or ".")
    if given is None and os.path.basename(directory) not in ROOTS and not is_for_scripts(directory):
        sites = [name for name in ROOTS if os.path.isdir(os.path.join(directory, name))]
        if len(sites) > 1:
            raise ConfigError(f"there are {' and '.join(sites)}: give the one that is the directory of your site")
        directory = os.path.join(directory, *sites)
    if not os.path.isdir(directory):
        raise ConfigError(f"{directory!r} is no directory: give that of your site, such as ~/public_html")
    return directory


def _survey(arguments: argparse.Namespace, directory: str, options: Options) -> tuple[Site, bool]:
    """Look at what is there, say it, and return what is to be written."""
    if not SIMPLE.fullmatch(arguments.name) or "/" in arguments.name or not arguments.name.strip("."):
        raise ConfigError(
            f"--name {arguments.name!r}: give the name of a file, such as app, of letters, digits and . _ - + , = @ ~"
        )
    account = web_account(options)
    application, hello = _application(arguments, directory)
    if hello:
        _say("found: no application: app.py will be a page to begin with")
    else:
        _say(f"found: application {application.spec}{f' in {application.file}' if application.file else ''}")
        _warn(application, directory)
    python = os.path.abspath(os.path.expanduser(arguments.python or ""))
    if not arguments.python:
        python = suggest(os.path.join(directory, "app.cgi"), account)
    _say(f"found: Python with gateways, {python}")
    facts = look(directory)
    if facts.known and facts.override:
        _say(f"found: Apache's configuration, with AllowOverride {facts.override} for this directory")
    return Site(directory, application, python, arguments.cgi, arguments.name), hello


def _application(arguments: argparse.Namespace, directory: str) -> tuple[Found, bool]:
    """Return the application, and whether it is the page to begin with."""
    if arguments.app:
        return read_application(arguments.app, directory), False
    found = find_applications(directory)
    if found and not (arguments.hello and _is_hello(found[0], directory)):
        if len(found) > 1:
            others = ", ".join(one.spec for one in found[1:])
            _say(f"found: also {others}; --app takes another one")
        return found[0], False
    if not arguments.hello:
        broken = broken_application(directory)
        if broken:
            raise ConfigError(f"{broken}; correct it, or name the application by --app MODULE:NAME")
        raise ConfigError(
            f"there is no application in {directory}: upload it, name it by --app MODULE:NAME, or begin with --hello"
        )
    return Found("app:application", directory, ""), True


def _warn(application: Found, directory: str) -> None:
    """Say it where the files of an application can be got by everybody, but for what .htaccess refuses."""
    if not is_below(application.directory, directory) or is_for_scripts(directory) or _is_hello(application, directory):
        return
    move = f"; better move all to {os.path.dirname(directory)}" if os.path.basename(directory) in ROOTS else ""
    _say(
        f"warning: the application lies in {directory}, which the web server sends: .htaccess refuses its source, "
        f"settings and databases, and everything else there can be read by everybody{move}"
    )


def _is_hello(found: Found, directory: str) -> bool:
    return found.file == os.path.join(directory, "app.py") and is_marked(read_ours(found.file))


def _remove(directory: str, dry_run: bool) -> int:
    steps = plan_removal(directory)
    if not steps:
        print(f"gateways: nothing in {directory} was written by gateways init", file=sys.stderr)
    _do(steps, dry_run)
    return 0


def _do(steps: list[Step], dry_run: bool) -> None:
    if dry_run:
        _print_plan(steps)
        return
    for step in carry_out(steps):
        _print_step(step)


def _say(text: str) -> None:
    """Print it. Where nobody reads it any more, such as head(1), the files are written nevertheless."""
    try:
        print(text, flush=True)
    except OSError:
        reader_is_gone()


def _print_step(step: Step) -> None:
    lines = " (its lines in it)" if step.action == REMOVE and step.text is not None else ""
    _say(f"{step.action}: {step.path}{lines}{f', {step.why}' if step.why else ''}")


def _print_plan(steps: list[Step]) -> None:
    would = {WRITE: "would write", REMOVE: "would remove", KEEP: "would keep", SAME: "would leave"}
    for step in steps:
        _say(f"{would[step.action]}: {step.path}{f', {step.why}' if step.why else ''}")
        if step.action == WRITE and step.text is not None:
            _say("".join(f"    {line}\n" for line in step.text.splitlines()))


def _try(site: Site, options: Options) -> int:
    """Have the doctor look at what was written; say what to do next."""
    findings = worst_first(examine(site.script, options))  # with what holds for it, such as .htaccess
    for finding in findings:
        _say(as_line(finding))
    wrong = any(finding.severity == ERROR for finding in findings)
    again = f"gateways doctor {shlex.quote(site.directory)}"
    if wrong:
        _say(f"next: do what the lines above say, and try again: {again}")
    else:
        script = os.path.basename(site.script)
        where = f"the address ends with {script}/" if site.plain else "it answers every URL that is no file"
        _say(f"next: open your site in a browser; {where}. Should it answer 500: {again}")
    return 1 if wrong else 0
