"""The build. Everything declared is in pyproject.toml; what has to be decided while building stands here."""

import os
import sys
from distutils.ccompiler import new_compiler
from distutils.command.build_scripts import build_scripts
from distutils.errors import CCompilerError
from distutils.sysconfig import customize_compiler

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

RESIDENT = "gateways/resident/gateways-cgi"


class BuildScripts(build_scripts):
    """Puts the program in C in the place of its twin in Python, where it can be compiled."""

    def run(self):
        self.force = True  # of two builds with different settings, the second counts
        super().run()
        if not wanted:
            return
        temporary = self.get_finalized_command("build").build_temp
        compiler = new_compiler()
        customize_compiler(compiler)
        try:
            sources = [f"{RESIDENT}.c", f"{RESIDENT}-relay.c"]
            objects = compiler.compile(sources, output_dir=temporary, extra_preargs=["-std=c11"])
            compiler.link_executable(objects, "gateways-cgi", output_dir=self.build_dir)
        except CCompilerError as error:
            print(f"warning: gateways-cgi is in Python, and slower: {error}", file=sys.stderr)


setup(ext_modules=[SPEEDUPS] if wanted else [], scripts=[RESIDENT], cmdclass={"build_scripts": BuildScripts})
