"""What a server needs, opened by its settings. Most of it is seen from outside, in test_launch.py."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from gateways.errors import BootError, ConfigError
from gateways.loader import LazyApplication
from gateways.server import opening
from gateways.settings import Settings
from tests.support import tls
from tests.support.serving import RecordingLog


def test_addresses_come_with_their_protocol() -> None:
    settings = Settings(scgi=[":4000"], fastcgi=["unix:/a", "unix:/b"])
    assert opening.addresses_of(settings) == [("fastcgi", "unix:/a"), ("fastcgi", "unix:/b"), ("scgi", ":4000")]


def test_every_listener_is_closed_with_the_stack(socket_dir: Path) -> None:
    with ExitStack() as stack:
        addresses = [("fastcgi", f"unix:{socket_dir}/a"), ("scgi", "127.0.0.1:0")]
        listeners = opening.listen(addresses, Settings(), stack)
        assert [listener.protocol for listener in listeners] == ["fastcgi", "scgi"]
    assert [listener.fileno() for listener in listeners] == [-1, -1]
    assert not (socket_dir / "a").exists()


def test_an_application_that_cannot_be_loaded_is_an_error_or_answers() -> None:
    log = RecordingLog()
    with pytest.raises(BootError):
        opening.load_application("nowhere_at_all", Settings(), False, cast(Any, log))
    found = opening.load_application("nowhere_at_all", Settings(), True, cast(Any, log))
    assert isinstance(found, LazyApplication)
    assert "answered with 500 until it can be loaded" in log.text("error")


def test_names_and_numbers_in_messages() -> None:
    def shop(environ: Any, start_response: Any) -> Any: ...

    assert (opening.application_name("shop:app"), opening.application_name(shop)) == ("shop:app", "shop")
    assert (opening.count(1, "thread"), opening.count(2, "thread")) == ("1 thread", "2 threads")


def test_tls_and_the_proxy_protocol_are_for_http() -> None:
    settings = Settings(
        fastcgi="127.0.0.1:0",
        http="127.0.0.1:0",
        certfile=tls.CERTIFICATE,
        keyfile=tls.KEY,
        proxy_protocol=True,
        forwarded_allow_ips=["127.0.0.1"],
    )
    with ExitStack() as stack:
        fastcgi, http = opening.listen(opening.addresses_of(settings), settings, stack)
        assert (fastcgi.tls, fastcgi.proxies) == (None, None)
        assert http.tls is not None
        assert http.proxies is not None
        assert http.proxies.trusts("127.0.0.1")
        assert (fastcgi.spoken, http.spoken) == ("fastcgi", "PROXY and http with TLS")


def test_a_certificate_that_cannot_be_used_is_no_start() -> None:
    settings = Settings(http="127.0.0.1:0", certfile="/nonexistent/a.crt")
    with ExitStack() as stack, pytest.raises(ConfigError, match=r"certfile: /nonexistent/a\.crt cannot be read"):
        opening.listen(opening.addresses_of(settings), settings, stack)


def test_certificates_are_renewed_or_the_old_ones_stay(tmp_path: Path) -> None:
    certificate = tmp_path / "both.pem"

    def store(*files: str) -> None:
        certificate.write_text("".join(Path(file).read_text() for file in files))

    store(tls.CERTIFICATE, tls.KEY)
    settings = Settings(http="127.0.0.1:0", certfile=str(certificate))
    log = RecordingLog()
    with ExitStack() as stack:
        listeners = opening.listen(opening.addresses_of(settings), settings, stack)
        assert listeners[0].tls is not None
        first = listeners[0].tls.context
        store(tls.RENEWED, tls.KEY)
        opening.renew_certificates(listeners, cast(Any, log))
        assert "of another certificate; the certificate from before is used on" in log.text("error")
        assert listeners[0].tls.context is first
        store(tls.RENEWED, tls.RENEWED_KEY)
        opening.renew_certificates([*listeners, *listeners], cast(Any, log))
        assert listeners[0].tls.context is not first
