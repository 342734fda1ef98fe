"""gateways.server.tls: what is said of files that cannot be used, before the first client comes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gateways.errors import ConfigError
from gateways.server.tls import Tls
from tests.support import tls


def both(tmp_path: Path, *parts: str) -> str:
    path = tmp_path / "both.pem"
    path.write_text("".join(Path(part).read_text(encoding="ascii") for part in parts), encoding="ascii")
    return str(path)


def test_certificate_and_key_in_two_files_or_in_one(tmp_path: Path) -> None:
    Tls(tls.CERTIFICATE, tls.KEY)
    Tls(both(tmp_path, tls.KEY, tls.CERTIFICATE, tls.RENEWED))


def test_H61_nothing_older_than_tls_1_2() -> None:
    context = Tls(tls.CERTIFICATE, tls.KEY).context
    assert context.minimum_version.name == "TLSv1_2"


@pytest.mark.parametrize(
    ("certificate", "key", "reason"),
    [
        ("/nonexistent/a.crt", tls.KEY, r"certfile: /nonexistent/a\.crt cannot be read: No such file"),
        (tls.CERTIFICATE, "/nonexistent/a.key", r"keyfile: /nonexistent/a\.key cannot be read: No such file"),
        ("/", tls.KEY, "certfile: / cannot be read: Is a directory"),
        (tls.CERTIFICATE, tls.RENEWED_KEY, r"keyfile: .*renewed\.key with certfile .*: the key is that of another"),
        (tls.CERTIFICATE, tls.LOCKED_KEY, "the key has a passphrase"),
        (tls.CERTIFICATE, None, r"certfile: .*server\.crt: there is no private key in PEM form"),
        (tls.CERTIFICATE, tls.CERTIFICATE, "there is no private key in PEM form"),
        (tls.KEY, tls.KEY, "there is no certificate in PEM form"),
        ("/dev/null", None, "there is no certificate and no private key in PEM form"),
    ],
)
def test_H62_files_that_cannot_be_used_are_named(certificate: str, key: str | None, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Tls(certificate, key)


def test_H63_a_renewed_certificate_that_cannot_be_used_leaves_the_old_one(tmp_path: Path) -> None:
    certificate, key = tmp_path / "a.crt", tmp_path / "a.key"
    shutil.copy(tls.CERTIFICATE, certificate)
    shutil.copy(tls.KEY, key)
    made = Tls(os.path.relpath(certificate), os.path.relpath(key))
    first = made.context
    shutil.copy(tls.RENEWED, certificate)
    with pytest.raises(ConfigError, match="of another certificate"):
        made.renew()
    assert made.context is first
    shutil.copy(tls.RENEWED_KEY, key)
    made.renew()
    assert made.context is not first
