# Every target sets up what it needs. `make` alone lists them.

VENV := .venv
# Without a version, the one that tests/kafka/pom.xml pins.
KAFKA_VERSION ?=
KAFKA := build/kafka$(addprefix -,$(KAFKA_VERSION))
# Version 3 needs Java 21.
APICURIO_VERSION ?= 2.6.13.Final
APICURIO := build/apicurio
# The last line before 4.0, and tests that reach every part of the protocol that we use.
KAFKA_OLDER := 3.9.2
OLDER_TESTS := tests/kafka tests/runtime/test_group.py tests/runtime/test_transactions.py \
	tests/runtime/test_worker.py tests/runtime/test_partitions.py tests/client/test_subscriber.py
OLDER_FAULTS := tests/faults/test_processes.py tests/faults/test_data.py -k "sigterm or deleted or paused"
PY := $(VENV)/bin/python
ARGS ?=
DATA ?= ../shared/data

# The tests of a file share a process; the order of files is ours (tests/conftest.py).
SHARED := -n auto --dist loadfile --no-loadscope-reorder

# Kept bytecode: else every process that a test starts compiles the program anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv kernels demo test test-slow test-browser kafka apicurio test-kafka test-kafka-older servers test-prometheus faults abuse lowest newest lint types docs audit sbom bench bench-memory bench-detection bench-alarms bench-dashboard bench-platform bench-features bench-files bench-plan bench-slices bench-loop bench-performance bench-images manifests lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

venv: $(VENV)/.ready ## Set up .venv from the lock file, with hashes

# The newest Python that can make a virtual environment. It is tried, not just looked for: version managers leave
# names on the path behind which there is nothing.
$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@right='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; found=; bare=; \
	for candidate in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
		"$$candidate" -c "$$right" >/dev/null 2>&1 || continue; \
		if "$$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then found=$$candidate; break; fi; \
		bare=$${bare:-$$candidate}; \
	done; \
	if [ -z "$$found" ] && [ -n "$$bare" ]; then \
		echo "$$bare cannot make a virtual environment (it has no ensurepip)." >&2; \
		echo "On Debian or Ubuntu: sudo apt-get install $$("$$bare" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')" >&2; \
		exit 1; \
	elif [ -z "$$found" ]; then \
		echo "Python 3.11, 3.12 or 3.13 is needed, and none was found." >&2; \
		echo "On Debian or Ubuntu: sudo apt-get install python3 python3-venv; else name one: make PYTHON=/path/to/python" >&2; \
		exit 1; \
	fi; \
	if ! $(PY) -c "$$right" >/dev/null 2>&1 || ! $(PY) -m pip --version >/dev/null 2>&1; then \
		echo "Setting up $(VENV) with $$found; this takes a minute or two, once."; \
		"$$found" -m venv --clear $(VENV); \
	fi
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo "Compiling the detection kernels; up to a minute, once."
	@$(VENV)/bin/streamgauge compile >/dev/null
	@touch $@

# After a change of their code; else it takes a few seconds, and each process of the tests would compile for itself.
kernels: venv
	@$(PY) -m stream_app compile >/dev/null

demo: venv ## Broker, store, worker and replays in one command; ends by itself (ARGS="--serve" keeps it)
	@$(VENV)/bin/streamgauge demo $(ARGS)

# Several run at once already; threads of their own would only wait for each other.
test: export OMP_NUM_THREADS = 1
test: kernels ## The fast tests, with the embedded broker and store
	@$(PY) -m pytest -m "not slow and not faults and not browser" --hypothesis-profile=quick $(SHARED) $(ARGS)

test-slow: kernels ## The slow tests, and all examples of the property tests
	@$(PY) -m pytest -m "(slow or hypothesis) and not faults" $(SHARED) $(ARGS) || { code=$$?; [ $$code -eq 5 ] && echo "no slow tests"; }

test-browser: kernels ## The dashboard in a browser (Debian's chromium)
	@command -v chromium >/dev/null || { echo "On Debian or Ubuntu: sudo apt-get install chromium" >&2; exit 1; }
	@$(PY) -m pytest -m browser tests/dashboard $(ARGS)

kafka: $(KAFKA)/.ready ## Fetch Apache Kafka for the tests

$(KAFKA)/.ready: tests/kafka/pom.xml
	@command -v mvn >/dev/null || { \
		echo "Maven fetches Apache Kafka for the tests, and there is none." >&2; \
		echo "On Debian or Ubuntu: sudo apt-get install maven" >&2; \
		exit 1; \
	}
	@echo "Fetching Apache Kafka (about 45 MB, once)."
	@rm -rf $(KAFKA)
	@mvn --batch-mode --quiet --file tests/kafka/pom.xml dependency:copy-dependencies $(addprefix -Dkafka.version=,$(KAFKA_VERSION)) \
		-DoutputDirectory="$(CURDIR)/$(KAFKA)"
	@touch $@

apicurio: $(APICURIO)/.ready ## Fetch Apicurio Registry, for the test of schemas that a real registry gives

$(APICURIO)/.ready:
	@echo "Fetching Apicurio Registry (about 130 MB, once)."
	@rm -rf $(APICURIO) && mkdir -p $(APICURIO)
	@cd $(APICURIO) && mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack \
		-Dartifact=io.apicurio:apicurio-registry-app:$(APICURIO_VERSION):tar.gz:all -DoutputDirectory="$(CURDIR)/$(APICURIO)"
	@touch $@

test-kafka: servers kafka kernels ## The integration tests and the fault suite, reduced, on Apache Kafka and redis-server
	@STREAMGAUGE_TEST_SERVERS=real $(PY) -m pytest -m "integration and not faults" $(SHARED) tests $(ARGS)
	@STREAMGAUGE_TEST_SERVERS=real $(PY) -m pytest -m faults -n 3 tests/faults $(ARGS)

test-kafka-older: servers kernels ## A selection of them on the last Kafka before 4.0
	@$(MAKE) --no-print-directory kafka KAFKA_VERSION=$(KAFKA_OLDER)
	@STREAMGAUGE_TEST_SERVERS=real STREAMGAUGE_TEST_KAFKA_VERSION=$(KAFKA_OLDER) \
		$(PY) -m pytest -m "integration and not faults" $(SHARED) $(OLDER_TESTS) $(ARGS)
	@STREAMGAUGE_TEST_SERVERS=real STREAMGAUGE_TEST_KAFKA_VERSION=$(KAFKA_OLDER) \
		$(PY) -m pytest -m faults $(OLDER_FAULTS) $(ARGS)

# What Maven cannot fetch.
servers:
	@lacking=; for needed in java:default-jre-headless redis-server:redis-server faketime:faketime mosquitto:mosquitto prometheus-alertmanager:prometheus-alertmanager; do \
		PATH=$$PATH:/usr/sbin command -v "$${needed%%:*}" >/dev/null || lacking="$$lacking $${needed#*:}"; \
	done; \
	if [ -n "$$lacking" ]; then \
		echo "Tests and benchmarks with real servers need Java 17 or newer, redis-server, faketime, mosquitto and prometheus-alertmanager; something is missing." >&2; \
		echo "On Debian or Ubuntu: sudo apt-get install$$lacking" >&2; \
		exit 1; \
	fi

test-prometheus: servers kafka kernels ## A platform end to end: Prometheus scrapes processes of which some suffer (5 minutes)
	@STREAMGAUGE_TEST_SERVERS=real STREAMGAUGE_TEST_PROMETHEUS=1 \
		$(PY) -m pytest tests/runtime/test_platform_prometheus.py $(ARGS)

faults: servers kafka kernels ## What outages, crashes and bad data do, at full scale, with a table (ARGS="-k zombie" for one; an hour for all)
	@STREAMGAUGE_TEST_SERVERS=real STREAMGAUGE_TEST_FAULTS=full $(PY) -m pytest tests/faults -m faults $(ARGS)

abuse: servers kafka kernels ## What hostile input can do, each attempt with its bound (20 minutes)
	@STREAMGAUGE_TEST_SERVERS=real STREAMGAUGE_TEST_FAULTS=full $(PY) -m pytest tests/faults/test_abuse*.py -m faults $(ARGS)

# Threads of their own would only wait for each other, as for `test`.
lowest newest: export OMP_NUM_THREADS = 1
lowest: venv ## A selection of tests with the lowest versions of libraries that are allowed, on the oldest Python here
	@$(PY) .ci/versions.py lowest-direct

newest: venv ## The same selection with the newest versions, on each newer Python that is here
	@$(PY) .ci/versions.py highest

lint: venv ## ruff: rules and format; import-linter: layers
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/lint-imports --no-cache

types: venv ## mypy --strict
	@$(VENV)/bin/mypy

docs: venv ## The documentation as a site (build/site), strictly: a link that leads nowhere is an error
	@$(PY) docs/make_site.py

audit: venv ## Known vulnerabilities of the locked packages (needs the network)
	@$(PY) .ci/audit.py requirements/run.txt requirements/dev.txt

sbom: venv ## Bill of materials of what the image installs (build/sbom.json, CycloneDX), and a count of its licences
	@$(PY) .ci/sbom.py requirements/run.txt build/sbom.json

bench: servers kafka venv ## From Kafka to Redis: CPU, delays of alerts, memory, beside a Faust agent and bare loops (ARGS="--full")
	@$(PY) benchmarks/throughput.py $(ARGS)
	@$(PY) benchmarks/load/formats.py

bench-memory: servers kafka venv ## Memory of a worker beside the number of sources, by kind of stream (ARGS="--full")
	@$(PY) benchmarks/memory.py $(ARGS)

# Every part is printed before a missed target ends it.
bench-detection: venv ## Detection: labelled data, false alarms, delays, cost, beside others and targets (DATA=DIR with skab, nab, …)
	@missed=0; \
	$(PY) benchmarks/detection/labelled.py "$(DATA)" || missed=1; \
	$(PY) benchmarks/detection/aa.py "$(DATA)" || missed=1; \
	$(PY) benchmarks/detection/cost.py || missed=1; \
	$(PY) benchmarks/detection/power.py || missed=1; \
	exit $$missed

bench-alarms: venv ## Alarms where nothing is faulty, within the budget; incidents of single faults, and whom they blame (DATA=DIR with smd, petshop)
	@code=0; $(PY) benchmarks/detection/incidents.py "$(DATA)" || code=1; \
		$(PY) benchmarks/detection/alarms.py $(ARGS) || code=1; exit $$code

bench-dashboard: venv ## The dashboard: first paint, fifty open pages, from an alert to a page (Debian's chromium and redis-server)
	@$(PY) benchmarks/dashboard.py $(ARGS)

bench-platform: servers kafka venv ## Platforms: rate and memory, incidents and causes, models, beside others and targets (DATA=DIR with petshop, smd)
	@missed=0; \
	for part in throughput simulated petshop smd models; do \
		if [ -f "benchmarks/platform/$$part.py" ]; then \
			case $$part in petshop|smd|models) $(PY) benchmarks/platform/$$part.py "$(DATA)" || missed=1 ;; \
			*) $(PY) benchmarks/platform/$$part.py || missed=1 ;; esac; \
		fi; \
	done; exit $$missed

bench-features: venv ## Live features: two real shops against plain sums, reads, writes, memory (DATA=DIR with online-retail, cdnow)
	@$(PY) benchmarks/features/shops.py "$(DATA)"
	@$(PY) benchmarks/features/reading.py
	@$(PY) benchmarks/features/writing.py "$(DATA)"

bench-files: venv ## Reading of files: CSV, Parquet, long, 8 to 300 channels, beside polars and targets (ARGS="--full")
	@$(PY) benchmarks/files.py $(ARGS)

bench-plan: venv ## Costs of a source and of an event that `streamgauge plan` reckons with (ARGS="--write" keeps them)
	@$(PY) benchmarks/plan.py $(ARGS)

bench-slices: venv ## Weak slices: planted ones found again, none where there are none, cost
	@$(PY) benchmarks/slices/planted.py

bench-loop: venv ## From a trigger to a better model: MNIST with a kill midway, AUC after a PSI, a baseline (DATA=DIR with mnist, elec2, skab)
	@missed=0; \
	for part in mnist psi skab; do \
		$(PY) benchmarks/loop/$$part.py "$(DATA)" || missed=1; \
	done; exit $$missed

bench-performance: venv ## Models: how soon a drop is told, accuracy without labels beside the truth, cost (DATA=DIR with mnist)
	@$(PY) benchmarks/performance/delays.py
	@$(PY) benchmarks/performance/cost.py
	@if [ -d "$(DATA)/mnist" ]; then $(PY) benchmarks/performance/estimate.py "$(DATA)"; \
	else echo "skipped the estimate: $(DATA)/mnist is not there; name the folder with it: make bench-performance DATA=DIR"; fi

bench-images: venv ## Images: ten levels of corruption beside a published table, delays, false alarms, cost (DATA=DIR with mnist)
	@if [ -d "$(DATA)/mnist" ]; then \
		$(PY) benchmarks/images/levels.py "$(DATA)" && $(PY) benchmarks/images/false_alarms.py "$(DATA)"; \
	else echo "skipped: $(DATA)/mnist is not there; name the folder with it: make bench-images DATA=DIR"; fi

# Helm, where it is not there, by Go from its module proxy: some minutes, once.
HELM_VERSION := v3.22.0
HELM := $(shell command -v helm || echo $(CURDIR)/build/bin/helm)

$(CURDIR)/build/bin/helm:
	@command -v go >/dev/null || { echo "Install helm (https://helm.sh/docs/intro/install) or Go first." >&2; exit 1; }
	@echo "Building helm $(HELM_VERSION); some minutes, once."
	@GOBIN=$(@D) go install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)

manifests: $(HELM) ## Make deploy/kubernetes anew from the Helm chart
	@set -e; cd deploy; $(HELM) lint --quiet --strict helm/streamgauge; \
	render() { \
		{ echo "# Made by \`make manifests\` from deploy/helm, sha256:$$chart"; \
		  $(HELM) template streamgauge helm/streamgauge --kube-version 1.30 "$$@"; } > kubernetes/$$file; \
	}; \
	mkdir -p kubernetes; chart=$$(find helm -type f | LC_ALL=C sort | xargs cat | sha256sum | cut -d " " -f 1); \
	file=workers.yaml; render; \
	file=notify.yaml; render --set notify.enabled=true --show-only templates/notify.yaml; \
	file=autoscaling.yaml; render --set autoscaling.enabled=true --show-only templates/autoscaling.yaml

lock: venv ## Make the lock files anew from pyproject.toml
	@set -e; \
	compile() { \
		$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url --custom-compile-command "make lock" "$$@"; \
	}; \
	compile --all-extras pyproject.toml requirements/build.in --output-file requirements/dev.txt; \
	compile --extra fast --extra formats --extra mqtt --extra platform --extra routes -c requirements/dev.txt pyproject.toml --output-file requirements/run.txt; \
	compile -c requirements/dev.txt requirements/build.in --output-file requirements/build.txt; \
	compile -c requirements/build.txt requirements/sources.in --output-file requirements/sources.txt

clean: ## Remove what the other targets made
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
