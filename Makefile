# What runs something sets up .venv first, from constraints.txt (test-peers: .venv-peers); nothing
# outside this folder changes.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
KERNELS := $(wildcard seqforecast/nn/kernels/src/*)
READY := $(VENV)/.ready
PEERS := .venv-peers
PYTEST_ARGS ?=
# By file: what a module shares is built once.
WORKERS := -n 2 --dist loadfile
CO2 := seqforecast/datasets/data/co2.csv --time date --target co2 --horizon 12

.DEFAULT_GOAL := help
.PHONY: help demo test test-full test-peers lint docs bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY)  ## backtest, forecast and diagnose a real series; the pictures go to demo/
	@mkdir -p demo
	$(BIN)/seqforecast backtest $(CO2) --level 80 --plot demo/backtest.png
	@echo
	$(BIN)/seqforecast forecast $(CO2) --level 80 --plot demo/forecast.png
	@echo
	$(BIN)/seqforecast diagnose $(CO2) --html demo/report.html

test: $(READY)  ## run the test suite; PYTEST_ARGS="-k windows" picks some
	$(BIN)/python -m pytest -m "not slow" $(WORKERS) $(PYTEST_ARGS)

test-full: $(READY)  ## slow tests included, and a thousand random examples of each property
	$(BIN)/python -m pytest --hypothesis-profile=explore $(WORKERS) $(PYTEST_ARGS)

test-peers: $(PEERS)/.ready  ## in skforecast, mlforecast and beside others: 2.4 GB, some minutes
	$(PEERS)/bin/python -m pytest tests/peers docs/howto $(PYTEST_ARGS)

lint: $(READY)  ## ruff, its formatter, and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(READY)  ## build docs/_build/html, which runs the examples; warnings are errors
	$(BIN)/python -m sphinx -W -n --keep-going -b html docs docs/_build/html

bench: $(READY)  ## measure how fast a fit is
	$(BIN)/python benchmarks/fit_speed.py && $(BIN)/python benchmarks/kernels.py

clean:  ## remove the environment and all that was built
	rm -rf $(VENV) $(PEERS) build dist *.egg-info docs/_build docs/_generated docs/_api_tables.md docs/auto_examples
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

# The kernels that .venv has built are used where they are there, torch's where not.
$(PEERS)/.ready: pyproject.toml constraints-peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet -c constraints-peers.txt pybind11 setuptools wheel
	SEQFORECAST_KERNELS=0 $(PEERS)/bin/python -m pip install --quiet -c constraints-peers.txt \
		--no-build-isolation -e '.[peers]'
	touch $@
