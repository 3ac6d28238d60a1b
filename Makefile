# `make demo` and `make test` set up everything they need; the other targets build on the same.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PATH := $(CURDIR)/$(BIN):$(PATH)
STAMP := $(VENV)/.ready
E2E_STAMP := $(VENV)/.ready-e2e

SECONDS ?= 60
# Tests start many processes: what one has compiled, the others find.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test lint types words spec e2e heavy attacks crashes cluster fuzz bench gpu all clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(STAMP): pyproject.toml constraints.txt scripts/setup
	@PYTHON="$(PYTHON)" scripts/setup "$(VENV)"
	@touch $@

$(E2E_STAMP): $(STAMP) scripts/setup-e2e
	@scripts/setup-e2e
	@touch $@

demo: $(STAMP) ## release, grade the examples, make feedback, show the table
	@scripts/demo

test: $(STAMP) ## the tests that take seconds each
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(STAMP) ## ruff and mypy; reports everything before it fails
	@status=0; \
	$(BIN)/ruff check . || status=1; \
	$(BIN)/ruff format --check . || status=1; \
	$(BIN)/mypy || status=1; \
	exit $$status

spec: $(STAMP) ## the promises to users, through the real sandbox
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/spec tests/cli

e2e: $(E2E_STAMP) ## nbgrader's commands, Jupyter in a browser, databases (installs Chromium, PostgreSQL)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "e2e and not heavy" tests/e2e

words: $(STAMP) ## update and compile the sentences that students read
	@$(BIN)/python scripts/words.py

heavy: $(STAMP) ## what takes minutes: every misconception of every assignment, verify itself, and the like
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m heavy tests/spec tests

fuzz: $(STAMP) ## fuzz what reads a sandbox, guided by coverage: make fuzz SECONDS=600 (twice as long)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet atheris
	@$(BIN)/python tests/fuzz/bombs.py full
	@$(BIN)/python tests/fuzz/run.py parse $(SECONDS)
	@$(BIN)/python tests/fuzz/run.py judge $(SECONDS)

attacks: $(STAMP) ## hostile submissions against the sandbox, as root and as a user (minutes)
	@$(BIN)/python -m pytest -n 2 --dist loadscope -m attacks tests/attacks

crashes: $(STAMP) ## graders that are killed, full disks, locked gradebooks (AUTOGRADER_KILLS=50)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m crashes tests/crashes

cluster: $(STAMP) ## a Dask cluster in network namespaces, workers killed and cut off (root; 90 s, or 2 min. if busy)
	@$(BIN)/python -m pytest -m cluster tests/cluster

bench: $(STAMP) ## ours against nbgrader and otter, side by side (about an hour; python benchmarks/bench.py --help)
	@$(BIN)/python benchmarks/bench.py

gpu: ## on a machine with a GPU, whatever else it lacks: the GPU's tests, CPU against CUDA, times
	@PYTHON="$(filter-out python3,$(PYTHON))" scripts/gpu

types: $(STAMP) ## mypy alone
	@$(BIN)/mypy

all: lint test heavy e2e attacks crashes cluster demo ## everything

clean: ## remove what the demo made (not the environment)
	rm -rf submitted autograded feedback exports gradebook.db .autograder
