# Two commands do everything on a fresh machine: `make demo` and `make test`. Each sets up what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install install-pictures install-dev demo up test test-fast lint bench chaos security clean
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(VENV)/installed ## a .venv with `bellhop` and `celery` in it

install-pictures: $(VENV)/installed-pictures ## the same with what draws the metric into notifications

install-dev: $(VENV)/installed-dev ## the same with what the tests need

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Bellhop needs Python 3.11 or newer; set PYTHON=…")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV) …"
	@requirements/install.sh requirements/runtime.txt
	@touch $@

# Where it cannot be had, everything works but for the pictures.
$(VENV)/installed-pictures: requirements/pictures.txt $(VENV)/installed
	@requirements/install.sh requirements/pictures.txt || echo "no pictures of metrics here: matplotlib cannot be had" >&2
	@touch $@

$(VENV)/installed-dev: requirements/dev.txt $(VENV)/installed
	@echo "installing what the tests need …"
	@requirements/install.sh requirements/dev.txt
	@touch $@

demo: install-pictures ## Redis, worker, sandbox, console and sample alerts through six channels
	@$(BIN)/bellhop demo $(ARGS)

up: install ## Redis, worker, console and Flower, until Ctrl-C
	@$(BIN)/bellhop up $(ARGS)

test: install-dev ## everything that .ci/run runs
	@tests/debian-packages.sh
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -m "not slow" -n 2 $(ARGS)
	@$(BIN)/python -m pytest -m slow -n 2 --dist loadfile --ignore tests/chaos $(ARGS)
	@$(BIN)/python -m pytest -m slow tests/chaos $(ARGS)

test-fast: install-dev ## without those that start processes
	@$(BIN)/python -m pytest -m "not slow" $(ARGS)

lint: install-dev ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: install-dev ## how fast it is, beside its targets, the limit and the best peers; fails where a target is missed
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: install-dev ## break everything under load, and count at the receiver what was lost and what came twice
	@$(BIN)/python -m chaos $(ARGS)

security: install-dev ## try what an attacker would, and count what passed, leaked, crashed or failed
	@$(BIN)/python -m security $(ARGS)

clean: ## remove what was installed and made; keeps .bellhop
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist benchmarks/.peers benchmarks/results/quick
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
