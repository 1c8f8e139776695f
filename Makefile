# `make` sets everything up and runs the default pipeline, `make quick` a slice of it; `make test` runs the tests,
# `make test-all` those too that take more than 20 seconds each, `make docs` builds the pages.
# `make bench` times everything, `make soak` kills the workflow a hundred times, `make verify` checks results.
# `make pose-env` sets up .venv-pose, in which MediaPipe finds the key points of videos.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PYTEST := pytest -n 2 --dist loadfile --no-loadscope-reorder
POSE_READY := .venv-pose/.ready

.PHONY: all quick test test-all lint docs bench soak verify lock pose-env

all: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores all

quick: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores all --configfile config/quick.yaml

test: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) -m "not slow"

test-all: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST)

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

# MediaPipe's later versions carry no models. Of what it asks for, finding key points does not use these, and takes the
# build of OpenCV that needs no screen
UNUSED := cffi jax jaxlib ml-dtypes opencv-contrib-python opt-einsum pycparser scipy sentencepiece sounddevice

# run (with pip-tools) after editing the dependencies, on Linux with Python 3.11. The marker of atheris,
# which has no wheels elsewhere, is lost by pip-compile; a local build's suffix does not belong into a lock
lock:
	pip-compile --quiet --extra dev --extra docs --extra onnx --extra video --extra workflow --output-file requirements.lock --strip-extras \
		--no-emit-index-url --no-emit-find-links --no-header --allow-unsafe pyproject.toml
	printf 'mediapipe==0.10.21\nopencv-contrib-python-headless\n' | pip-compile --quiet $(addprefix --unsafe-package ,$(UNUSED)) \
		--output-file requirements-pose.lock --strip-extras --no-emit-index-url --no-emit-find-links --no-header -
	sed -i -e 's/^\(torch==[0-9.]*\)+.*/\1/' requirements.lock -e 's/^\(atheris==[0-9.]*\)$$/\1 ; sys_platform == "linux" and platform_machine == "x86_64" and python_version < "3.14"/'

# the mark is written last, so an interrupted installation is never taken for a finished one
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "microgesture needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(READY)

# not in .venv: MediaPipe needs numpy 1
pose-env: $(POSE_READY)

$(POSE_READY): requirements-pose.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13) and "MediaPipe 0.10.21 needs Python 3.11 or 3.12: make pose-env PYTHON=python3.11")'
	$(PYTHON) -m venv .venv-pose
	@.venv-pose/bin/pip install --quiet --no-deps --only-binary :all: --requirement requirements-pose.lock 2> .venv-pose/pip.log \
		|| { echo "MediaPipe 0.10.21 could not be installed ($$(grep -m 1 ERROR .venv-pose/pip.log || tail -n 1 .venv-pose/pip.log)): it has wheels for Linux on x86-64, macOS and Windows alone, and pip needs the network; see docs/pose.md for other ways" >&2; exit 1; }
	touch $(POSE_READY)
