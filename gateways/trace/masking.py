"""Hide what a person at a terminal, or the reader of a bug report, must not see: passwords, cookies, tokens."""

from __future__ import annotations

import re

MASK = "****"

_SECRET_NAME = re.compile(
    r"AUTHORIZATION|PASSW|PASSPHRASE|PWD|SECRET|TOKEN|(?:API|ACCESS|PRIVATE)_?KEY|CREDENTIAL|SIGNATURE|CSRF|XSRF|JWT"
    r"|SESSION|(?:\A|_)AUTH(?!_(?:TYPE|USER|NAME)\Z)(?:_|\Z)"
)
_COOKIE = re.compile(r"(?:HTTP_|SET_)?COOKIE2?\Z")
#: Variables that hold a query, or a URL that may have no "?" before it. All others are known by that.
_WITH_QUERY = re.compile(
    r"(?:(?:REDIRECT_)?QUERY_STRING|REQUEST_URI|(?:HTTP_)?REFERER|DOCUMENT_URI|LOCATION|REDIRECT_URL|RAW_URI"
    r"|(?:HTTP_)?X_ORIGINAL_UR[IL]|(?:HTTP_)?X_REWRITE_URL|UNENCODED_URL|X_ACCEL_REDIRECT)\Z"
)
#: Names in queries, forms and JSON.
_SECRET_WORD = re.compile(
    r"passw|passphrase|pwd|secret|token|(?:api|access|private)[_-]?key|auth(?!or(?!i[sz]))|credential|signature|csrf|xsrf|jwt|session"
    r"|\bsid\b|\bsig\b|\bcode\b",
    re.IGNORECASE,
)
#: What stands between the parameters of a query or a form.
_BETWEEN = re.compile(r"([&;?#\s\"]+)")
#: The name of a member of a JSON object. It is no longer than that, so that no text takes longer than its length.
_MEMBER = re.compile(r"\"[^\"\\]{1,64}\"\s{0,9}:\s{0,9}")
_SCALAR = re.compile(r"\"(?:[^\"\\]|\\.)*\"?|[^\s,}\]\"]+", re.DOTALL)
#: What an array or an object consists of, as far as one wants to find its end.
_PART = re.compile(r"\"(?:[^\"\\]|\\.)*\"?|[\[{]|[\]}]|[^\[\]{}\"]+", re.DOTALL)
#: A field of a multipart form: its headers, which are few and short, and its value.
_FIELD = re.compile(
    r"(\bname=\"?([^\"\r\n;]{1,256})[^\r\n]{0,256}(?:\r\n[^\r\n]{1,256}){0,4}\r\n\r\n)(.*?)(?=\r\n--|\Z)", re.DOTALL
)
_USERINFO = re.compile(r"(://[^/?#\s:@]*:)[^/?#\s@]*@")


def mask_value(name: str, value: str) -> str:
    """Return the value of a variable or a header as it may be seen."""
    plain = name.upper().replace("-", "_")
    if _COOKIE.search(plain):
        return _mask_cookie(value, answer=plain.startswith("SET_"))
    if _SECRET_NAME.search(plain):
        scheme, space, rest = value.partition(" ")
        return f"{scheme} {MASK}" if space and rest and "AUTHORIZATION" in plain else MASK if value else ""
    if "?" in value or _WITH_QUERY.search(plain):
        return mask_text(value)
    return value


def mask_text(text: str) -> str:
    """Return text with the values of telling names hidden: of a query or a form, of JSON, of a URL's user."""
    text = _FIELD.sub(lambda found: found[1] + MASK if _SECRET_WORD.search(found[2]) else found[0], text)
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    text = "".join([_mask_parameter(part) for part in _BETWEEN.split(text)])
    return _mask_members(text)


def _mask_members(text: str) -> str:
    """Hide values of JSON objects, whole arrays and objects among them, also where the text was cut off."""
    shown: list[str] = []
    end = 0
    while found := _MEMBER.search(text, end):
        shown.append(text[end : found.end()])
        end = found.end()
        if _SECRET_WORD.search(found[0]):
            shown.append(f'"{MASK}"')
            end = _end_of_value(text, end)
    return "".join([*shown, text[end:]])


def _end_of_value(text: str, start: int) -> int:
    if text[start : start + 1] not in ("[", "{"):
        scalar = _SCALAR.match(text, start)
        return scalar.end() if scalar else start
    depth = 0
    while part := _PART.match(text, start):
        start = part.end()
        depth += (part[0] in ("[", "{")) - (part[0] in ("]", "}"))
        if not depth:
            break
    return start


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
