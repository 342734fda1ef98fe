"""The faults in configurations of Apache; see ``sitefaults``."""

from __future__ import annotations

from tests.live.sitefaults import MIB, STOPS, TOKEN, Fault, Visit, fine, status, told

FCGI, HANDLER, SCGI, UWSGI, HTTP, CGI, FCGID = (
    f"apache/{name}.conf"
    for name in ("proxy_fcgi", "proxy_fcgi-sethandler", "proxy_scgi", "proxy_uwsgi", "proxy_http", "cgi", "fcgid")
)
PASS_AUTH = (("(?m)^ *CGIPassAuth On$", ""),)
TO_FCGI = r"unix:[^|]*\|fcgi://localhost/"
SCRIPT = "/cgi-bin/app.cgi/page"


def chunks() -> list[bytes]:
    """A body without a length."""
    return [b"a", b"b"]


def no_slash(visit: Visit) -> bool:
    return visit("/page").status != 200


APACHE = (
    Fault("protocol-other", FCGI, (("fcgi://localhost/", "scgi://localhost/"),), "ProxyPass / ", no_slash),
    Fault("protocol-other", HTTP, (("ProxyPass / http:", "ProxyPass / fcgi:"),), "ProxyPass / ", no_slash),
    Fault("protocol-other", HANDLER, (("proxy:fcgi:", "proxy:http:"),), "SetHandler", no_slash),
    Fault("socket-absent", FCGI, ((r"app[.]fastcgi\|", "ap.fastcgi|"),), "ProxyPass / ", status(503)),
    Fault("socket-stale", FCGI, ((r"app[.]fastcgi\|", "stale|"),), "ProxyPass / ", status(503)),
    Fault("socket-mode", FCGI, ((r"app[.]fastcgi\|", "closed|"),), "ProxyPass / ", status(503)),
    Fault("socket-directory", FCGI, ((r"app[.]fastcgi\|", "private/app|"),), "ProxyPass / ", status(503)),
    Fault("port-closed", SCGI, ((r"(?m)^( *ProxyPass / scgi://127.0.0.1):\d+", r"\1:1"),), "ProxyPass / ", status(503)),
    Fault("pass-address", FCGI, ((r"\|fcgi://localhost/", ""),), "ProxyPass / ", STOPS),
    Fault("pass-slash", HTTP, ((r"(?m)^( *ProxyPass / http://[^/]*)/", r"\1"),), "ProxyPass / ", no_slash),
    Fault("pass-slash", CGI, (("(?m)^( *ScriptAlias /app) .*$", r"\1/ /srv/app.cgi"),), "ScriptAlias /app/", no_slash),
    Fault(
        "pass-slash",
        FCGI,
        (("ProxyPass / ", "ProxyPass /app "),),
        "ProxyPass /app",
        told("PATH_INFO", "//page", "/app/page"),
    ),
    Fault(
        "pass-order",
        FCGI,
        (("(?m)^ *ProxyPass /static/ !$", ""), ("(?m)^( *ProxyPass / .*)$", r"\1\nProxyPass /static/ !")),
        "ProxyPass /static/ !",
        status(200, "/static/nothing"),
    ),
    Fault("config-syntax", FCGI, (("</Location>", ""),), "</VirtualHost", STOPS),
    Fault("config-syntax", FCGI, (("<Location />", "<Location /"),), "<Location", STOPS, "bracket"),
    Fault("config-include", FCGI, ((r"\Z", "Include nothing.conf\n"),), "Include", STOPS),
    Fault("path-info-missing", FCGI, (("(?m)^ *SetEnvIf Request_URI.*$", ""),), "ProxyPass / ", fine),
    *(
        Fault("authorization-lost", conf, PASS_AUTH, at, told("HTTP_AUTHORIZATION", None, path, headers=TOKEN))
        for conf, at, path in (
            (FCGI, "ProxyPass / ", "/page"),
            (HANDLER, "SetHandler", "/app/page"),
            (SCGI, "ProxyPass / ", "/page"),
            (CGI, "ScriptAlias", SCRIPT),
            (FCGID, "ScriptAlias", "/page"),
        )
    ),
    *(
        Fault(
            "authorization-lost",
            conf,
            ((r"(?m)^( *ProxyPass / .*)$", r"\1\nRequestHeader unset Authorization"),),
            "RequestHeader unset",
            told("HTTP_AUTHORIZATION", None, headers=TOKEN),
            "unset",
        )
        for conf in (FCGI, HTTP)
    ),
    Fault(
        "authorization-lost",
        FCGI,
        (("CGIPassAuth On", "CGIPassAuth Off"),),
        "CGIPassAuth Off",
        told("HTTP_AUTHORIZATION", None, headers=TOKEN),
        "authorization-off",
    ),
    Fault(
        "body-limit",
        FCGID,
        (("(?m)^ *FcgidMaxRequestLen.*$", ""),),
        "ScriptAlias /",
        status(500, body=b"x" * MIB),
    ),
    Fault(
        "body-limit",
        CGI,
        ((r"LimitRequestBody \d+", "LimitRequestBody 1000"),),
        "LimitRequestBody",
        status(413, SCRIPT, body=b"x" * 2000),
    ),
    Fault(
        "body-unmeasured",
        FCGI,
        (("(?m)^ *SetEnv proxy-sendcl.*$", ""),),
        "ProxyPass / ",
        lambda visit: visit("/", body=iter(chunks()), chunked=True).status == 200,
    ),
    Fault("stream-buffered", FCGI, (("flushpackets=on", ""),), "ProxyPass / ", fine),
    Fault("stream-buffered", FCGID, (("FcgidOutputBufferSize 0", ""),), "ScriptAlias /", fine),
    Fault("keepalive-longer", FCGI, (("ttl=60", ""),), "ProxyPass / ", fine),
    Fault("keepalive-longer", HTTP, (("ttl=60", "ttl=120"),), "ProxyPass / ", fine, "keepalive-ttl"),
    Fault("keepalive-longer", HANDLER, (("ttl=60", ""),), "SetHandler", status(200, "/app/page"), "handler-ttl"),
    Fault("timeout-short", FCGI, ((r"timeout=\d+", "timeout=1"),), "ProxyPass / ", fine),
    Fault("timeout-short", FCGID, (("FcgidBusyTimeout .*", "FcgidBusyTimeout 20"),), "FcgidBusyTimeout", fine),
    *(
        Fault("encoded-slash", conf, (("(?m)^ *AllowEncodedSlashes.*$", ""),), at, status(404, path))
        for conf, at, path in ((FCGI, "ProxyPass / ", "/a%2Fb"), (CGI, "ScriptAlias", f"{SCRIPT}%2F"))
    ),
    Fault("url-changed", HTTP, (("nocanon ", ""),), "ProxyPass / ", fine),
    Fault(
        "host-lost",
        HTTP,
        (("(?m)^ *ProxyPreserveHost On$", ""),),
        "ProxyPass / ",
        lambda visit: visit("/page").environ["HTTP_HOST"] != "example.org",
    ),
    Fault("script-absent", CGI, (("cgi-bin/app.cgi", "cgi-bin/ap.cgi"),), "ScriptAlias /app", status(404, "/app/page")),
    Fault(
        "access-denied",
        CGI,
        (("<Directory [^>]*cgi-bin>", "<Directory /nowhere>"),),
        "ScriptAlias",
        status(403, SCRIPT),
    ),
    Fault("httpoxy-header", HTTP, (("(?m)^ *RequestHeader unset Proxy early$", ""),), "ProxyPass / ", fine),
)
