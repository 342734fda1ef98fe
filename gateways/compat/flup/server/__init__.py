"""Servers by flup's names."""


class NoDefault:
    """Stands for "not given" where None means something."""
