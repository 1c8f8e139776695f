# `make` sets everything up and runs the default pipeline, `make quick` a slice of it; `make test` runs the tests,
# `make docs` builds the pages.
# `make bench` times everything, `make soak` kills the workflow a hundred times, `make verify` checks results.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: all quick test lint docs bench soak verify lock

all: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores all

quick: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores all --configfile config/quick.yaml

test: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest -n 2 --dist loadfile --no-loadscope-reorder

# warnings are errors, links between pages and within them included; the network is not asked
docs: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" sphinx-build -q -W --keep-going -j auto docs docs/_build

bench: $(READY)
	$(BIN)/python benchmarks/run.py

soak: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.reliability.soak --kills 100

verify: $(READY)
	$(BIN)/microgesture verify

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint

# run (with pip-tools) after editing the dependencies, on Linux with Python 3.11. The marker of atheris,
# which has no wheels elsewhere, is lost by pip-compile; a local build's suffix does not belong into a lock
lock:
	pip-compile --quiet --extra dev --extra docs --extra onnx --extra video --extra workflow --output-file requirements.lock --strip-extras \
		--no-emit-index-url --no-emit-find-links --no-header --allow-unsafe pyproject.toml
	sed -i -e 's/^\(torch==[0-9.]*\)+.*/\1/' requirements.lock -e 's/^\(atheris==[0-9.]*\)$$/\1 ; sys_platform == "linux" and platform_machine == "x86_64" and python_version < "3.14"/'

# the mark is written last, so an interrupted installation is never taken for a finished one
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "microgesture needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(READY)
