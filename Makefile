# One door for everything: each target makes .venv when it is missing or older than pyproject.toml.
# Another Python: make test PYTHON=python3.12

SHELL  := /bin/sh
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
REPORT := october.html
LAB    ?=
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1) # one waits for a kernel, a browser or a disk
PYTEST := $(BIN)/python -m pytest --maxprocesses 8 --dist loadfile
export PYTHONNOUSERSITE = 1

.PHONY: help report test drills lab lint pictures screenshots docs dist clean
.DEFAULT_GOAL := help

help:
	@echo 'make report   October of five vendors as one HTML page, on the embedded sandbox'
	@echo 'make test     the tests'
	@echo 'make drills   their second part: kills at every step, very many worlds, Dask and Spark'
	@echo 'make lab      JupyterLab on the first notebook'
	@echo 'make lint     format, lint, types and layers'
	@echo 'make docs     the documentation site, in build/docs/'
	@echo 'make pictures     the pictures of README and docs, drawn anew from the sandbox'
	@echo 'make screenshots  the screens that tests compare, drawn anew: look at them before you keep them'
	@echo 'make dist     what is released: source distribution and wheel, in dist/'

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed; name one: make PYTHON=python3.12' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

report: $(READY)
	$(BIN)/truto-usage report ai_spend --sandbox --period 2026-10 -o $(REPORT)
	@echo "$(CURDIR)/$(REPORT)"

test: $(READY)
	$(PYTEST) -n $(WORKERS) -m 'not cluster and not drill'

drills: $(READY)
	$(PYTEST) -n auto -m 'cluster or drill'

lab: $(READY)
	@test "$$(id -u)" != 0 || { \
	  echo 'You are root, as in most containers, so JupyterLab starts with --allow-root and opens no browser.'; \
	  echo 'Open the address that it prints. From outside a container: publish port 8888 and run make lab LAB=--ip=0.0.0.0'; }
	$(BIN)/jupyter lab $$(test "$$(id -u)" != 0 || echo --allow-root --no-browser) $(LAB) notebooks/01_load.ipynb

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache --no-logo

$(VENV)/.docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -q -W --keep-going -d build/doctrees docs build/docs
	$(BIN)/python -m docs.site.checking build/docs
	@echo "$(CURDIR)/build/docs/index.html"

pictures: $(READY)
	$(BIN)/python docs/pictures.py

screenshots: $(READY)
	RENEW_SCREENSHOTS=1 $(BIN)/python -m pytest -q -m browser tests/test_forms_browser.py tests/test_reports_browser.py
	@git diff --stat -- tests/screenshots 2>/dev/null || true

dist: $(READY)
	$(BIN)/python -m hatchling build --clean

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis $(REPORT)
