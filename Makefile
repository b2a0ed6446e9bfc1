# Tokenward's commands. Everything they make stays in this folder: .venv, .cache, .stack, dist.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Another project's active environment must not leak into this one.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV CONDA_PREFIX UV_PROJECT_ENVIRONMENT PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_CACHE_DIR ?= $(CURDIR)/.cache/pip
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
# What a system lacks (redis-server) the wheels of the embedded extra bring; the system's own comes first.
export PATH := $(PATH):$(CURDIR)/.venv/bin

CANDIDATES := python3 python3.12 python3.11 python3.13 python
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in $(CANDIDATES); do "$$name" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo "$$name" && break; done)
UV := $(filter-out $(CURDIR)/.venv/bin/uv,$(shell command -v uv 2>/dev/null))
BIN := .venv/bin
# What `make check` tests: the core, the rule, the formats; whatever is served over HTTP only `make test` does.
QUICK := $(addprefix tests/,detector ingest laws revocation scenarios test_docs.py test_house.py)
CODE := $(wildcard api bench detector ingest revocation tokenward tests)
ARGS ?=

.PHONY: help demo test check check-format check-lint check-types check-floors check-docstrings check-tests
.PHONY: stack stack-stop bench lock notebooks build clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.embedded ## the whole system in one process tree, attacked live; ARGS="--seconds 30" ends by itself
	$(BIN)/tokenward demo $(ARGS)

test: .venv/.dev .stack/jars-if-possible ## every test, with coverage; ARGS="-k travel" chooses (then add --no-cov)
	$(BIN)/python -m pytest --cov --cov-report=term --numprocesses=4 --dist=worksteal $(ARGS)

check: .venv/.dev ## format, lint, types, floors, docstrings, and tests that wait for no server: under a minute
	@$(MAKE) --jobs=2 --output-sync=target --keep-going check-types check-tests check-format check-lint check-floors check-docstrings

check-format: .venv/.dev
	$(BIN)/ruff format --check .

check-lint: .venv/.dev
	$(BIN)/ruff check .

check-types: .venv/.dev
	$(BIN)/mypy

check-floors: .venv/.dev
	$(BIN)/lint-imports

check-docstrings: .venv/.dev
	$(BIN)/interrogate -vv --omit-covered-files tests

check-tests: .venv/.dev
	$(BIN)/python -m pytest --quiet --numprocesses=2 --dist=worksteal --hypothesis-profile=quick \
	  -m "not slow and not kafka and not redis" $(QUICK) $(ARGS)

stack: .stack/kafka/jars/.fetched ## start a real Kafka and a real Redis on this machine; KAFKA_PORT= REDIS_PORT= choose ports
	$(PYTHON) deploy/stack/stack.py start $(if $(KAFKA_PORT),--kafka-port $(KAFKA_PORT)) $(if $(REDIS_PORT),--redis-port $(REDIS_PORT))

stack-stop: ## stop what `make stack` started
	$(PYTHON) deploy/stack/stack.py stop

bench: .venv/.dev .stack/jars-if-possible ## every benchmark, as a table; ARGS="engine --json" runs one
	$(BIN)/python -m bench $(ARGS)

lock: $(if $(UV),,.venv/.dev) ## recompile the hashed requirements; ARGS=--upgrade takes newer versions
	@compile() { \
	  uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" $(ARGS) "$$@"; \
	}; \
	compile --output-file requirements/gateway.txt; \
	compile --extra server --constraints requirements/gateway.txt --output-file requirements/server.txt; \
	compile --extra embedded --group build --constraints requirements/server.txt --output-file requirements/embedded.txt; \
	compile --extra dev --group build --constraints requirements/embedded.txt --output-file requirements/dev.txt; \
	compile --extra notebooks --group build --constraints requirements/dev.txt --output-file requirements/notebooks.txt; \
	wc -l requirements/*.txt

notebooks: .venv/.notebooks ## execute the notebooks; their files stay as they are
	@mkdir -p .cache/ipython
	JUPYTER_CONFIG_DIR=$(CURDIR)/.cache/jupyter JUPYTER_DATA_DIR=$(CURDIR)/.cache/jupyter IPYTHONDIR=$(CURDIR)/.cache/ipython \
	  MPLCONFIGDIR=$(CURDIR)/.cache/matplotlib $(BIN)/jupyter-execute notebooks/*.ipynb

build: .venv/.dev ## the wheel and the source archive, in dist/
	$(BIN)/python -m build --no-isolation --outdir dist

clean: ## remove what these targets made, servers' data and caches too
	@if [ -e .stack/kafka/pid ] || [ -e .stack/redis/pid ]; then $(MAKE) stack-stop; fi
	rm -rf .venv .cache .stack dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: one .venv; each stamp says that one lock file and this checkout are installed in it.

.venv/pyvenv.cfg:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed; PYTHON=/path/to/python names one." >&2; exit 1; }
	rm -rf .venv
	$(if $(UV),uv venv --quiet --python "$$(command -v $(PYTHON))" .venv,$(PYTHON) -m venv .venv)

# A lock is complete: pip shall not resolve again (before 23.1 it takes an extra's newest version for an unpinned one).
define install
$(if $(UV),\
  uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/$(1).txt,\
  $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements/$(1).txt)
$(if $(UV),\
  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .,\
  $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .)
@touch .venv/.$(1)
endef

.venv/.embedded: requirements/embedded.txt pyproject.toml .venv/pyvenv.cfg
	$(call install,embedded)

# The lock for development holds the others: what needs a smaller one is then served, too.
.venv/.dev: requirements/dev.txt pyproject.toml .venv/pyvenv.cfg
	$(call install,dev)
	@touch .venv/.embedded .venv/.notebooks

.venv/.notebooks: requirements/notebooks.txt pyproject.toml .venv/pyvenv.cfg
	$(call install,notebooks)

# Kafka's jars, by Maven, into this folder (its own cache, too).
MAVEN := $(shell command -v mvn 2>/dev/null)

.stack/kafka/jars/.fetched: deploy/stack/pom.xml
	@[ -n "$(MAVEN)" ] || { echo "Maven (mvn) is needed to fetch Kafka's jars." >&2; exit 1; }
	rm -rf .stack/kafka/jars
	mvn --quiet --batch-mode -Dstyle.color=never -Dmaven.repo.local=$(CURDIR)/.cache/maven --file deploy/stack/pom.xml \
	  dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.stack/kafka/jars
	@touch $@

# `make test` fetches them when it can; without Maven the tests on a real broker are named as not run.
.PHONY: .stack/jars-if-possible
.stack/jars-if-possible: $(if $(or $(TOKENWARD_KAFKA_JARS),$(if $(MAVEN),,no)),,.stack/kafka/jars/.fetched)
