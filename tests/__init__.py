"""The tests mirror the package: gateways/core/environ.py is tested by tests/core/test_environ.py."""
