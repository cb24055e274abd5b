# Everything below makes what it needs first: `make up` and `make test` work on a fresh clone.
PYTHON ?= python3
NODES ?= 1
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
WEB := edge/web/node_modules/.runtime
WEB_DEV := edge/web/node_modules/.dev

.PHONY: up services fetch test check lint format bench bench-packager bench-ingest gameday proto lock clean chromium

up: $(RUNTIME) $(WEB)  ## Start everything on the embedded default and keep running
	@$(BIN)/reelway up

services: $(RUNTIME) $(WEB)  ## The real engines on loopback until Ctrl-C, and the settings that use them; NODES=3 for clusters, FRESH=1 to begin anew
	@$(BIN)/python -m deploy.services --nodes $(NODES) $(if $(FRESH),--fresh)

fetch: $(RUNTIME)  ## Bring the engines' programs into ~/.cache/reelway
	@$(BIN)/python -m deploy.services --fetch

test: $(DEV) $(WEB_DEV) chromium fetch  ## Every test, the browser's included
	@deploy/setup/node --test tests/edge/web/
	$(BIN)/pytest --hypothesis-profile=repeatable

check: lint  ## The inner loop: lint and the quick tests
	@deploy/setup/node --test tests/edge/web/
	$(BIN)/pytest -m "not slow" -q -n 4

lint: $(DEV) $(WEB_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@VENV=$(VENV) deploy/setup/protos --check
	@deploy/setup/node edge/web/node_modules/typescript/bin/tsc --noEmit -p edge/web

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV) $(WEB)  ## The figures, as JSON lines; ONLY="feed events" for some of them
	@$(BIN)/python -m tests.bench $(ONLY)

bench-ingest: $(DEV)  ## Uploads; beside @tus/server where TUS_PEER names a node_modules folder that has it and @tus/file-store
	@$(BIN)/python -m tests.bench.bench_ingest $(TUS_PEER)

gameday: $(DEV) $(WEB) fetch  ## Every role on clusters under load; one fault after another, and what each cost; FAULT=name for one
	@$(BIN)/python -m tests.gameday $(FAULT)

proto: $(DEV)  ## Generate the Python of the gRPC interfaces anew
	@VENV=$(VENV) deploy/setup/protos

bench-packager: $(DEV)  ## The packager's figures and targets; beside Shaka Streamer where STREAMER_PEER names its program
	@$(BIN)/python -m tests.bench packager

lock: $(DEV)  ## Pin pyproject.toml's packages anew
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate -c requirements.lock --group dev pyproject.toml -o requirements-dev.lock

chromium:
	@deploy/setup/chromium

clean:
	rm -rf $(VENV) edge/web/node_modules build *.egg-info

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Reelway needs Python 3.11 or later; name one with: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.lock pyproject.toml $(VENV)/pyvenv.cfg
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

$(WEB): edge/web/package-lock.json $(RUNTIME)
	@deploy/setup/npm ci --omit=dev
	@touch $@

$(WEB_DEV): edge/web/package-lock.json $(RUNTIME)
	@deploy/setup/npm ci
	@touch $@ $(WEB)
