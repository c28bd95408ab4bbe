# Everything a person or CI does with this repository. `make` alone lists the targets.
#
# One virtual environment, .venv, holds the exact packages of uv.lock, Temporal's dev server and
# PostgreSQL among them. uv itself is one of those packages: pip brings the version that
# pyproject.toml pins, and uv then checks itself and the rest against the hashes of the lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := $(wildcard placet workflows activities worker.py starter.py tests bench .ci)
YAML := .yamllint.yaml $(wildcard policies deploy)

# How many processes share the tests: a number, or auto for what tests/conftest.py makes of the cores.
WORKERS := auto

# Compose refuses a file whose passwords are missing; to check its form any value will do.
EXAMPLE_SECRETS = $(shell sed -n 's/^\([A-Z_]*\)=$$/\1=x/p' deploy/env.example)

# The stamp is written last and holds the path the environment was made for. An environment
# without it was left half-made, and one with another path was moved: both are made anew.
STAMP := $(VENV)/.complete
ifneq ($(shell $(BIN)/python -c '' 2>/dev/null && cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport VIRTUAL_ENV
# Compiled files are kept: without them each process of a test run would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up test faults lint bench histories clean

help: ## List these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s%s\n", $$1, $$2 }'

setup: $(STAMP) ## Make .venv with everything, once, and again when the lock changes

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Placet needs Python 3.11 or newer: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@if [ "$$(cat $(STAMP) 2>/dev/null)" != "$(CURDIR)" ] || ! $(BIN)/uv --version >/dev/null 2>&1; then \
	    rm -f $(STAMP) && rm -rf $(VENV) && echo "Making $(VENV)" && \
	    { $(PYTHON) -m venv $(VENV) || { \
	        echo "Could not make $(VENV); on Debian: apt-get install python3-venv" >&2; exit 1; }; } && \
	    $(BIN)/python -m pip install --quiet --no-cache-dir \
	        "$$(sed -n 's/^ *"\(uv==[0-9.]*\)",/\1/p' pyproject.toml)"; \
	fi
	@rm -f $(STAMP)
	@if [ ! -w "$${HOME:-/nonexistent}" ]; then export UV_NO_CACHE=1; fi; \
	$(BIN)/uv sync --quiet --frozen --inexact --extra local --extra demo --extra pdf --group dev --link-mode copy
	@printf '%s' "$(CURDIR)" > $(STAMP)
	@echo "Ready: $(VENV)"

demo: $(STAMP) ## Run real requests through the whole service, narrated
	@$(BIN)/python -m placet.demo

up: $(STAMP) ## Start Temporal, PostgreSQL and a worker, until Ctrl-C
	@$(BIN)/python starter.py up

test: $(STAMP) ## Run all tests
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

faults: $(STAMP) ## Kill and cut everything at random for some minutes
	$(BIN)/python -m pytest tests/faults -m campaign

lint: $(STAMP) ## Check style, types, imports, the lock, YAML files and what deploys
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/python -m mypy $(CODE)
	$(BIN)/lint-imports --no-logo
	$(BIN)/python .ci/check_lock.py uv.lock
	$(BIN)/python -m yamllint --strict $(YAML)
	$(BIN)/hadolint deploy/Dockerfile
	@echo docker-compose config --quiet
	@$(EXAMPLE_SECRETS) $(BIN)/docker-compose --file deploy/compose.yaml --env-file /dev/null config --quiet

bench: $(STAMP) ## Measure cost and throughput against a bare workflow
	@$(BIN)/python -m bench

histories: $(STAMP) ## Record the histories that the replay tests read
	@$(BIN)/python -m tests.record_histories

clean: ## Remove .venv and what tools left behind; never the data in .placet
	rm -f $(STAMP)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
