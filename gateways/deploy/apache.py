"""Apache: CGI, mod_fcgid, and mod_proxy with FastCGI, SCGI, uwsgi, AJP13 and HTTP, to one machine or to several."""

from __future__ import annotations

from gateways.deploy import apache_guards, apache_proxy, apache_scripts, apache_site
from gateways.deploy.description import Deployment
from gateways.deploy.text import File, comment, joined
from gateways.errors import ConfigError

SETHANDLER = "sethandler"


def write(deployment: Deployment) -> list[File]:
    """Return the file for sites-available."""
    _check(deployment)
    name, (heading, lines) = _chosen(deployment)
    return [File(f"apache/{name}.conf", joined([*comment(heading), "", *lines]))]


def _chosen(deployment: Deployment) -> tuple[str, tuple[list[str], list[str]]]:
    if deployment.transport == "cgi":
        return "cgi", apache_scripts.cgi(deployment)
    if deployment.spawned and deployment.authorizer:
        return "fcgid-authorizer", apache_guards.fcgid(deployment)
    if deployment.spawned:
        return "fcgid", apache_scripts.fcgid(deployment)
    if deployment.authorizer:
        return "authnz_fcgi", apache_guards.authnz_fcgi(deployment)
    if len(deployment.addresses) > 1:
        return "proxy_balancer", apache_proxy.balancer(deployment)
    if deployment.variant == SETHANDLER:
        return "proxy_fcgi-sethandler", apache_proxy.sethandler(deployment)
    return f"proxy_{apache_proxy.SCHEMES[deployment.transport]}", apache_proxy.proxy(deployment)


_UNUSED_WITH_ADDRESS = {
    "script": "with an address, Apache starts no script; give --spawn or --cgi in place of the address",
    "python": "with an address, Apache starts no Python; leave it out",
}
_UNUSED_BY_SCRIPTS = {"group": "there is no socket that somebody would have to use; leave it out"}


def _has_workers(deployment: Deployment) -> bool:
    """Whether the file has the number of processes: of mod_fcgid's, or in the command for several machines."""
    return len(deployment.addresses) > 1 or (deployment.spawned and deployment.transport == "fastcgi")


def _check(deployment: Deployment) -> None:
    apache_site.check_paths(deployment)
    unused = _UNUSED_BY_SCRIPTS if deployment.spawned else _UNUSED_WITH_ADDRESS
    for name, why in unused.items():
        if getattr(deployment, name) != getattr(Deployment("apache"), name):
            raise ConfigError(f"--{name}: {why}")
    if deployment.workers != Deployment("apache").workers and not _has_workers(deployment):
        raise ConfigError("--workers: Apache starts no processes that stay in this way; give it to gateways serve")
    if deployment.ajp_secret and deployment.transport != "ajp":
        raise ConfigError("--ajp-secret: only AJP13 has a secret; give --ajp, or leave it out")
    if deployment.authorizer and deployment.transport != "fastcgi":
        raise ConfigError("--authorizer: Apache asks one for an application by --fastcgi or --spawn only")
    if deployment.authorizer and len(deployment.addresses) > 1:
        raise ConfigError("--authorizer with several machines: give one address, or put nginx in front")
    if deployment.variant == SETHANDLER and (
        deployment.transport != "fastcgi" or len(deployment.addresses) != 1 or deployment.authorizer
    ):
        raise ConfigError("--variant sethandler is for one address with --fastcgi, without --authorizer")
