"""What Apache's suexec demands of a script that it starts as its owner: the rules of its manual, with its numbers."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from gateways.doctor.accounts import account_of, described, writers
from gateways.doctor.findings import ERROR, WARNING, Finding, declare
from gateways.errors import ConfigError

WRITABLE = declare(
    "script-writable",
    WARNING,
    "Others may write to the script or its directory, and have the web server run what they like. suexec refuses to "
    "start it (an error with `--suexec`).",
)
SETUID = declare("script-setuid", WARNING, "The script has a setuid or setgid bit, which suexec refuses.")
OWNER = declare(
    "suexec-owner",
    ERROR,
    "suexec wants the script and its directory to belong to the user and the group that it runs the script as.",
)
NUMBER = declare(
    "suexec-uid",
    ERROR,
    "suexec starts nothing for root, nor for a user or a group below its minimum, which is 100 as a rule.",
)
OUTSIDE = declare(
    "suexec-docroot",
    ERROR,
    "suexec starts what lies below its document root alone (`suexec -V` shows it: /var/www on Debian), or in the "
    "public_html of a user whose site is `/~user`.",
)

#: Where the systems keep it.
PROGRAMS = ("/usr/lib/apache2/suexec", "/usr/sbin/suexec", "/usr/bin/suexec", "/usr/libexec/suexec")

_TIMEOUT = 10.0


@dataclass(frozen=True)
class Rules:
    """What was compiled into suexec. ``root`` is "" where it could not be asked."""

    root: str = ""
    uid: int = 100
    gid: int = 100
    public: str = "public_html"


def rules(programs: tuple[str, ...] = PROGRAMS) -> Rules:
    """Ask the suexec of this machine; it answers root and the web server only."""
    for program in programs:
        try:
            result = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        said = dict(re.findall(r'-D (AP_\w+)="?([^"\s]+)', result.stdout + result.stderr))
        if said:
            numbers = {name: int(said.get(f"AP_{name.upper()}_MIN", "100")) for name in ("uid", "gid")}
            return Rules(said.get("AP_DOC_ROOT", ""), public=said.get("AP_USERDIR_SUFFIX", ""), **numbers)
    return Rules()


def examine_writers(path: str, suexec: bool) -> Iterator[Finding]:
    """Look at who may write: everybody is a fault anywhere, the group one of suexec's."""
    severity = ERROR if suexec else WARNING
    for place in (path, os.path.dirname(os.path.abspath(path))):
        who = writers(place)
        sticky = os.stat(place).st_mode & stat.S_ISVTX  # as /tmp has it: nobody can replace the script
        if who and not (sticky and not suexec) and (who == "everybody" or suexec):
            what = f"{who} may write to {'it' if place == path else 'its directory ' + place} ({described(place)})"
            yield WRITABLE.found(path, what, f"chmod go-w {shlex.quote(place)}", severity=severity)
    if os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
        what = f"it has a setuid or setgid bit ({described(path)})"
        yield SETUID.found(path, what, f"chmod ug-s {shlex.quote(path)}", severity=severity)


def examine_owner(path: str, known: Rules) -> Iterator[Finding]:
    """Look at the owner of script and directory, and at where they are."""
    directory = os.path.dirname(os.path.abspath(path))
    own, above = os.stat(path), os.stat(directory)
    try:
        owner = account_of(own.st_uid).name
    except ConfigError:
        owner = str(own.st_uid)
    if own.st_uid < known.uid or own.st_gid < known.gid or own.st_uid == 0:
        what = f"suexec runs nothing for users below {known.uid} and groups below {known.gid} ({described(path)})"
        yield NUMBER.found(path, what, f"chown YOU:YOU {shlex.quote(directory)} {shlex.quote(path)}")
    elif (own.st_uid, own.st_gid) != (above.st_uid, above.st_gid):
        what = f"it ({described(path)}) and its directory ({described(directory)}) do not belong to the same"
        yield OWNER.found(path, what, f"chown {owner}:{own.st_gid} {shlex.quote(directory)}")
    if known.root and not _is_inside(directory, known, own.st_uid):
        what = f"it does not lie below {known.root}, suexec's document root, nor in the {known.public} of its owner"
        yield OUTSIDE.found(path, what, f"put it below {known.root}")


def _is_inside(directory: str, known: Rules, uid: int) -> bool:
    roots = [known.root]
    try:
        roots.append(os.path.join(pwd.getpwuid(uid).pw_dir, known.public))
    except KeyError:
        pass
    real = f"{os.path.realpath(directory)}/"
    return any(real.startswith(f"{os.path.realpath(root)}/") for root in roots)
