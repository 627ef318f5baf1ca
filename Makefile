# make demo: install and run the main job with the small networks, network off.   make test: install, lint, type-check, test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
TYPES := .typecheck

.PHONY: demo test lint types imports pytest clean

demo: $(VENV)/.demo
	HF_HUB_OFFLINE=1 $(BIN)/i2vbench run --model consisti2v --model static --model pan --model ground_truth \
		--metrics all --profile tiny

test: lint types imports pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The folders are one package only once installed; links lay them out for mypy as the wheel does.
types: $(VENV)/.test
	rm -rf $(TYPES)
	mkdir -p $(TYPES)/i2vbench
	ln -s $(CURDIR)/i2vbench/* $(CURDIR)/models $(CURDIR)/metrics $(CURDIR)/datasets $(CURDIR)/leaderboards $(TYPES)/i2vbench/
	cd $(TYPES) && ../$(BIN)/mypy --config-file ../pyproject.toml -p i2vbench

# Of the same layout: which room imports which, as pyproject.toml has it.
imports: types
	cd $(TYPES) && ../$(BIN)/lint-imports --no-logo --no-cache ../pyproject.toml

pytest: $(VENV)/.test
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints.txt
	$(PIP) --editable '.[demo]'
	touch $@

$(VENV)/.test: $(VENV)/.python pyproject.toml constraints.txt
	$(PIP) --editable '.[all,test]'
	touch $@

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed (make PYTHON=python3.12 ...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

clean:
	rm -rf $(VENV) $(TYPES) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
