# Every target sets up .venv first, from constraints.txt; nothing outside this folder changes.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
KERNELS := $(wildcard seqforecast/nn/kernels/src/*)
READY := $(VENV)/.ready
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo examples test test-full lint docs bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY)  ## forecast a real series and show the result
	$(BIN)/python examples/first_forecast.py

examples: $(READY)  ## run every example; their pictures go to examples/output
	for example in examples/*.py; do $(BIN)/python $$example || exit 1; done

test: $(READY)  ## run the test suite; PYTEST_ARGS="-k windows" picks some
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

test-full: $(READY)  ## the same, slow tests included
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(READY)  ## ruff, its formatter, and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(READY)  ## build the documentation into docs/_build/html; warnings are errors
	$(BIN)/python -m sphinx -W -n --keep-going -b html docs docs/_build/html

bench: $(READY)  ## measure how fast a fit is
	$(BIN)/python benchmarks/fit_speed.py && $(BIN)/python benchmarks/kernels.py

clean:  ## remove the environment and all that was built
	rm -rf $(VENV) build dist *.egg-info docs/_build docs/_generated docs/_api_tables.md
	rm -f seqforecast/_native*.so seqforecast/_native*.pyd
	rm -rf .coverage htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache

# The build tools come from constraints.txt as well: in pip's isolated build environment a package
# that needs torch to build would fetch the newest one, and gigabytes with it. Kernels of an earlier
# build go first: where the new ones do not compile, the old must not pass the tests for them.
# SEQFORECAST_KERNELS is for what runs in the environment, which has all that can be built.
$(READY): pyproject.toml setup.py constraints.txt $(KERNELS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt pybind11 setuptools wheel
	rm -f seqforecast/_native*.so
	SEQFORECAST_KERNELS= \
		$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[dev]'
	@$(BIN)/python -c "from seqforecast._kernels import status; print('kernels:', status())"
	touch $@
