# Everything needs only Python 3.11 or newer, git and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

# Tests run beside each other, more than there are processors: many wait for something.
PARALLEL := -n $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

# What the installed package is made of: when it changes, it is made anew.
SOURCES := pyproject.toml setup.py $(shell find collector -name '*.py')

.PHONY: run test check fmt bench fuzz faults recipes soak build clean help

help:
	@echo "make run     install into $(VENV) and run: logcollector serve --port 9020 --db logs.sqlite"
	@echo "make test    install what the tests need and run them all"
	@echo "make check   formatting, lint, types, and the tests interpreted, most with coverage"
	@echo "make fmt     format the code"
	@echo "make bench   measure how fast records are taken in, found and moved (20 minutes)"
	@echo "make fuzz    search longer for payloads that the decoder mishandles"
	@echo "make faults  inject real faults and measure what they do (ten minutes; more as root)"
	@echo "make recipes install Django, Celery and so on, and try the recipes of docs/recipes with them"
	@echo "make soak    ten minutes of load and mixed faults, then the accounts (SOAK_SECONDS)"
	@echo "make build   make the wheel and the source archive in dist/"
	@echo "make clean   remove everything that was made"

$(BIN)/python:
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "logcollector needs Python 3.11 or newer; name one: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python $(SOURCES)
	@echo "Installing logcollector into $(VENV) (compiling takes half a minute) ..."
	@rm -rf build
	@$(PIP) install .
	@$(BIN)/logcollector --version
	@touch $@

$(VENV)/tools: $(BIN)/python pyproject.toml
	@echo "Installing the test tools into $(VENV) ..."
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --group check
	@touch $@

$(VENV)/recipes-tools: $(VENV)/tools pyproject.toml
	@echo "Installing the packages that there are recipes for into $(VENV) ..."
	@$(PIP) install --group recipes
	@touch $@

run: $(VENV)/installed
	@echo "Starting: logcollector serve --port 9020 --db logs.sqlite   (Ctrl-C ends it)"
	@$(BIN)/logcollector serve --port 9020 --db logs.sqlite

test: $(VENV)/installed $(VENV)/tools
	$(BIN)/pytest $(PARALLEL)

# Programs as a whole are tested as installed, by `make test`: measuring each of
# their processes would double the time. These see what compiled modules do.
INTERPRETED := $(addprefix tests/integration/test_,bad_frames.py encodings.py \
	extra_attributes.py moving.py refused_records.py replaying.py spool.py \
	stock_clients.py stopping.py)

check: $(VENV)/installed $(VENV)/tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	rm -f .coverage .coverage.*
	PYTHONPATH=. $(BIN)/coverage run -m pytest $(PARALLEL) --ignore=tests/integration
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --fail-under=90
	PYTHONPATH=. $(BIN)/pytest $(PARALLEL) $(INTERPRETED)

fmt: $(VENV)/tools
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

bench: $(VENV)/installed
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/query.py
	$(BIN)/python benchmarks/retention.py
	$(BIN)/python benchmarks/moving.py

fuzz: $(VENV)/installed $(VENV)/tools
	$(BIN)/pytest -m fuzz --override-ini addopts=--import-mode=importlib

# Those that mostly wait, or count and compare; the others measure, one by one.
BESIDE := $(addprefix tests/faults/test_,clock.py damage.py damage_spool.py \
	descriptors.py eio.py half_open.py hanging_disk.py kill.py long_reader.py watchdog.py)

faults: $(VENV)/installed $(VENV)/tools
	$(BIN)/pytest -m fault -n 4 $(BESIDE)
	$(BIN)/pytest -m fault --durations=10 tests/faults $(addprefix --ignore=,$(BESIDE))

recipes: $(VENV)/installed $(VENV)/recipes-tools
	$(BIN)/pytest -m recipe $(PARALLEL) --durations=5 tests/recipes

soak: $(VENV)/installed $(VENV)/tools
	$(BIN)/python benchmarks/soak.py

build: $(BIN)/python
	$(PIP) install build
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find collector tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
