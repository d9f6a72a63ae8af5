# Everything a person or a machine does with this repository. `make` alone lists it.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.PHONY: help setup demo test lint types test-browser bench package clean

# Any Python from 3.11 on: make setup PYTHON=/path/to/python3.12
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/installed
WORKERS ?= 2

define ABOUT_SIZE
Setting up $(VENV). On Linux this downloads about 3 GB and takes 5.6 GB on disk, most of it the CUDA
libraries that torch brings from the package registry; 2 to 5 minutes on a fast line. On macOS and
Windows it is about 2 GB on disk.

No GPU? About 2 GB are enough on Linux too: press Ctrl-C, put the CPU build into $(VENV) first
(torch==2.12.1 torchvision==0.27.1), and run this again; it keeps what it finds. The selector on
pytorch.org (Pip, CPU) shows the command; use $(BIN)/pip in it.

endef
export ABOUT_SIZE

help:  ## List what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r name about; do printf '  make %-14s %s\n' "$$name" "$$about"; done

setup: $(READY)  ## Set everything up in .venv (once; says size and time first)

# Remade when what is to be installed changes; pip then installs only the difference.
$(READY): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "headstart needs Python 3.11 or newer, and none is on the PATH." >&2; \
		echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 2; fi
	@if [ ! -d $(VENV)/lib ] || [ ! -e $(BIN)/python ]; then \
		$(PYTHON) -m venv $(VENV) || { \
		echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; \
		exit 2; }; fi
	@$(BIN)/python -c 'import importlib.util as u; exit(u.find_spec("torch") is None)' || \
		{ echo "$$ABOUT_SIZE"; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt pip setuptools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		--constraint constraints.txt --editable '.[all]' --group dev
	@touch $(READY)
	@echo "Ready: $(BIN)/headstart --help"

demo: setup  ## Check, fit and race on pictures drawn on the spot; names report and race
	HEADSTART_HOME=build/demo/home $(BIN)/headstart demo --out build/demo/example

test: setup lint types  ## Lint, types and the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) -m "not browser"

lint: setup  ## Style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## Strict types of src
	$(BIN)/mypy

test-browser: setup  ## Look at the report in a real browser (needs Debian's chromium)
	@command -v chromium >/dev/null || { \
		echo "These tests need a Chromium on the PATH; on Debian: apt-get install chromium" >&2; \
		exit 2; }
	$(BIN)/python -m pytest -m browser

bench: setup  ## Measure speed (needs HEADSTART_DATA and an otherwise idle machine)
	$(BIN)/python benchmarks/speed.py

package: setup  ## Build the wheel into dist/
	$(BIN)/python -m pip wheel . --no-deps --no-build-isolation --wheel-dir dist

clean:  ## Remove what was built or cached (.venv stays: it is slow to make)
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache src/*.egg-info
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
