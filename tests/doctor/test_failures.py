"""The cause in an error log."""

from __future__ import annotations

import pytest

from gateways.doctor.failures import explain_log, last_words

PATH = "/srv/app.cgi"
LINE_1, LINE_2 = "/srv/app.py:1", "/srv/app.py:2"
PYTHON = "/srv/venv/bin/python"
TRACE = 'Traceback (most recent call last):\n  File "/srv/app.cgi", line 3, in <module>\n    import x\n'
INSTALLED = '  File "/srv/venv/lib/python3.11/site-packages/x/__init__.py", line 9, in <module>\n    y\n'


@pytest.mark.parametrize(
    ("line", "code", "remedy"),
    [
        ("ModuleNotFoundError: No module named 'flask'", "module-absent", f"{PYTHON} -m pip install flask"),
        ("ModuleNotFoundError: No module named 'a.b.c'", "module-absent", f"{PYTHON} -m pip install a"),
        ("ImportError: cannot import name 'x' from 'y'", "import-error", "install the version"),
        ("KeyError: 'SECRET_KEY'", "environment-variable-absent", 'os.environ["SECRET_KEY"]'),
        ("KeyError: 'HTTP_X_TOKEN'", "request-variable-absent", 'environ.get("HTTP_X_TOKEN", "")'),
        ("KeyError: 'CONTENT_LENGTH'", "request-variable-absent", 'environ.get("CONTENT_LENGTH", "")'),
        ("KeyError: 'SERVER_SECRET'", "environment-variable-absent", 'os.environ["SERVER_SECRET"]'),
        ("KeyError: 'lower'", "application-exception", "mend"),
        ("PermissionError: [Errno 13] Permission denied: '/srv/db'", "file-not-permitted", "ls -l /srv/db"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'db'", "file-absent", "__file__"),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/srv/db'", "file-absent", "make it"),
        ("UnicodeDecodeError: 'ascii' codec can't decode byte", "text-encoding", "/srv/.htaccess"),
        ("MemoryError", "out-of-memory", "RLimitMEM"),
        ("ZeroDivisionError: division by zero", "application-exception", "mend"),
        ("shop.errors.ShopError", "application-exception", "mend"),
        ("django.core.exceptions.ImproperlyConfigured: set it", "application-exception", "mend"),
    ],
)
def test_the_last_line_of_a_traceback(line: str, code: str, remedy: str) -> None:
    finding = explain_log(PATH, PYTHON, f"{TRACE}{INSTALLED}{line}\n".encode())
    assert finding is not None
    assert (finding.code, finding.where) == (code, "/srv/app.cgi:3")
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("line", "code", "where"),
    [
        ("application 'ap:x': there is no module 'ap' in /srv", "application-file-absent", PATH),
        ("application 'app:x': app has no 'x'; did you mean 'y'?", "application-absent", PATH),
        ("application 'app:x': x is of type int, not callable", "application-absent", PATH),
        ("application 'app:x': /srv/app.py, line 1: No module named 'flask'; install it", "module-absent", LINE_1),
        ("application 'app:x': /srv/app.py, line 2: SyntaxError: bad", "application-exception", LINE_2),
        ("application 'app:x': /srv/app.py, line 2: KeyError: 'DB_URL'", "environment-variable-absent", LINE_2),
        ("application 'app:x': cannot import name 'x'", "import-error", PATH),
    ],
)  # fmt: skip
def test_what_gateways_says_itself(line: str, code: str, where: str) -> None:
    finding = explain_log(PATH, PYTHON, f"gateways: error: {line}\n".encode())
    assert finding is not None
    assert (finding.code, finding.where) == (code, where)


@pytest.mark.parametrize("ending", ["", "SystemExit: 2\n", f"{TRACE}SystemExit: 2\n"])
def test_what_gateways_refuses(ending: str) -> None:
    """The reason counts, not how the script ended for it."""
    finding = explain_log(PATH, PYTHON, f"gateways: error: keyword wrong is not known\n{ending}".encode())
    assert finding is not None
    assert (finding.code, finding.where) == ("settings-refused", PATH)
    assert "keyword wrong is not known" in finding.what
    assert PATH in finding.remedy


def test_what_it_refuses_in_a_process_that_stays() -> None:
    log = "gateways: GET /: /srv/app.cgi failed: keyword x is not known\n"
    log += "".join(f"  {line}\n" for line in f"{TRACE}SystemExit: 2".splitlines())
    finding = explain_log(PATH, PYTHON, log.encode())
    assert finding is not None
    assert (finding.code, finding.where) == ("settings-refused", PATH)
    assert finding.what.endswith("keyword x is not known")
    finding = explain_log(
        PATH, PYTHON, log.replace("keyword x is not known", "it has ended with exit status 2").encode()
    )
    assert finding is not None
    assert finding.code == "application-exception"


def test_a_traceback_as_gateways_writes_it() -> None:
    """Each line has two spaces more."""
    lines = f"{TRACE}{INSTALLED}ModuleNotFoundError: No module named 'flask'".splitlines()
    log = "".join(["gateways: GET /: ModuleNotFoundError: no\n", *(f"  {line}\n" for line in lines)])
    finding = explain_log(PATH, PYTHON, log.encode())
    assert finding is not None
    assert (finding.code, finding.where) == ("module-absent", "/srv/app.cgi:3")


def test_no_memory_for_a_library() -> None:
    finding = explain_log(PATH, PYTHON, b"libm.so.6: failed to map segment from shared object\n")
    assert finding is not None
    assert finding.code == "out-of-memory"


def test_no_reason() -> None:
    assert explain_log(PATH, PYTHON, b"") is None
    assert explain_log(PATH, PYTHON, b"hello\nworld\n") is None
    assert last_words(b"hello\nworld\n\n") == "world"
    assert last_words(b"") == ""
