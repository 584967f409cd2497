# What people and CI run. Every target makes the virtual environment that it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Python compiles what it imports. To compile all that is installed takes a minute. Where the environment forbids Python to
# keep what it compiled, each process would compile torch anew, which takes two seconds.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
DATA ?= ../shared/data
DEMO ?=

.DEFAULT_GOAL := help
.PHONY: help demo test thorough quick lint types docs format bench reports build clean

help: ## show this text
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.offline ## index the documentation of the installed Python and search it
	$(BIN)/bicross demo $(DEMO)

# What stands together stays together, so that what a file makes once is made once, until one process has nothing left.
test: $(VENV)/.dev ## run the tests, as many at once as there are cores
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

thorough: $(VENV)/.dev ## run the tests with all random examples, faults, power cuts and damaged bytes, which takes an hour
	BICROSS_THOROUGH=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

quick: $(VENV)/.dev ## run the tests that load no model, in less than two minutes; a tenth of the random examples
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not slow"

lint: $(VENV)/.dev ## check style and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/lib
	$(BIN)/python -W ignore setup.py -q build_py --build-lib build/lib
	cd build/lib && ../../$(BIN)/lint-imports --config ../../pyproject.toml --no-cache

types: $(VENV)/.dev ## check the types, strictly
	$(BIN)/pyright

docs: $(VENV)/.dev ## build the guides and both references into build/docs; a warning is an error
	$(BIN)/python docs/make_commands.py
	$(BIN)/python docs/make_capacity.py
	$(BIN)/python -m sphinx -E -W -n -q --keep-going docs build/docs

format: $(VENV)/.dev ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure relevance on the BEIR folders in DATA
	$(BIN)/python benchmarks/quality.py $(addprefix $(DATA)/,scifact nfcorpus cosqa cranfield squad-dev)

reports: $(VENV)/.dev ## write the reports in benchmarks/reports from the measured results
	$(BIN)/python benchmarks/make_reports.py

build: $(VENV)/.dev ## build the source archive and the wheel into dist/
	$(BIN)/python -m build

clean: ## remove the virtual environment and everything built
	rm -rf $(VENV) build dist *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch comes first and by its pinned version: asked for by another package, pip would take the newest, with CUDA.
$(VENV)/.torch: constraints.txt | $(BIN)/python
	$(PIP) torch
	@touch $@

$(VENV)/.offline: pyproject.toml $(VENV)/.torch
	$(PIP) --editable '.[offline]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.torch
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.offline
