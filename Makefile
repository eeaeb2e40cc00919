# `make help` lists the commands; the text behind ## is the help.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PLATFORM := $(shell uname -s)-$(shell uname -m)
LOCK_Linux-x86_64 := requirements/linux-x86_64.txt
LOCK_Linux-aarch64 := requirements/linux-arm64.txt
LOCK_Darwin-arm64 := requirements/macos-arm64.txt
LOCK := $(LOCK_$(PLATFORM))
UV := $(BIN)/uv
PYTEST := $(BIN)/python -m pytest

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- run ---------------------------------------------------------------------------------------
.PHONY: demo live
demo: install ## the whole system on the stand-in exchange (CHECK=1: check itself and stop; HISTORY=DIR: real hourly candles as the past)
	@$(BIN)/nexthour demo $(if $(CHECK),--check) $(if $(HISTORY),--history $(HISTORY)) $(DEMO_ARGS)

live: install ## the same stack on the real exchange's addresses
	@$(BIN)/nexthour live

# ---- install -----------------------------------------------------------------------------------
.PHONY: install python
install: python jars ## Python packages from the hash-locked file, jars from the Ivy manifest

python: $(VENV)/.installed
$(VENV)/.installed: $(LOCK) requirements/bootstrap.txt pyproject.toml
	@$(if $(LOCK),,echo "no lock file for $(PLATFORM); supported: Linux x86_64, Linux aarch64, macOS arm64" >&2; exit 2)
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), this project needs Python 3.11: set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@java -version >/dev/null 2>&1 || { echo "no Java found: install a Java 17 or 21 runtime (Debian: apt-get install openjdk-17-jre-headless)" >&2; exit 2; }
	@echo "[install] Python packages from $(LOCK)"
	@test -x $(UV) || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt; }
	@cat requirements/bootstrap.txt $(LOCK) > $(VENV)/all.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --system-certs --quiet --require-hashes $(VENV)/all.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --offline --editable .
	@touch $@

.PHONY: jars
jars: python
	@$(BIN)/python -m local.jars

# ---- develop -----------------------------------------------------------------------------------
.PHONY: check format lint types test test-unit test-spark test-integration test-browser test-long
check: lint types ## what CI and the pre-commit hooks check: format, lint, types

format: python ## format the code
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

lint: python
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: python
	$(BIN)/mypy

# Two at once, each with servers and a Spark of its own (3 GiB): they wait for each other's cores less than
# for conditions. A file's tests stay together.
PARALLEL ?= -n 2 --dist loadfile

test: install check ## everything but test-long: checks, unit, spark, integration, browser
	$(PYTEST) -m unit -n logical
	$(PYTEST) -m "not unit and not long" $(PARALLEL) --durations=40

test-unit: python ## seconds: no JVM, no server
	$(PYTEST) -m unit -n logical

test-spark: install ## Spark tests in a local session
	$(PYTEST) -m "spark and not long"

test-integration: install ## against a real broker, HDFS, Postgres and S3
	$(PYTEST) -m "integration and not long"

test-long: install ## batch jobs on a standalone cluster, and each way to stop them: minutes more
	$(PYTEST) -m long

test-browser: install ## the dashboard in Chromium
	$(PYTEST) -m browser

# ---- proofs and figures ------------------------------------------------------------------------
SEED ?= 1
.PHONY: chaos chaos-producers chaos-candles bench bench-producers bench-candles bench-api bench-dashboard
chaos: chaos-producers chaos-candles chaos-lifecycle ## every chaos proof

chaos-producers: install ## some 200 faults against the producers, then topic against the exchange's book (SEED=1)
	@$(BIN)/python -m tests.chaos.producers --seed $(SEED)

chaos-candles: install ## kill -9 at every named point of a candles batch, outages of every store, then three stores against the exchange's book (SEED=1)
	@$(BIN)/python -m tests.chaos.candles --seed $(SEED)

.PHONY: honesty
honesty: install ## models find the signal of the stand-in's market, nothing where it is off, nothing from dealt outcomes (SEED=1)
	@$(BIN)/python -m tests.honesty --seed $(SEED)

.PHONY: chaos-lifecycle
chaos-lifecycle: install ## the demo until a model was retrained, tried in the shadow and promoted, and a harmful one rolled back; half an hour (MINUTES=180 at most)
	@$(BIN)/python -m tests.chaos.lifecycle --minutes $(or $(MINUTES),180)

.PHONY: realdata-candles soak
realdata-candles: install ## 1,000 recorded hours of 10 symbols through the whole way, then three stores against the record
	@$(BIN)/python -m tests.chaos.realdata

soak: install ## three quarters of an hour at 2,000 trades/s: memory, batch time and files flat (MINUTES=45)
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),45)

bench: bench-producers bench-candles bench-forecasts bench-model bench-api bench-dashboard ## every benchmark

bench-producers: install ## trades/s, latency to committed, burst, memory; python-binance on the same exchange (SEED=1)
	@$(BIN)/python -m tests.bench.producers --seed $(SEED)

bench-candles: install ## trades/s of the candles query against a no-op read and its fastest peers, cost per trade, latency to Postgres (SEED=1)
	@$(BIN)/python -m tests.bench.candles --seed $(SEED)

.PHONY: bench-forecasts
bench-forecasts: install ## 1,000 hours of the forecast query's handler on the real stores: memory flat, seconds an hour (HOURS=1000)
	@$(BIN)/python -m tests.bench.forecasts $(if $(HOURS),--hours $(HOURS))

.PHONY: bench-model
bench-model: install ## training on all recorded hours (CANDLES=DIR), Petastorm's reader, scoring ten rows (SEED=1)
	@$(BIN)/python -m tests.bench.model --seed $(SEED) $(if $(CANDLES),--candles $(CANDLES))

bench-api: install ## requests/s of the read API on one core, 3 years of 10 coins: 90 days of candles, uncached and not modified (SEED=1)
	@$(BIN)/python -m tests.bench.api --seed $(SEED)

bench-dashboard: install ## pages, refreshes and 20 viewers at once with 3 years of 10 coins; memory over 8 hours of refreshes (SEED=1)
	@$(BIN)/python -m tests.bench.dashboard --seed $(SEED)

.PHONY: lock
lock: ## resolve the three lock files anew from pyproject.toml
	@command -v uv >/dev/null || test -x $(UV) || { echo "run make python first" >&2; exit 2; }
	$(eval COMPILE := $(UV) pip compile --system-certs --group dev --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet)
	$(COMPILE) pyproject.toml requirements/linux-x86_64.in --override requirements/linux-x86_64.override.txt --python-platform x86_64-manylinux_2_28 -o requirements/linux-x86_64.txt
	$(COMPILE) pyproject.toml --python-platform aarch64-manylinux_2_28 -o requirements/linux-arm64.txt
	$(COMPILE) pyproject.toml --python-platform aarch64-apple-darwin -o requirements/macos-arm64.txt
	$(UV) pip compile --system-certs requirements/bootstrap.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements/bootstrap.txt
	$(UV) pip compile --system-certs requirements/peers.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements/peers.txt

.PHONY: clean
clean: ## remove everything that was installed or written here
	@test ! -x $(BIN)/nexthour || $(BIN)/nexthour down --quiet || true
	rm -rf $(VENV) .deps var build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
