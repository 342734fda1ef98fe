"""What would take from each other: URL paths of files and of the application, and directories that nobody may read."""

from __future__ import annotations

from collections.abc import Sequence

from gateways.errors import ConfigError

Pairs = Sequence[tuple[str, str]]


def check_urls(mount: str, static: Pairs, private: Pairs) -> None:
    """Raise ``ConfigError`` for files at the URL of the application, or at that of other files."""
    urls = [("--static", url) for url, _ in static] + [("--private", url) for url, _ in private]
    for number, (flag, url) in enumerate(urls):
        if url in (other for _, other in urls[:number]):
            raise ConfigError(f"{url} is given twice; leave out one --static or --private")
        if url == mount:
            raise ConfigError(f"{flag} {url}: the application is mounted there; give the files another path")


def check_directories(root: str, static: Pairs, private: Pairs, programs: Sequence[str] = ()) -> None:
    """Raise ``ConfigError`` for a directory that would show the program, or private files, to everybody.

    ``programs`` are directories of scripts and the like: one with nothing but files may well lie below them, as those
    of Django's admin do below venv.
    """
    for _, directory in static:
        if is_below(root, directory):
            raise ConfigError(
                f"--static {directory}: the application itself is in it (--root {root}); give a directory of its own"
            )
        for program in programs:
            if is_below(program, directory):
                raise ConfigError(f"--static {directory}: a program is in {program}; give a directory of its own")
    shown = [f"{root}/public", *(directory for _, directory in static)]
    for _, directory in private:
        for other in shown:
            if is_below(directory, other):
                raise ConfigError(
                    f"--private {directory}: it is in {other}, which everybody may read; give a directory elsewhere"
                )


def is_below(path: str, other: str) -> bool:
    """Say whether a path is another one or below it."""
    return path == other or path.startswith(f"{other}/")
