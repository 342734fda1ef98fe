"""Flask's hello; any path."""

from flask import Flask

application = Flask(__name__)


@application.route("/", defaults={"path": ""})
@application.route("/<path:path>")
def hello(path):
    return "Hello, world\n", 200, {"Content-Type": "text/plain"}
