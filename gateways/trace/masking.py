"""Hide what a person at a terminal, or the reader of a bug report, must not see: passwords, cookies, tokens."""

from __future__ import annotations

import re

MASK = "****"

_SECRET_NAME = re.compile(
    r"AUTHORIZATION|PASSW|PASSPHRASE|PWD|SECRET|TOKEN|API_?KEY|CREDENTIAL|SIGNATURE|CSRF|XSRF|JWT|SESSION|PHP_AUTH_PW"
)
_COOKIE = re.compile(r"(?:HTTP_|SET_)?COOKIE2?\Z")
#: Variables that hold a URL with its query.
_WITH_QUERY = re.compile(
    r"(?:(?:REDIRECT_)?QUERY_STRING|REQUEST_URI|(?:HTTP_)?REFERER|DOCUMENT_URI|LOCATION|REDIRECT_URL|RAW_URI"
    r"|(?:HTTP_)?X_ORIGINAL_UR[IL]|(?:HTTP_)?X_REWRITE_URL|UNENCODED_URL|X_ACCEL_REDIRECT)\Z"
)
#: Names in queries, forms and JSON.
_SECRET_WORD = re.compile(
    r"passw|passphrase|pwd|secret|token|api[_-]?key|auth|credential|signature|csrf|xsrf|jwt|session|\bsid\b|\bcode\b",
    re.IGNORECASE,
)
#: What stands between the parameters of a query or a form.
_BETWEEN = re.compile(r"([&;?#\s\"]+)")
#: A name is no longer than that, so that no text takes longer than its length.
_MEMBER = re.compile(r"(\"[^\"\\]{1,64}\"\s{0,9}:\s{0,9})(\"(?:[^\"\\]|\\.)*\"?|[^\s,}\"]+)")
_USERINFO = re.compile(r"(://[^/?#\s:@]*:)[^/?#\s@]*@")


def mask_value(name: str, value: str) -> str:
    """Return the value of a variable or a header as it may be seen."""
    plain = name.upper().replace("-", "_")
    if _COOKIE.search(plain):
        return _mask_cookie(value, answer=plain.startswith("SET_"))
    if _SECRET_NAME.search(plain):
        scheme, space, rest = value.partition(" ")
        return f"{scheme} {MASK}" if space and rest and "AUTHORIZATION" in plain else MASK if value else ""
    if _WITH_QUERY.search(plain):
        return mask_text(value)
    return value


def mask_text(text: str) -> str:
    """Return text with the values of telling names hidden: of a query or a form, of JSON, of a URL's user."""
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    text = "".join([_mask_parameter(part) for part in _BETWEEN.split(text)])
    return _MEMBER.sub(lambda match: f'{match[1]}"{MASK}"' if _SECRET_WORD.search(match[1]) else match[0], text)


def _mask_parameter(text: str) -> str:
    name, equals, _ = text.partition("=")
    return f"{name}={MASK}" if equals and _SECRET_WORD.search(name) else text


def _mask_cookie(value: str, answer: bool) -> str:
    """Keep the names, and the attributes of Set-Cookie."""
    parts = value.split(";")
    masked = [_mask_pair(part) for part in (parts[:1] if answer else parts)]
    return ";".join([*masked, *(parts[1:] if answer else [])])


def _mask_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals else MASK if pair.strip() else pair
