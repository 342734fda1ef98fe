"""``manage.py runfcgi``, with the options that Django's own had until 1.8."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.core.servers.basehttp import get_internal_wsgi_application

from gateways.compat.django.options import HELP, read_options
from gateways.compat.django.serving import serve
from gateways.errors import BootError, GatewayError


def as_flags(words: list[str]) -> list[str]:
    """Return ``key=value`` and ``key`` as ``--key=value`` and ``--key``, so that both ways can be mixed."""
    result: list[str] = []
    for word in words:
        name = word.partition("=")[0].lower()
        follows_flag = bool(result) and result[-1].startswith("--") and "=" not in result[-1]
        # ``help`` is what Django's documentation had people type.
        is_option = (name in HELP or word == "help") and ("=" in word or not follows_flag)
        result.append(f"--{name}{word[len(name) :]}" if is_option else word)
    return result


def _application() -> Any:
    """Return the project's application. Raises ``BootError``; ``--traceback`` shows where it came from."""
    try:
        return get_internal_wsgi_application()
    except ImproperlyConfigured as error:
        cause = f" ({error.__cause__})" if error.__cause__ is not None else ""
        raise BootError(f"{error}{cause}") from error


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Serves this project over FastCGI, SCGI or AJP13."""

    help = "Serves this project over FastCGI, SCGI or AJP13, on gateways. Options are written key=value or --key=value."
    requires_system_checks: list[str] = []  # noqa: RUF012 -- as Django has it

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command that was typed."""
        super().run_from_argv([*argv[:2], *as_flags(argv[2:])])

    def add_arguments(self, parser: Any) -> None:
        """Add the options."""
        parser.add_argument("words", nargs="*", metavar="key=value", help="any of the options below, without dashes")
        for name, text in HELP.items():
            parser.add_argument(f"--{name}", help=text, metavar=name.upper(), nargs="?", const="true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve."""
        flags = {name: options.get(name) for name in HELP}
        try:
            chosen = read_options([*args, *options.get("words", ())], flags)
            serve(_application(), chosen)
        except GatewayError as error:
            raise CommandError(str(error), returncode=error.exit_code) from error
