"""The distribution that puts a package ``flup`` into an environment, whose modules are those of gateways.compat.flup.

    pip install ./gateways/compat/dist                        as gateways-flup
    GATEWAYS_FLUP_NAME=flup pip install ./gateways/compat/dist     in the place of flup: for what requires that by name
"""

import os

from setuptools import setup

NAME = os.environ.get("GATEWAYS_FLUP_NAME", "gateways-flup")
#: By the name of flup it is a version of flup: that whose signatures it has, with a label of ours (PEP 440).
VERSION = "1.0.3+gateways.1" if NAME == "flup" else "0.1.0"
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
