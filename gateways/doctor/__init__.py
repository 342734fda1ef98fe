"""Finds out why a deployment does not work: examinations of scripts, sockets, configuration files and URLs.

Each is a function that yields ``Finding``s; ``targets`` says which one a text of the command line asks for.
"""
