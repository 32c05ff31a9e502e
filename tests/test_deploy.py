"""The deployed form, as far as it can be read without a container engine."""

import fnmatch
import json
import os
import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from command_line import parsed
from prometheus_client import Counter, Histogram, generate_latest

from producers.pacing import parse_speed
from stream_app.cli.replay.sensors import MadeOptions, sensor_source
from stream_app.routes.metrics import RouteMetrics
from stream_app.runtime.metrics import Metrics
from stream_app.settings import load_settings
from stream_app.tables import Columns

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads(
    (ROOT / "deploy" / "grafana" / "dashboards" / "streamgauge.json").read_text(encoding="utf-8")
)

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def test_the_services_and_their_profiles():
    assert {name: service.get("profiles", []) for name, service in SERVICES.items()} == {
        "kafka": [],
        "redis": [],
        "worker": [],
        "notify": ["routes"],
        "replay": ["replay"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
    }


@every_service
def test_every_service_has_a_health_check(name):
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert len(check["test"]) > 1
    assert {"interval", "timeout", "retries"} <= check.keys()


@every_service
def test_every_service_runs_with_as_little_as_it_can(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert not {"cap_add", "devices", "pid", "ipc", "userns_mode"} & service.keys()
    assert not any("docker.sock" in volume for volume in service.get("volumes", []))
    assert service["restart"] == "unless-stopped"
    assert str(service["user"]).split(":")[0] not in {"", "0", "root"}
    # These two write into their own folders at the start.
    assert service.get("read_only", False) is (name not in {"kafka", "grafana"})


@every_service
def test_no_password_is_written_down(name):
    assert not re.search(r"password|secret|token", json.dumps(SERVICES[name]).lower())


@every_service
def test_images_are_pinned(name):
    repository, _, tag = SERVICES[name]["image"].rpartition(":")
    assert repository
    assert re.match(r"\d|v\d|local$", tag), tag


@every_service
def test_ports_are_published_on_the_loopback_interface_only(name):
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@every_service
def test_volumes_are_named_or_files_of_the_project(name):
    for volume in SERVICES[name].get("volumes", []):
        source, target, *mode = volume.split(":")
        assert target.startswith("/")
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert mode == ["ro"]
        else:
            assert source in COMPOSE["volumes"]


def test_what_must_survive_a_restart_is_on_a_volume():
    kafka = SERVICES["kafka"]
    assert f"kafka-data:{kafka['environment']['KAFKA_LOG_DIRS']}" in kafka["volumes"]
    assert "redis-data:/data" in SERVICES["redis"]["volumes"]
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= used


@every_service
def test_services_wait_until_those_they_need_are_healthy(name):
    needs = SERVICES[name].get("depends_on", {})
    assert all(need == {"condition": "service_healthy"} for need in needs.values())
    assert set(needs) <= set(SERVICES)
    if name in OURS:
        assert set(needs) == {"kafka", "redis"}


def test_redis_keeps_what_it_takes():
    options = SERVICES["redis"]["command"]
    pairs = dict(zip(options[1::2], options[2::2], strict=True))
    assert pairs["--appendonly"] == "yes"
    assert pairs["--maxmemory-policy"] == "noeviction"


def test_the_broker_is_one_kraft_node_that_both_sides_can_reach():
    environment = SERVICES["kafka"]["environment"]
    assert environment["KAFKA_PROCESS_ROLES"] == "broker,controller"
    advertised = dict(
        listener.split("://") for listener in environment["KAFKA_ADVERTISED_LISTENERS"].split(",")
    )
    assert advertised["INTERNAL"] == SERVICES["worker"]["environment"]["STREAMGAUGE_KAFKA"]
    published = [port.split(":")[1] for port in SERVICES["kafka"]["ports"]]
    assert advertised["HOST"] in {f"localhost:{port}" for port in published}
    names = set(re.findall(r"(\w+)://", environment["KAFKA_LISTENERS"]))
    assert names == {
        pair.split(":")[0] for pair in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    }


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_without_privileges_on_a_read_only_file_system(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert int(service["user"].split(":")[0]) > 0
    assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["user"] == re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1]


@pytest.mark.parametrize("name", OURS)
def test_our_services_settings_are_settings(name, monkeypatch, tmp_path):
    for variable in [variable for variable in os.environ if variable.startswith("STREAMGAUGE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    before = load_settings()
    mounted = {there: file for file, there, *_ in (one.split(":") for one in SERVICES[name]["volumes"])}
    environment = SERVICES[name]["environment"]
    here = {"STREAMGAUGE_CONFIG": str(ROOT / mounted[environment["STREAMGAUGE_CONFIG"]])}
    for variable, value in (environment | here).items():
        monkeypatch.setenv(variable, value)
        now = load_settings()
        assert now != before, f"{variable} changes nothing"
        before = now
    assert before.kafka.servers == ["kafka:9092"]
    assert before.redis.shown == "redis://redis:6379"


@pytest.mark.parametrize("name", OURS)
def test_our_commands_and_their_options_exist(name):
    path, _ = parsed(SERVICES[name]["command"])
    assert path == SERVICES[name]["command"][: len(path)]
    check = SERVICES[name]["healthcheck"]["test"]
    if check[1] == "streamgauge":
        assert parsed(check[2:])[0] == [check[2]]


def test_the_image_starts_our_program():
    entry, command = re.search(r"^ENTRYPOINT (.*)$\nCMD (.*)$", DOCKERFILE, re.MULTILINE).groups()
    assert json.loads(entry) == ["streamgauge"]
    assert parsed(json.loads(command))[0] == ["worker"]


def test_an_option_that_does_not_exist_would_be_noticed():
    with pytest.raises(Exception, match="No such option"):
        parsed(["worker", "--no-such-option"])


def test_the_replay_that_is_deployed_can_be_opened():
    _, options = parsed(SERVICES["replay"]["command"])
    made = MadeOptions(options["simulate"], options["pumps"], options["faults"])
    source = sensor_source([], made, Columns())
    assert source.total is None, "it goes on until it is stopped"
    assert len(source.faults) == 4
    parse_speed(options["speed"])


def copied():
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        yield from line.split()[:-1]


def test_the_image_copies_what_is_there_and_not_ignored():
    kept = [
        line[1:].rstrip("/")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    for path in copied():
        assert (ROOT / path).exists(), path
        assert any(fnmatch.fnmatch(path.rstrip("/"), pattern) for pattern in kept), path


def test_the_image_installs_locked_packages_only():
    installs = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) ([^\\\n]*)", DOCKERFILE)
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or "--no-deps --no-index" in install, install


def pins(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def test_the_image_lacks_what_a_worker_does_not_run():
    assert not {"polars", "pip", "setuptools", "cython", "pytest"} & pins("run").keys()
    assert "venv --without-pip" in DOCKERFILE


def test_what_is_built_from_source_is_built_with_locked_tools():
    assert "--no-build-isolation" in DOCKERFILE
    assert {"cython", "setuptools"} <= pins("sources").keys()
    assert pins("sources").items() & pins("build").items() == {("packaging", pins("build")["packaging"])}


@pytest.mark.parametrize("name", ["run", "build"])
def test_the_image_holds_the_versions_that_are_tested(name):
    assert pins(name).items() <= pins("dev").items()
    assert "pytest" not in pins(name)


def metric_names():
    """Names as Prometheus sees them, each with its labels."""
    names = {"up": {"job", "instance"}}
    for metric in (vars(Metrics()) | vars(RouteMetrics())).values():
        labels = {*getattr(metric, "_labelnames", ()), "job", "instance"}
        if isinstance(metric, Counter):
            names[f"{metric._name}_total"] = labels
        elif isinstance(metric, Histogram):
            names |= {f"{metric._name}_{part}": labels | {"le"} for part in ("bucket", "sum", "count")}
        elif hasattr(metric, "_name"):
            names[metric._name] = labels
    return names


EXPRESSIONS = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_use_metrics_and_labels_that_exist(expression):
    known = metric_names()
    used = set(re.findall(r"\bstreamgauge_\w+|\bup\b", expression))
    assert used
    assert used <= known.keys()
    for name, selector in re.findall(r"(\w+)\{(.*?)\}", expression):
        assert set(re.findall(r"(\w+)\s*[=!]", selector)) <= known[name], name
    grouped = {
        label.strip() for group in re.findall(r"by \((.*?)\)", expression) for label in group.split(",")
    }
    assert all(any(label in known[name] for name in used) for label in grouped), grouped


def test_every_metric_is_on_the_dashboard():
    shown = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    missing = [
        name
        for name in metric_names()
        if not name.endswith(("_sum", "_count")) and not re.search(rf"\b{name}\b", shown)
    ]
    assert missing == []


def test_panels_do_not_overlap_and_have_titles():
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["title"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_rules_have_a_severity_and_a_summary():
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]
        assert rule["for"]


def test_prometheus_scrapes_the_port_that_the_worker_opens():
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    worker, notifier = config["scrape_configs"]
    port = SERVICES["worker"]["environment"]["STREAMGAUGE_WORKER__METRICS_PORT"]
    assert worker["static_configs"][0]["targets"] == [f"127.0.0.1:{port}"]
    _, options = parsed(SERVICES["notify"]["command"])
    assert notifier["static_configs"][0]["targets"] == [f"notify:{options['port']}"]
    assert f"127.0.0.1:{options['port']}/readyz" in SERVICES["notify"]["healthcheck"]["test"][-1]
    assert "ports" not in SERVICES["notify"], "it answers anybody who reaches it"
    assert f"127.0.0.1:{port}/" in SERVICES["worker"]["healthcheck"]["test"][-1]
    assert SERVICES["prometheus"]["network_mode"] == "service:worker"
    assert all((PROMETHEUS / name).exists() for name in config["rule_files"])


def test_workers_elsewhere_are_scraped_with_their_token():
    near, far = (
        yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8"))
        for name in ("prometheus.yml", "exposed.yml")
    )
    jobs = far.pop("scrape_configs")
    assert far | {"scrape_configs": near["scrape_configs"]} == near
    for job, same in zip(jobs, near["scrape_configs"], strict=True):
        assert job["job_name"] == same["job_name"]
        assert job["authorization"].keys() == {"type", "credentials_file"}, "never a token in the file itself"
        assert job["authorization"]["type"] == "Bearer"
        ports, expected = (
            {target.split(":")[1] for target in one["static_configs"][0]["targets"]} for one in (job, same)
        )
        assert ports == expected


def test_the_image_runs_as_nobody_in_particular_and_without_its_build():
    stages = DOCKERFILE.split("\nFROM ")
    last = stages[-1]
    assert len(stages) == 3, "a comment, the build, the image"
    assert "pip install" not in last
    assert not re.search(r"^(ADD|EXPOSE)|curl|wget|sudo|chmod [0-7]*[2367]\b", last, re.MULTILINE)
    assert "--shell /usr/sbin/nologin" in last
    assert "PASSWORD" not in DOCKERFILE
    assert "ARG" not in DOCKERFILE


def test_grafana_finds_its_source_and_its_dashboard():
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://worker:9090"
    assert {target["datasource"]["uid"] for panel in DASHBOARD["panels"] for target in panel["targets"]} == {
        source["uid"]
    }
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "streamgauge.yml").read_text())["providers"]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in SERVICES["grafana"]["volumes"]}
    assert list((ROOT / mounted[provider["options"]["path"]]).glob("*.json"))
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(provider["options"]["path"])


MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_make_lists_its_targets_by_itself():
    told = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20
    ).stdout
    targets = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()
    # What other targets need, and nobody calls for itself.
    for name in ("kernels", "servers"):
        targets.remove(name)
    assert re.findall(r"make ([a-z-]+) ", told) == targets


def test_make_says_what_is_missing_where_there_is_no_python(tmp_path):
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.txt").write_text("")
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "make", "touch"):
        found = next(Path(folder) / tool for folder in ("/bin", "/usr/bin") if (Path(folder) / tool).exists())
        (tools / tool).symlink_to(found)
    # A Python without ensurepip, as Debian has it, and one that is only a name on the path.
    fake = tools / "python3.11"
    fake.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *print*) echo python3.11-venv;; esac\n')
    broken = tools / "python3.13"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)

    def make():
        return subprocess.run(
            ["make", "venv"],
            cwd=tmp_path,
            env={"PATH": str(tools)},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )

    without = make()
    assert without.returncode != 0
    assert "Python 3.11, 3.12 or 3.13 is needed" in without.stderr
    fake.chmod(0o755)
    bare = make()
    assert bare.returncode != 0
    assert "sudo apt-get install python3.11-venv" in bare.stderr
    assert not (tmp_path / ".venv").exists()


TESTS = ["test", "test-slow", "test-browser", "test-kafka", "test-kafka-older"]
BESIDE = ["lint", "types", "docs", "sbom", "audit", "lowest", "newest"]
"""What goes on beside the last three of the tests."""


@pytest.fixture
def ci(tmp_path):
    """Run the steps of `.ci/run` in an empty folder, with a `make` that notes its calls, and fails at one of them."""
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    # What is installed here is another matter.
    head, steps = text.split("# Distribution packages", 1)[0], text[text.index('step "make test,') :]
    beside = text[text.index("beside() {") : text.index('step "make test,')]
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_text(head + beside + steps)
    (tmp_path / "make").write_text('#!/bin/sh\necho "$@" >> called\ntest "$1" != "$FAILS" || exit 7\n')
    (tmp_path / "make").chmod(0o755)

    def run(fails=""):
        (tmp_path / "called").unlink(missing_ok=True)
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "FAILS": fails}
        ran = subprocess.run(
            ["bash", ".ci/run"],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        return ran, (tmp_path / "called").read_text().splitlines()

    return run


def test_ci_makes_everything_in_an_order_that_stays(ci):
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=20)
    ran, called = ci()
    assert ran.returncode == 0, ran.stderr
    # What the next step does with all examples is left out of the first; what needs servers runs on real ones.
    first, second = (call.partition(" ")[2] for call in called[:2])
    assert first == 'ARGS=-m "not slow and not faults and not browser and (integration or not hypothesis)"'
    assert second == 'ARGS=-m "(slow or hypothesis) and not integration"'
    names = [call.split()[0] for call in called]
    assert [name for name in names if name in TESTS] == TESTS
    assert [name for name in names if name in BESIDE] == BESIDE
    assert len(names) == len(TESTS) + len(BESIDE)
    assert all(f"== make {name} " in ran.stdout for name in BESIDE)


@pytest.mark.parametrize("fails", [*TESTS, *BESIDE])
def test_ci_ends_with_the_code_of_whatever_fails(ci, fails):
    ran, called = ci(fails)
    assert ran.returncode == 7
    assert "all is well" not in ran.stdout
    order = TESTS if fails in TESTS else BESIDE
    names = [call.split()[0] for call in called]
    assert [name for name in names if name in order] == order[: order.index(fails) + 1]
    if fails in BESIDE:
        assert f"== make {fails} " in ran.stdout


def test_ci_tries_versions_with_every_extra_and_python_and_with_tests_that_are_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tried = runpy.run_path(str(ROOT / ".ci" / "versions.py"))
    assert set(tried["EXTRAS"].split(",")) == set(project["optional-dependencies"])
    assert {f"Programming Language :: Python :: {version}" for version in tried["PYTHONS"]} <= set(
        project["classifiers"]
    )
    assert [path for path in tried["SELECTION"] if not (ROOT / path).exists()] == []


def promtool(*arguments, text=None):
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed; on Debian: apt-get install prometheus")
    ran = subprocess.run(
        [found, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_prometheus_takes_our_rules_and_configurations(tmp_path):
    promtool("check", "rules", PROMETHEUS / "alerts.yml")
    for name in ("prometheus.yml", "exposed.yml"):
        promtool("check", "config", "--syntax-only", PROMETHEUS / name)


def test_prometheus_takes_our_metrics_and_finds_nothing_to_mend():
    for metrics in (Metrics(), RouteMetrics(["night"])):
        promtool("check", "metrics", text=generate_latest(metrics.registry).decode())


def test_rules_about_notifiers_fire_when_they_should(tmp_path):
    """A notifier that ends; one that never ran; a route that is dead; a route that none of two notifiers has, and one that one has."""
    up = 'up{job="streamgauge-notify", instance="%s"}'
    series = {
        up % "ended": "1x5 0x10",
        up % "never": "0x15",
        'streamgauge_route_dead{route="night", instance="a"}': "0x5 1x10",
        'streamgauge_route_held{route="night", instance="a"}': "0x15",
        'streamgauge_route_held{route="night", instance="b"}': "1x15",
        'streamgauge_route_held{route="desk", instance="a"}': "0x15",
        'streamgauge_route_held{route="desk", instance="b"}': "1x5 0x10",
    }
    expected = {
        "StreamgaugeNotifierDown": {"job": "streamgauge-notify", "instance": "ended"},
        "StreamgaugeRouteDead": {"route": "night"},
        "StreamgaugeRouteUnheld": {"route": "desk"},
    }

    def told(alert, minute):
        labels = [{"exp_labels": {**expected[alert], "severity": "critical"}}] if minute > 7 else []
        return {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": labels}

    (rules,) = [group["rules"] for group in RULES["groups"]]
    bare = [{key: each[key] for key in ("alert", "expr", "for", "labels")} for each in rules]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": bare}]}))
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [told(alert, minute) for alert in expected for minute in (5, 9)],
    }
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [test]}))
    promtool("test", "rules", file)
