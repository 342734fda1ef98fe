"""The build. Everything declared is in pyproject.toml; what has to be decided while building goes here."""

from setuptools import setup

setup()
