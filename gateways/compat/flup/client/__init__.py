"""Clients by flup's names."""
