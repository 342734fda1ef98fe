"""The distribution that puts a package ``flup`` into an environment, whose modules are those of gateways.compat.flup.

Its name is gateways-flup, or what GATEWAYS_FLUP_NAME says: flup, to take the place of flup for what requires that.
It is built in a copy of the repository, where it finds its version.
"""

import os
import re
from pathlib import Path

from setuptools import setup

PACKAGE = Path(__file__).resolve().parents[2]  # a setuptools of old gives no whole path
OURS = re.search('^__version__ = "(.+)"', (PACKAGE / "__init__.py").read_text("utf-8"), re.M).group(1)
NAME = os.environ.get("GATEWAYS_FLUP_NAME", "gateways-flup")
#: By the name of flup it is a version of flup: that whose signatures it has, with a label of ours (PEP 440).
VERSION = "1.0.3+gateways.1" if NAME == "flup" else OURS
FACTORY = "flup.server.paste_factory:run_"

setup(
    name=NAME,
    version=VERSION,
    description="The module names of flup on gateways",
    license="MIT",
    python_requires=">=3.9",
    install_requires=["gateways"],
    packages=["flup"],
    entry_points={
        "paste.server_runner": [
            *[f"{protocol} = {FACTORY}{protocol}_thread" for protocol in ("ajp", "fcgi", "scgi")],
            *[
                f"{protocol}_{kind} = {FACTORY}{protocol}_{kind}"
                for protocol in ("ajp", "fcgi", "scgi")
                for kind in ("thread", "fork")
            ],
        ]
    },
)
