"""The manifests of conf/kubernetes: what they say fits together, and fits what the image and we do.

That their commands are ones that gateways knows, test_conf_files.py checks.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateways.settings import Settings
from tests.live.sandbox import PROJECT
from tests.support import requirements

DIRECTORY = PROJECT / "conf" / "kubernetes"
DEFAULTS = Settings()


def document(name: str) -> Any:
    """The only document of a file."""
    return requirements.require_module("yaml").safe_load((DIRECTORY / name).read_text())


@pytest.fixture
def pod() -> Any:
    """What the Deployment says of a pod."""
    return document("deployment.yaml")["spec"]["template"]["spec"]


@pytest.fixture
def app(pod: Any) -> Any:
    """The container of the application."""
    (container,) = pod["initContainers"]
    return container


@pytest.fixture
def nginx(pod: Any) -> Any:
    """The container of nginx."""
    (container,) = pod["containers"]
    return container


def option(words: list[str], flag: str) -> str:
    """The value of a flag."""
    return words[words.index(flag) + 1]


def test_every_file_is_listed_and_of_its_kind() -> None:
    listed = document("kustomization.yaml")["resources"]
    others = ("kustomization.yaml", "nginx.conf")  # the latter is in the map of the configuration
    assert sorted(listed) == sorted(path.name for path in DIRECTORY.iterdir() if path.name not in others)
    kinds = {name: (document(name)["apiVersion"], document(name)["kind"]) for name in listed}
    assert kinds == {
        "deployment.yaml": ("apps/v1", "Deployment"),
        "service.yaml": ("v1", "Service"),
        "poddisruptionbudget.yaml": ("policy/v1", "PodDisruptionBudget"),
    }


def test_all_mean_the_same_pods() -> None:
    deployment = document("deployment.yaml")
    (labels,) = deployment["spec"]["template"]["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"] == dict([labels])
    assert document("poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"] == dict([labels])
    assert document("service.yaml")["spec"]["selector"] == dict([labels])
    (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == dict([labels])


def test_there_is_always_one_that_serves() -> None:
    spec = document("deployment.yaml")["spec"]
    assert spec["replicas"] > document("poddisruptionbudget.yaml")["spec"]["maxUnavailable"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_the_service_reaches_nginx(nginx: Any) -> None:
    (port,) = nginx["ports"]
    (served,) = document("service.yaml")["spec"]["ports"]
    assert served["targetPort"] == port["name"] == nginx["readinessProbe"]["httpGet"]["port"]
    assert f"listen {port['containerPort']};" in (DIRECTORY / "nginx.conf").read_text()


def test_nginx_finds_its_file_and_the_socket(pod: Any, app: Any, nginx: Any) -> None:
    (generated,) = document("kustomization.yaml")["configMapGenerator"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["nginx"]["configMap"]["name"] == generated["name"]
    assert generated["files"] == ["default.conf=nginx.conf"]
    (socket,) = set(re.findall(r"unix:([^;\s]+);", (DIRECTORY / "nginx.conf").read_text()))
    assert option(app["command"], "--fastcgi") == f"unix:{socket}"
    assert option(app["command"], "--socket-mode") == "0666", "nginx in its image has another user id"
    shared = {"name": "run", "mountPath": socket.rpartition("/")[0]}
    assert shared in app["volumeMounts"]
    assert shared in nginx["volumeMounts"]
    for container in (app, nginx):
        assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)


def test_the_probes_ask_what_is_served(app: Any, nginx: Any) -> None:
    started, lives = (app[probe]["exec"]["command"] for probe in ("startupProbe", "livenessProbe"))
    ping = option(app["command"], "--ping")
    assert started[-1] == nginx["readinessProbe"]["httpGet"]["path"] == ping
    assert option(started, "--fastcgi") == option(app["command"], "--fastcgi")
    assert option(lives, "--control") == option(app["command"], "--control")
    assert ping not in lives, "a pod under too much load is not to be killed"


def test_the_times_fit(pod: Any, app: Any, nginx: Any) -> None:
    (seconds,) = re.fullmatch(r"sleep (\d+)", " ".join(nginx["lifecycle"]["preStop"]["exec"]["command"])).groups()  # type: ignore[union-attr]
    assert "--graceful-timeout" not in app["command"]
    assert pod["terminationGracePeriodSeconds"] > int(seconds) + DEFAULTS.graceful_timeout
    assert "preStop" not in app.get("lifecycle", {}), "it is stopped after nginx has ended"
    probe = app["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > DEFAULTS.boot_timeout
    assert int(option(probe["exec"]["command"], "--timeout").rstrip("s")) < probe["timeoutSeconds"]
    # Of readiness: out before nginx would be asked for the next time.
    assert nginx["readinessProbe"]["timeoutSeconds"] <= nginx["readinessProbe"]["periodSeconds"]


def test_the_application_is_there_before_nginx_and_after_it(app: Any) -> None:
    assert app["restartPolicy"] == "Always", "else it would have to end before nginx starts"


def test_the_application_has_no_rights(app: Any) -> None:
    context = app["securityContext"]
    image = (PROJECT / "conf/container/Dockerfile").read_text()
    assert f"USER {context['runAsUser']}\n" in image
    assert context["runAsNonRoot"]
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"] == {"drop": ["ALL"]}
