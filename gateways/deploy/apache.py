"""Apache: CGI, mod_fcgid, and mod_proxy with FastCGI, SCGI, uwsgi, AJP13 and HTTP, to one machine or to several."""

from __future__ import annotations

from gateways.deploy import apache_guards, apache_proxy, apache_scripts
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
    if deployment.several:
        return "proxy_balancer", apache_proxy.balancer(deployment)
    if deployment.variant == SETHANDLER:
        return "proxy_fcgi-sethandler", apache_proxy.sethandler(deployment)
    return f"proxy_{apache_proxy.SCHEMES[deployment.transport]}", apache_proxy.proxy(deployment)


def _check(deployment: Deployment) -> None:
    if deployment.authorizer and deployment.transport != "fastcgi":
        raise ConfigError("--authorizer: Apache asks one for an application by --fastcgi or --spawn only")
    if deployment.authorizer and deployment.several:
        raise ConfigError("--authorizer with several machines: give one address, or put nginx in front")
    if deployment.variant == SETHANDLER and (
        deployment.transport != "fastcgi" or len(deployment.addresses) != 1 or deployment.authorizer
    ):
        raise ConfigError("--variant sethandler is for one address with --fastcgi, without --authorizer")
