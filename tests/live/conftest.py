"""Fixtures of the live tests: one sandbox, and each deployment booted once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateways.server.transports import TRANSPORTS
from tests.live.deployments import DEPLOYMENTS, Deployment, running
from tests.live.sandbox import Sandbox
from tests.live.site import Site

#: For each transport that has a C part, the first deployment that speaks it.
COMPILED = [
    next(deployment for deployment in DEPLOYMENTS if deployment.transport == name)
    for name, transport in TRANSPORTS.items()
    if transport.compiled
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what boots a server, and where the C part does nothing that it does not do behind another one."""
    for item in items:
        if "site" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.live)
            callspec = getattr(item, "callspec", None)  # for what is parametrized
            deployment = callspec and callspec.params.get("booted")
            if isinstance(deployment, Deployment) and deployment not in COMPILED:
                item.add_marker(pytest.mark.alike)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The machine all deployments run on, one after another."""
    machine = Sandbox()
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def machine() -> Iterator[Sandbox]:
    """A sandbox beside that one, for tests that boot servers of their own."""
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


# pytest sorts the tests of a session-wide parameter together: each deployment is booted once for all modules.
@pytest.fixture(scope="session", params=DEPLOYMENTS, ids=lambda deployment: deployment.name)
def booted(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Site]:
    """A running deployment."""
    deployment: Deployment = request.param
    with running(deployment, sandbox) as running_site:
        yield running_site


@pytest.fixture
def site(booted: Site) -> Site:
    """A running deployment, with no connection kept from the test before, which the server may be about to close."""
    booted.session.close()
    return booted
