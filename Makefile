# Everything a developer, CI or somebody with five minutes needs; `make` alone lists it.

PYTHON ?= python3
DEMO_ARGS ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=

BIN := .venv/bin
# --no-compile: the few modules that are really imported are compiled then, which is quicker than all now.
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

# Containers often forbid Python to keep what it compiled; every process that a test starts would then compile
# all the modules that it imports, once more.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check format services faults bench constraints clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/demo.stamp ## Install what the demo needs, and run it (DEMO_ARGS="--for 60 --headless")
	@$(BIN)/llm-monitor demo $(DEMO_ARGS)

test: services check ## Run the checks and every test against real servers (PYTEST_ARGS="-k store")
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: .venv/dev.stamp ## Run the linter, the formatter's check, the type checker and the import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev.stamp ## Format the code and fix what the linter can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

services: .venv/dev.stamp ## Install the servers that tests run against, where this machine can have them
	@$(BIN)/python -m tests.services install

faults: services ## Break everything as often as docs/reliability.md says, and print its table; takes an hour
	$(BIN)/python -m pytest tests/faults --faults=long $(PYTEST_ARGS)

bench: .venv/dev.stamp ## Run every benchmark, with short settings
	@for file in benchmarks/[!_]*.py; do \
		[ -e "$$file" ] || continue; \
		name=$$(basename "$$file" .py); \
		echo "== $$name"; \
		$(BIN)/python -m "benchmarks.$$name" $(BENCH_ARGS) || exit 1; \
	done

constraints: ## Write constraints.txt anew, with the newest versions that pyproject.toml allows
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/pip install --quiet --disable-pip-version-check --no-compile --editable '.[demo,dev]'
	build/constraints/bin/pip freeze --exclude-editable > constraints.txt
	rm -rf build/constraints

clean: ## Remove everything that make made
	rm -rf .venv .services build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The stamps tell make that an installation is done, so that a second run starts at once.
.venv/demo.stamp: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "installing into .venv ..."
	@$(PIP_INSTALL) --editable '.[demo]'
	@touch $@

.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "installing into .venv ..."
	@$(PIP_INSTALL) --editable '.[demo,dev]'
	@touch $@ .venv/demo.stamp

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) can't make virtual environments: install its venv package (Debian: python3-venv)"; exit 1; }
	@$(PYTHON) -m venv .venv
