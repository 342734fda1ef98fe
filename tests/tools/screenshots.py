"""Takes the pictures in docs/images anew: the status page under some load, and the debug page. It takes three minutes.

python -m tests.tools.screenshots
"""

from __future__ import annotations

import json
import linecache
import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateways import make_server
from tests.support.browser import Browser, browsing
from tests.support.fronting import fronting
from tests.support.managing import managing
from tests.support.source import CHECKOUT

IMAGES = CHECKOUT / "docs" / "images"
WIDTH, HEIGHT = 1000, 620

CONFIG = """\
[gateways]
error_log = "{dir}/log"
access_log = "off"
user = "{user}"

[pool.shop]
application = "shop:application"
fastcgi = "unix:{dir}/socket"
workers = 4
threads = 2
status = "/-/status"
"""
SECONDS = 180
"""How much of the chart is filled."""

#: A program with a mistake: the price of what is not in the list.
SHOP = '''\
from urllib.parse import parse_qs

PRICES = {"tea": 3.20, "coffee": 4.10}


def application(environ, start_response):
    order = parse_qs(environ["QUERY_STRING"])
    page = f"That makes {total(order):.2f}, please.\\n"
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [page.encode()]


def total(order):
    """Return what an order costs."""
    return sum(PRICES[name] * int(number) for name, (number,) in order.items())
'''
PLACE = "/srv/shop/app.py"


def rename(browser: Browser, names: Mapping[str, str]) -> None:
    """Show other names of files: those of this machine are nobody's business."""
    browser.evaluate(
        f"""(() => {{
            const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (texts.nextNode())
                for (const [ours, shown] of Object.entries({json.dumps(names)}))
                    texts.currentNode.data = texts.currentNode.data.replaceAll(ours, shown);
        }})()"""
    )


def status_page(browser: Browser, path: Path, seconds: int) -> None:
    """A pool of four workers with something to do."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="gw-")))
        directory.chmod(0o755)
        (directory / "shop.py").write_text("from tests.support.managed_app import application\n")
        managed = stack.enter_context(managing(config=CONFIG, directory=directory))
        front = stack.enter_context(fronting(f"unix:{directory}/socket"))
        browser.open(f"{front.url}/-/status?html")
        for second in range(seconds):
            for _ in range(40 + int(30 * math.sin(second / 20)) + second * 7 % 13):
                managed.ask("/products")
            time.sleep(1)
        with managed.send("/sleep/600"), managed.send("/stream/6000"):
            browser.until("document.querySelectorAll('tr[data-state=Running]').length >= 2")
            browser.until("document.querySelector('tr[data-state=Running] .duration').textContent.endsWith('s')")
            browser.evaluate("document.getElementById('refresh').click()")  # Pause: or it would write its own names
            rename(browser, {f"{directory}/socket": "/run/gateways/shop.sock", "Go on": "Pause"})
            browser.screenshot(path)
            managed.stop(signal.SIGQUIT)  # the requests in hand are endless


@contextmanager
def shop() -> Iterator[str]:
    """Serve the program as if it were that of somebody's machine."""
    names: dict[str, Any] = {"__name__": "app", "__file__": PLACE}
    linecache.cache[PLACE] = (len(SHOP), None, SHOP.splitlines(keepends=True), PLACE)
    exec(compile(SHOP, PLACE, "exec"), names)
    server = make_server("127.0.0.1", 0, names["application"], debug=True, access_log="off", error_log="/dev/null")
    with server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def debug_page(browser: Browser, path: Path, seconds: int) -> None:
    """A request that fails."""
    with shop() as url:
        browser.open(f"{url}/total?tea=2&cake=1")
        browser.until("document.querySelector('h1').innerText.startsWith('KeyError')")
        rename(browser, {str(CHECKOUT): "/srv/shop/venv/lib/python3/site-packages"})
        browser.screenshot(path)


PICTURES = {"status-page.png": status_page, "debug-page.png": debug_page}


def take(directory: Path, seconds: int) -> None:
    """Take all of them, with so many seconds of load."""
    with ExitStack() as stack:
        browser = stack.enter_context(browsing())
        browser.prefer("light")
        browser.resize(WIDTH, HEIGHT)
        for name, picture in PICTURES.items():
            picture(browser, directory / name, seconds)


if __name__ == "__main__":
    take(IMAGES, SECONDS)
