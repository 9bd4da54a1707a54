# Skein: `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

SWIFT_BUILD := swift build -c release
PYTHON := .venv/bin/python

.PHONY: help
help: ## show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: packages
packages: ## install the system packages that are missing
	@bash deploy/packages.sh

.PHONY: build
build: packages ## build release; the binary is .build/release/skein
	$(SWIFT_BUILD) --product skein

.PHONY: run
run: packages ## build, start a collector, trace the example service, show what came of it (ONCE=1: then exit)
	$(SWIFT_BUILD) --product skein
	$(SWIFT_BUILD) --product research-desk
	@ONCE=$(ONCE) deploy/run.sh

.PHONY: venv
venv: $(PYTHON) ## make the Python environment of the end-to-end tests

$(PYTHON): Tests/Python/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r Tests/Python/requirements.txt
	@touch $(PYTHON)

.PHONY: test
test: packages venv ## build and run every test, then the example once
	$(SWIFT_BUILD) --build-tests
	@# One at a time: tests that wait for a server would otherwise starve behind those that compute.
	@set -o pipefail; swift test -c release --skip-build --no-parallel 2>&1 | tee .build/test.log
	@# Two files at a time: most of what they do is wait.
	@set -o pipefail; $(PYTHON) -m pytest -n 2 --dist loadfile Tests/EndToEnd 2>&1 | tee .build/end-to-end.log
	@# A seed of its own, so that a failure is that of the change; make simulate takes others.
	@.build/release/skein-simulate 60 1
	@ONCE=1 deploy/run.sh
	@tail -n 1 .build/test.log
	@tail -n 1 .build/end-to-end.log

.PHONY: interop
interop: packages ## test the SDK with AsyncHTTPClient, Hummingbird and grpc-swift (builds for minutes)
	$(SWIFT_BUILD) --package-path Tests/Interop --build-tests
	swift test -c release --package-path Tests/Interop --skip-build --no-parallel --disable-xctest

.PHONY: bench
bench: packages ## measure CPU, bytes and allocations a span, against baselines in the same run
	$(SWIFT_BUILD) --product skein-bench
	.build/release/skein-bench --check
	$(SWIFT_BUILD) --product skein-bench-ingest
	.build/release/skein-bench-ingest --check

.PHONY: crashtest
crashtest: build venv ## kill the collector 200 times with requests in flight (ROUNDS=n)
	SKEIN_CRASH_ROUNDS=$(or $(ROUNDS),200) $(PYTHON) -m pytest Tests/EndToEnd/test_kill_loop.py

.PHONY: simulate
simulate: ## random requests, faults, crashes and queries against a model (SECONDS=n SEED=s)
	$(SWIFT_BUILD) --product skein-simulate
	@.build/release/skein-simulate $(if $(filter environment default undefined,$(origin SECONDS)),60,$(SECONDS)) $(SEED)

.PHONY: fuzz
fuzz: packages ## fuzz the readers of OTLP, OTLP JSON, blocks and journal (SECONDS=n each)
	@bash Tests/Fuzz/run.sh $(if $(filter environment default undefined,$(origin SECONDS)),60,$(SECONDS))

.PHONY: sanitize
sanitize: packages ## run the SDK's tests under the thread and address sanitizers
	Tests/Sanitize/run.sh

.PHONY: fmt
fmt: ## format all Swift code
	swift format --in-place --parallel --recursive Package.swift Sources Tests

.PHONY: lint
lint: ## check the format of all Swift code
	swift format lint --strict --parallel --recursive Package.swift Sources Tests

.PHONY: docs
docs: packages ## build the reference of the SDK into .build/docs
	$(SWIFT_BUILD) --target SkeinAgents
	$(SWIFT_BUILD) --target SkeinTesting
	bash deploy/docs.sh

.PHONY: proto
proto: ## generate the C code of proto/
	bash proto/generate.sh

.PHONY: check
check: lint test docs ## what CI runs
	@tail -n 1 .build/test.log
	@tail -n 1 .build/end-to-end.log
