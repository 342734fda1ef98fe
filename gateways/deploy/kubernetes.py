"""Kubernetes: pods of nginx and the application, a service, and what keeps some of them running."""

from __future__ import annotations

import json
import re

from gateways.deploy import behind_nginx, served
from gateways.deploy.behind_nginx import text
from gateways.deploy.description import Deployment
from gateways.deploy.text import File, comment, heading, joined
from gateways.errors import ConfigError

#: The user of the image of conf/container.
UID = 10001

REFUSES = {
    **behind_nginx.REFUSES,
    "static": "nginx's image has no files of yours; let the application send them, or build an image with them",
    "private": "nginx's image has no files of yours; let the application send them, or build an image with them",
    "tls": "what is in front of the service, an Ingress or a Gateway, has the certificate",
    "root": "the image decides where things are; leave it out",
}

_LABEL = re.compile("[a-z](?:[a-z0-9-]{0,40}[a-z0-9])?")


def write(deployment: Deployment) -> list[File]:
    """Return the manifests, and nginx's file. Raises ``ConfigError`` for a name that Kubernetes does not take."""
    if not _LABEL.fullmatch(deployment.name):
        raise ConfigError(f"--name {deployment.name!r}: Kubernetes takes small letters, digits and - only")
    behind_nginx.check(deployment)
    return [
        File("kubernetes/kustomization.yaml", joined(_kustomization(deployment))),
        File("kubernetes/deployment.yaml", joined([*_written(deployment, _PODS), *_deployment(deployment)])),
        File("kubernetes/service.yaml", joined([*_written(deployment, _INSIDE), *_service(deployment)])),
        File(
            "kubernetes/poddisruptionbudget.yaml",
            joined([*_written(deployment, _DRAINED), *_budget(deployment)]),
        ),
        File(
            "kubernetes/nginx.conf", behind_nginx.configuration(deployment, "It is in each pod: see deployment.yaml.")
        ),
    ]


_PODS = [
    "Each pod is nginx and the application (the image of conf/container/Dockerfile), which share the directory of the",
    "socket. FastCGI knows no passwords: it does not leave the pod. What leaves it is HTTP, which any Service, Ingress",
    "or mesh balances.",
]
_INSIDE = ["HTTP inside the cluster. An Ingress or a Gateway in front of it brings it outside."]
_DRAINED = ["When machines are drained or replaced, one pod at a time."]


def _written(deployment: Deployment, title: list[str]) -> list[str]:
    return comment(heading(deployment, title, [], []))


def _kustomization(deployment: Deployment) -> list[str]:
    title = ["The application in Kubernetes: docs/howto/several-machines.md."]
    install = [
        "Change the image in deployment.yaml, and in this directory",
        "  kubectl apply -k .",
        "For Kubernetes 1.29 and newer.",
    ]
    return [
        *comment(heading(deployment, title, install, [])),
        "apiVersion: kustomize.config.k8s.io/v1beta1",
        "kind: Kustomization",
        "resources:",
        "  - deployment.yaml",
        "  - service.yaml",
        "  - poddisruptionbudget.yaml",
        "configMapGenerator:",
        "  # A change of the file changes the name of the map, and so rolls the pods.",
        f"  - name: {deployment.name}-nginx",
        "    files:",
        "      - default.conf=nginx.conf",
    ]


def _service(deployment: Deployment) -> list[str]:
    name = text(deployment.name)
    return f"""\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  labels:
    app: {name}
spec:
  selector:
    app: {name}
  ports:
    - name: http
      port: 80
      targetPort: http""".split("\n")


def _budget(deployment: Deployment) -> list[str]:
    name = text(deployment.name)
    return f"""\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {name}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      app: {name}""".split("\n")


def words(items: list[str], indent: str = "") -> str:
    """Return a command as a YAML list of texts. ``$(`` would begin a variable there, and ``$$`` is one dollar."""
    lines: list[list[str]] = [[]]
    for item in items:
        if item.startswith("--") and sum(map(len, lines[-1])) > 60:
            lines.append([])  # a flag and its value stay together
        lines[-1].append(json.dumps(item.replace("$", "$$"), ensure_ascii=False))
    return "[" + f",\n{indent}".join(", ".join(line) for line in lines) + "]"


def _deployment(deployment: Deployment) -> list[str]:
    socket = str(deployment.address)
    control = f"{served.parent(deployment)}/control"
    command = ["gateways", "serve"]
    command += served.arguments(deployment, socket, "--socket-mode", "0666")
    command += [*([] if deployment.ping else ["--ping", behind_nginx.ping(deployment)])]
    command += ["--control", control, "--no-access-log"]
    filled = _TEMPLATE
    values = {
        "NAME": text(deployment.name),
        "MAP": f"{deployment.name}-nginx",
        "IMAGE": text(deployment.image or f"registry.example.org/{deployment.name}:1"),
        "COMMAND": words(command, " " * 20),
        "STARTED": words(behind_nginx.health_check(deployment), " " * 24),
        "LIVES": words(["gateways", "status", "--control", control]),
        "DIRECTORY": text(served.parent(deployment)),
        "UID": str(UID),
        "PING": text(f"{behind_nginx.encoded(deployment.mount)}{behind_nginx.ping(deployment)}"),
    }
    return re.sub("<([A-Z]+)>", lambda match: values[match[1]], filled).split("\n")


_TEMPLATE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: <NAME>
  labels:
    app: <NAME>
spec:
  replicas: 2
  selector:
    matchLabels:
      app: <NAME>
  strategy:
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0  # a new pod serves before an old one is told to stop
  template:
    metadata:
      labels:
        app: <NAME>
    spec:
      # preStop of nginx (10 s) + graceful_timeout (30 s) and some to spare. What is left then is killed.
      terminationGracePeriodSeconds: 60
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              app: <NAME>
      automountServiceAccountToken: false
      securityContext:
        seccompProfile:
          type: RuntimeDefault

      initContainers:
        # A container here that restarts (a "sidecar") starts before nginx and is stopped after nginx has ended: nginx
        # never meets a socket that is not there yet, or not any more.
        - name: app
          image: <IMAGE>
          restartPolicy: Always
          command: <COMMAND>
          # nginx starts when the workers answer. 60 s (boot_timeout) for that, and then the container is started again.
          startupProbe:
            exec:
              command: <STARTED>
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: 40
          # Whether the master lives: it answers also while every worker is busy, and sees to workers that hang by
          # itself. With the ping here, a pod under too much load would be killed, and the others would get its load.
          livenessProbe:
            exec:
              command: <LIVES>
            periodSeconds: 20
            timeoutSeconds: 10
            failureThreshold: 3
          resources:
            requests:
              cpu: "1"
              memory: 256Mi
            limits:
              memory: 1Gi  # of all workers together: let max_memory replace one that grows before the kernel kills it
          securityContext:
            runAsNonRoot: true
            runAsUser: <UID>
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: ["ALL"]
          volumeMounts:
            - name: run
              mountPath: <DIRECTORY>
            - name: tmp
              mountPath: /tmp

      containers:
        - name: nginx
          image: nginx:stable
          ports:
            - name: http
              containerPort: 80
          # Through nginx to a worker. A pod that fails it gets no requests until it answers again.
          readinessProbe:
            httpGet:
              path: <PING>
              port: http
            periodSeconds: 5
            timeoutSeconds: 4
            failureThreshold: 3
          lifecycle:
            preStop:
              exec:
                # It takes some seconds until all who balance know that this pod ends: serve on meanwhile. Then comes
                # the signal of the image, SIGQUIT: nginx finishes what it has, and after it the application is stopped.
                command: ["sleep", "10"]
          resources:
            requests:
              cpu: 100m
              memory: 64Mi
            limits:
              memory: 256Mi
          volumeMounts:
            - name: run
              mountPath: <DIRECTORY>
            - name: nginx
              mountPath: /etc/nginx/conf.d
              readOnly: true

      volumes:
        - name: run
          emptyDir:
            medium: Memory
            sizeLimit: 16Mi
        - name: tmp
          emptyDir: {}
        - name: nginx
          configMap:
            name: <MAP>"""
