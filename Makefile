# make demo   set everything up and run the main job on the sample blog
# make check  the linter, the type checker and the quick tests: under two minutes
# make test   set everything up and run all tests, the linter and the type checker
# make setup  only set everything up, in .venv
# make clean  remove what the other targets made

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo check test setup lint types clean
.DELETE_ON_ERROR:

demo: setup
	$(BIN)/penname demo

# A file's tests stay in one process; more than four processes would need more memory than they save time.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile

check: $(VENV)/.ready-for-tests lint types
	$(BIN)/python -m pytest $(PARALLEL) -m 'not slow'

test: $(VENV)/.ready-for-tests lint types
	$(BIN)/python -m pytest $(PARALLEL)

lint: $(VENV)/.ready-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready-for-tests
	$(BIN)/mypy

setup: $(VENV)/.ready

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "penname needs Python 3.11, 3.12 or 3.13: install one, or name it: make PYTHON=/path/to/python3.12 test" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment: on Debian and Ubuntu run 'sudo apt-get install python3-venv', then try again." >&2; exit 2; }

$(VENV)/.ready: pyproject.toml tools/install_torch.py | $(BIN)/python
	$(BIN)/python tools/install_torch.py
	$(BIN)/python -m pip install --disable-pip-version-check -q -e .
	@touch $@

$(VENV)/.ready-for-tests: $(VENV)/.ready
	$(BIN)/python -m pip install --disable-pip-version-check -q -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
