# Two commands from a bare clone: `make demo` shows what this is, `make test` proves it.
# Both make their own environment in .venv, from pinned requirements.

SHELL := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
# How many processes the tests run in: two more than there are cores, since each waits for its servers half of the time.
JOBS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 2)')
PYTEST = $(BIN)/python -m pytest --numprocesses $(JOBS) --maxprocesses 8 --dist loadgroup
PIP_INSTALL := -m pip install --quiet --require-hashes --requirement
GOOD_CLIENTS := Light Reference Asynchronous Queued LightQueued
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo serve test test-all verify mutants soak clients test-clients lint lint-contract bench bench-video contact-sheet contract lock clean

demo: .venv/run
	$(BIN)/kirin-mock demo

serve: .venv/run
	$(BIN)/kirin-mock serve

# What proves every behaviour, in a few minutes. It ends by saying how many deep tests are left to test-all.
test: .venv/dev
	$(PYTEST)

# Everything there is to test: also the deep tests, the real clients, and clients that generators make.
test-all: .venv/dev
	$(PYTEST) -m "not soak"
	$(MAKE) test-clients clients

# Verifies a server of its own, against the contract.
verify: .venv/dev
	$(BIN)/kirin-mock verify server

# Every broken server and every broken client must be caught. test-all runs them too.
mutants: .venv/dev
	$(PYTEST) -m "" tests/verify -k "broken or bug or caught"

# What takes long: other seeds and depths, and all good clients, must be clean.
soak: mutants
	for seed in 1 2 3 4 5 6 7 8 9 10; do $(BIN)/kirin-mock verify server --seed $$seed | tail -2 || exit 1; done
	$(BIN)/kirin-mock verify server --depth deep | tail -2
	for client in $(GOOD_CLIENTS); do for seed in 0 1; do echo $$client; \
	  $(BIN)/kirin-mock verify client --cases 5000 --seed $$seed kirin_mock.reference_clients:$$client | tail -1 || exit 1; \
	done; done
	for protocol in "" --queue; do for seed in 0 1; do $(BIN)/kirin-mock verify client --cases 5000 --seed $$seed -- \
	  $(BIN)/python -m kirin_mock.adapters.node $$protocol | tail -1 || exit 1; done; done

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/kirin-mock contract --check
	$(BIN)/kirin-mock contract --against contracts/released/openapi.json

# The contract by the rules of two linters. Needs node and npm.
lint-contract: .venv/npm
	.venv/npm/node_modules/.bin/spectral lint --fail-severity hint --ruleset contracts/lint/spectral.yaml contracts/openapi.json
	.venv/npm/node_modules/.bin/redocly lint --config contracts/lint/redocly.yaml contracts/openapi.json

.venv/npm: .venv/made
	npm install --silent --no-audit --no-fund --no-save --prefix $@ @stoplight/spectral-cli@6.16.3 @redocly/cli@2.77.0 \
	  openapi-typescript@7.13.0 typescript@5.9 @types/node@22
	touch $@

# Clients that generators make from the contract, unpatched, submit and poll every model. Needs node and npm.
clients: .venv/dev .venv/clients .venv/npm
	$(BIN)/python contracts/clients/check.py $(CLIENTS)

.venv/clients: .venv/made contracts/clients/requirements.txt
	$(PYTHON) -m venv $@
	$@/bin/python $(PIP_INSTALL) contracts/clients/requirements.txt
	touch $@

# Real clients of the platform, as PyPI has them, against this server: docs/real-clients.md.
test-clients: .venv/sdks
	.venv/sdks/bin/python -m pytest tests/clients

# An environment of their own: what the clients need stays out of the other lists.
.venv/sdks: .venv/made requirements/run.txt tests/clients/requirements.txt pyproject.toml
	$(PYTHON) -m venv $@
	$@/bin/python $(PIP_INSTALL) tests/clients/requirements.txt
	$@/bin/python $(PIP_INSTALL) requirements/run.txt
	$@/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Requests per second, beside a bare Starlette app with the same validation. Needs wrk.
bench: .venv/dev
	$(BIN)/python bench/run.py

# What videos cost: time, memory, and what other calls feel meanwhile.
bench-video: .venv/dev
	$(BIN)/python bench/rendering.py

# One picture of everything that videos show: contact-sheet.jpg.
contact-sheet: .venv/dev
	$(BIN)/python -m tests.support.contact_sheet

contract: .venv/run
	$(BIN)/kirin-mock contract

# Write the pinned requirements anew, with the versions that they have; LOCK=--upgrade takes the newest releases.
lock:
	$(PYTHON) requirements/lock.py $(LOCK)

clean:
	rm -rf .venv

.venv/made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/run: .venv/made requirements/run.txt pyproject.toml
	$(BIN)/python $(PIP_INSTALL) requirements/run.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/dev: .venv/run requirements/dev.txt
	$(BIN)/python $(PIP_INSTALL) requirements/dev.txt
	touch $@
