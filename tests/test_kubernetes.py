"""The Helm chart and the plain manifests, as far as they can be tried without a cluster."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from command_line import parsed

from stream_app.settings import load_settings

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
CHART = DEPLOY / "helm"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
HELM = shutil.which("helm")
TOKEN = "0123456789abcdef"

with_helm = pytest.mark.skipif(HELM is None, reason="helm is not here; make manifests builds it")


def objects(text):
    return [one for one in yaml.safe_load_all(text) if one]


RESOURCES = [one for path in MANIFESTS for one in objects(path.read_text(encoding="utf-8"))]


def resource(kind, name="streamgauge-worker"):
    (found,) = [one for one in RESOURCES if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pod(kind, name):
    return resource(kind, name)["spec"]["template"]["spec"]


OURS = [("StatefulSet", "streamgauge-worker"), ("Deployment", "streamgauge-notify")]
each_of_ours = pytest.mark.parametrize(("kind", "name"), OURS)


def test_the_manifests_are_those_of_the_chart():
    files = sorted((path for path in CHART.rglob("*") if path.is_file()), key=str)
    chart = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    for path in MANIFESTS:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.endswith(f"sha256:{chart}"), f"{path.name} is older than the chart: make manifests"


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_kubernetes_takes_every_object(version):
    known = [one for one in RESOURCES if "keda.sh" not in one["apiVersion"]]
    assert {one["kind"] for one in known} == {
        "ConfigMap",
        "Deployment",
        "PodDisruptionBudget",
        "Service",
        "StatefulSet",
    }
    for one in known:
        kubernetes_validate.validate(one, version, strict=True)


@each_of_ours
def test_pods_run_with_as_little_as_they_can(kind, name):
    spec = pod(kind, name)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    dockerfile = (DEPLOY.parent / "Dockerfile").read_text(encoding="utf-8")
    assert spec["securityContext"]["runAsUser"] == int(re.findall(r"USER (\d+):", dockerfile)[-1])
    (container,) = spec["containers"]
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]


@each_of_ours
def test_no_password_is_written_down(kind, name):
    (container,) = pod(kind, name)["containers"]
    assert not re.search(r"password|token", json.dumps(container["env"]).lower())


@each_of_ours
def test_the_settings_are_settings_and_the_command_exists(kind, name, monkeypatch, tmp_path):
    for variable in [variable for variable in os.environ if variable.startswith("STREAMGAUGE_")]:
        monkeypatch.delenv(variable)
    (container,) = pod(kind, name)["containers"]
    path, options = parsed(container["args"])
    assert path == [container["args"][0]]

    file = tmp_path / "streamgauge.toml"
    monitor = resource("ConfigMap", "streamgauge-monitor")["data"]["streamgauge.toml"]
    file.write_text(monitor, encoding="utf-8")
    monkeypatch.setenv("STREAMGAUGE_WORKER__HTTP_TOKEN", TOKEN)
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    for one in container["env"]:
        monkeypatch.setenv(one["name"], one.get("value", "streamgauge-worker-1"))
    assert os.environ["STREAMGAUGE_CONFIG"] == f"{mounted['monitor']}/streamgauge.toml"
    monkeypatch.setenv("STREAMGAUGE_CONFIG", str(file))

    settings = load_settings()
    assert set(settings.streams) == {"pumps"}
    assert settings.kafka.servers == ["kafka:9092"]
    assert settings.redis.shown == "redis://redis:6379"
    assert settings.worker.http_exposed
    (port,) = container["ports"]
    if kind == "StatefulSet":
        assert settings.worker.instance == "streamgauge-worker-1"
        assert settings.worker.metrics_port == port["containerPort"]
    else:
        assert options["port"] == port["containerPort"]


def test_workers_are_found_by_their_service_and_their_budget():
    labels = resource("StatefulSet")["spec"]["template"]["metadata"]["labels"].items()
    for selector in (
        resource("Service")["spec"]["selector"],
        resource("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        resource("StatefulSet")["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels


def test_the_lag_that_scales_is_that_of_the_workers():
    keda = resource("ScaledObject")["spec"]
    target = keda["scaleTargetRef"]
    assert resource(target["kind"], target["name"])
    monitor = tomllib.loads(resource("ConfigMap", "streamgauge-monitor")["data"]["streamgauge.toml"])
    topics = {trigger["metadata"]["topic"] for trigger in keda["triggers"]}
    assert topics == {stream["topic"] for stream in monitor["streams"].values()}
    # What workers without `worker.group` and `prefix` use.
    assert {trigger["metadata"]["consumerGroup"] for trigger in keda["triggers"]} == {"streamgauge"}
    assert keda["maxReplicaCount"] >= keda["minReplicaCount"] >= 1


def rendered(*options):
    command = [HELM, "template", "gauge", CHART / "streamgauge", "--kube-version", "1.30", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@with_helm
def test_another_release_has_names_of_its_own_and_leaves_the_number_of_workers_to_keda():
    done = rendered("--set", "autoscaling.enabled=true", "--set-json", 'autoscaling.topics=["a","b"]')
    assert done.returncode == 0, done.stderr
    made = {one["kind"]: one for one in objects(done.stdout)}
    assert all(one["metadata"]["name"].startswith("gauge-") for one in made.values())
    assert "replicas" not in made["StatefulSet"]["spec"]
    assert [one["metadata"]["topic"] for one in made["ScaledObject"]["spec"]["triggers"]] == ["a", "b"]
    changed = rendered("--set", 'monitor=[streams.flow]\ntopic = "flow"')
    assert changed.returncode == 0, changed.stderr
    annotations = [
        one["spec"]["template"]["metadata"]["annotations"]
        for one in (made["StatefulSet"], *objects(changed.stdout))
        if one["kind"] == "StatefulSet"
    ]
    assert annotations[0] != annotations[1], "a changed monitor file restarts nothing"


@with_helm
@pytest.mark.parametrize(
    "mistake", ["workers.replica=3", "redis=redis://me:secret@redis:6379/0", "workers.replicas=0"]
)
def test_values_that_make_no_sense_are_refused(mistake):
    done = rendered("--set", mistake)
    assert done.returncode != 0
    assert mistake.split("=", 1)[0].split(".")[0] in done.stderr
