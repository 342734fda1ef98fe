"""The build. Everything declared is in pyproject.toml; what has to be decided while building stands here."""

import os
import sys

from setuptools import Extension, setup

# The usual request in C. Without it all works the same, slower: no compiler, another system than Linux (epoll,
# accept4), or GATEWAYS_PURE=1 in the environment of the build.
PARTS = ("", "_accept", "_environ", "_inhand", "_loop", "_names", "_path", "_response")
SPEEDUPS = Extension(
    "gateways.adapters._speedups",
    [f"gateways/adapters/_speedups{part}.c" for part in PARTS],
    depends=["gateways/adapters/_speedups.h", "gateways/adapters/_speedups_environ.h"],
    extra_compile_args=["-std=c11", "-fvisibility=hidden"],
    optional=True,
)
wanted = sys.platform == "linux" and os.environ.get("GATEWAYS_PURE", "0") in ("", "0")

setup(ext_modules=[SPEEDUPS] if wanted else [])
