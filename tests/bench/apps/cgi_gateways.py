"""A CGI script of ours."""

from gateways import run_with_cgi

run_with_cgi("flask_hello:application")
