"""Apache asks an authorizer, by mod_authnz_fcgi or mod_fcgid, before an application answers."""

from __future__ import annotations

from gateways.addresses import parse_address
from gateways.deploy import apache_proxy, apache_scripts
from gateways.deploy import apache_site as site
from gateways.deploy.description import Deployment
from gateways.deploy.text import files_inside, heading, indented, serving, where
from gateways.errors import ConfigError

_DECIDES = (
    "The authorizer decides by whatever it likes: a cookie, an address, or, with CGIPassAuth, the Authorization header."
)
_MEMBERS = "/members/"
_MANUAL = "docs/howto/authorizer.md says how to write the authorizer."


def authnz_fcgi(deployment: Deployment) -> site.Parts:
    """Return the file for mod_authnz_fcgi. Raises ``ConfigError`` for a Unix socket, which it does not know."""
    address = parse_address(deployment.authorizer)
    if address.kind != "tcp":
        raise ConfigError(f"--authorizer {address}: mod_authnz_fcgi knows no Unix sockets; give 127.0.0.1:9001")
    name = deployment.variable.capitalize()
    title = [f"Apache with mod_authnz_fcgi asks an authorizer before it answers, {where(deployment)}.", _MANUAL]
    modules = ["authnz_fcgi", "auth_basic", "authz_user", "proxy_fcgi", "setenvif", "env"]
    providers = [
        '# "authn": who is it? "authnz": who is it, and may he?',
        f"AuthnzFcgiDefineProvider authn  {name}Authn  fcgi://{address}/",
        f"AuthnzFcgiDefineProvider authnz {name}Authnz fcgi://{address}/",
        "",
    ]
    guarded = [
        *site.remark(f"{_DECIDES} It has to name the user: UserExpr reads the name from the variables that it sets."),
        *_guarded(
            deployment,
            f'AuthnzFcgiCheckAuthnProvider {name}Authn RequireBasicAuth Off UserExpr "%{{reqenv:REMOTE_USER}}"',
            "Require valid-user",
        ),
        "",
        "# Apache asks for the password; the authorizer says whether it is right, and whether this user may.",
        *_members(deployment, f"AuthBasicProvider {name}Authnz", f"Require {name}Authnz"),
    ]
    lines = [*apache_proxy.passing(deployment), "", *guarded]
    return (
        heading(deployment, title, site.install(deployment, modules), serving(deployment)),
        [*providers, *site.virtual_host(deployment, lines)],
    )


def fcgid(deployment: Deployment) -> site.Parts:
    """Return the file for mod_fcgid, which starts the authorizer and the application."""
    if not deployment.mount:
        raise ConfigError(
            "--authorizer with --spawn at the root of a site: mod_fcgid would ask it up to ten times for one request; "
            "give a path, such as --mount /app"
        )
    script = deployment.authorizer
    if not script.startswith("/"):
        raise ConfigError(f"--authorizer {script}: with --spawn it is a script, such as /srv/example/cgi-bin/auth.fcgi")
    title = [f"Apache with mod_fcgid asks authorizers before it answers, {where(deployment)}.", _MANUAL]
    below = [
        *site.remark(
            "Below a path of its own: at the root of a site, mod_fcgid asks up to ten times for one request (it looks "
            "up what PATH_INFO would be as a path of the site, which is guarded as well)."
        ),
        *apache_scripts.alias(deployment),
    ]
    install = apache_scripts.install(deployment, ("headers", "auth_basic", "authz_user"))
    lines = apache_scripts.kept(deployment, below, ["", *_by_scripts(deployment, script)])
    return heading(deployment, title, install), lines


def _by_scripts(deployment: Deployment, script: str) -> list[str]:
    return [
        *site.remark(_DECIDES),
        *_guarded(deployment, f"FcgidAccessChecker {script}"),
        "",
        *site.remark(
            "Apache asks for the password, the authenticator says whether it is right, the authorizer whether this "
            "user may."
        ),
        *_members(
            deployment,
            "# Or Apache looks for the user in a file of its own",
            "AuthBasicAuthoritative Off",
            f"FcgidAuthenticator {script}",
            f"FcgidAuthorizer {script}",
            "Require valid-user",
        ),
        "",
        "# mod_fcgid shows the variables to the client, too: one line for each",
        "Header always unset Variable-REMOTE_USER",
    ]


def _guarded(deployment: Deployment, *directives: str) -> list[str]:
    """Return a section for the application without its files, and without what asks for a password."""
    mount = deployment.mount
    free = [f"{mount}{_MEMBERS}", *(f"{path}/" for path in files_inside(deployment))]
    others = "|".join(site.pattern(path[len(mount) + 1 :]) for path in free)
    text = f"^{site.pattern(mount)}(?!/(?:{others}))(?:/|$)" if mount else f"^/(?!{others})"
    argument = site.word(deployment, "--mount", text)
    argument = argument if argument.startswith('"') else f'"{argument}"'
    return [f"<LocationMatch {argument}>", *indented(["CGIPassAuth On", *directives]), "</LocationMatch>"]


def _members(deployment: Deployment, *directives: str) -> list[str]:
    """Return a section for the part of the application where Apache itself asks for a password."""
    basic = ["AuthType Basic", f'AuthName "{deployment.name.capitalize()}"']
    return site.location(deployment, f"{deployment.mount}{_MEMBERS}", [*basic, *directives])
