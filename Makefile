# Two commands from a bare clone: `make demo` shows what this is, `make test` proves it.
# Both make their own environment in .venv, from pinned requirements.

SHELL := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
GOOD_CLIENTS := Light Reference Asynchronous Queued LightQueued
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo serve test test-all verify mutants soak clients test-clients lint lint-contract bench bench-video contact-sheet contract lock clean

demo: .venv/run
	$(BIN)/kirin-mock demo

serve: .venv/run
	$(BIN)/kirin-mock serve

test: .venv/dev
	$(BIN)/python -m pytest

# Everything there is to test: also the real clients, each broken server, and clients that generators make.
test-all: test test-clients mutants clients

# Verifies a server of its own, against the contract.
verify: .venv/dev
	$(BIN)/kirin-mock verify server

# What takes long: every broken server must be caught; other seeds and depths, and all good clients, must be clean.
mutants: .venv/dev
	KIRIN_MOCK_SOAK=1 $(BIN)/python -m pytest tests/verify/test_verify.py -v -k broken

soak: mutants
	for seed in 1 2 3 4 5 6 7 8 9 10; do $(BIN)/kirin-mock verify server --seed $$seed | tail -2 || exit 1; done
	$(BIN)/kirin-mock verify server --depth deep | tail -2
	for client in $(GOOD_CLIENTS); do for seed in 0 1; do echo $$client; \
	  $(BIN)/kirin-mock verify client --scripts 5000 --seed $$seed kirin_mock.reference_clients:$$client | tail -1 || exit 1; \
	done; done
	for protocol in "" --queue; do for seed in 0 1; do $(BIN)/kirin-mock verify client --scripts 5000 --seed $$seed -- \
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

.venv/clients: .venv/made
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet openapi-python-client==0.29.1 datamodel-code-generator==0.89.0 black ruff \
	  openapi-generator-cli==7.26.0 urllib3 python-dateutil
	touch $@

# Real clients of the platform, as PyPI has them, against this server: docs/real-clients.md.
test-clients: .venv/sdks
	.venv/sdks/bin/python -m pytest tests/clients

# An environment of their own: what the clients need stays out of the other lists.
.venv/sdks: .venv/made requirements/run.txt tests/clients/requirements.txt pyproject.toml
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --require-hashes --requirement tests/clients/requirements.txt
	$@/bin/python -m pip install --quiet --requirement requirements/run.txt
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

# Write the pinned requirements anew, from the newest releases that pyproject.toml allows.
lock:
	$(PYTHON) requirements/lock.py
	$(PYTHON) requirements/lock.py clients

clean:
	rm -rf .venv

.venv/made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/run: .venv/made requirements/run.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --requirement requirements/run.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/dev: .venv/run requirements/dev.txt
	$(BIN)/python -m pip install --quiet --requirement requirements/dev.txt
	touch $@
