# The commands of the project. `make demo` and `make test` need Python 3.11 or newer and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PORT ?= 3000

.PHONY: demo test lint ui bench ten-years kills replays allocations drain-kills tampering everywhere sbc mmm-peer clean help

help:
	@echo "make demo    install and run everything on the sample telemetry"
	@echo "make test    install and run the tests"
	@echo "make ui      Dagster's UI on http://127.0.0.1:$(PORT)"
	@echo "make lint    format, style and types"
	@echo "make bench   benchmarks, as ratios against peers"
	@echo "make kills   the long kill and concurrency campaigns of the history and of its alerts"
	@echo "make drain-kills   of these, the one of the alerts alone"
	@echo "make tampering     of these, the one of the seals alone"
	@echo "make sbc     simulation-based calibration of the media-mix sampler, 500 data sets a model"
	@echo "make mmm-peer      the media-mix engine against PyMC-Marketing, in an environment of its own"
	@echo "make everywhere    one incident wherever a run was started, with a real daemon"
	@echo "make allocations   ten thousand random budgets: no bound broken, concave ones as good as a solver's"
	@echo "make ten-years     ten simulated years of the calendar with a daemon that is down on random days"
	@echo "make replays every partition of the sample rebuilt alone, digests compared"

$(VENV)/installed: constraints.txt pyproject.toml
	@start=$$(date +%s); \
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	$(PIP) install --require-hashes -r constraints.txt && $(PIP) install --no-deps -e . && touch $@; \
	status=$$?; echo "install: $$(( $$(date +%s) - start )) s"; exit $$status

$(VENV)/installed-dev: $(VENV)/installed constraints-dev.txt
	@$(PIP) install --require-hashes -r constraints-dev.txt && touch $@

$(VENV)/installed-bench: $(VENV)/installed-dev
	@$(PIP) install -e '.[bench]' && touch $@

demo: $(VENV)/installed
	@$(BIN)/governance run --telemetry data/sample --quarter latest

test: $(VENV)/installed-dev
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile

lint: $(VENV)/installed-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

ui: $(VENV)/installed
	@$(BIN)/governance ui --port $(PORT)

bench: $(VENV)/installed-bench
	@$(BIN)/python -m benchmarks

kills: $(VENV)/installed-dev
	@$(BIN)/python -m governance_assets_tests.campaigns

drain-kills: $(VENV)/installed-dev
	@$(BIN)/python -m governance_assets_tests.campaigns.drain_kills

allocations: $(VENV)/installed-dev
	@$(BIN)/python -m governance_assets_tests.campaigns.allocation

replays: $(VENV)/installed-dev
	@$(BIN)/python -m governance_assets_tests.campaigns.replay

ten-years: $(VENV)/installed-dev
	@$(BIN)/python -m governance_assets_tests.campaigns.ten_years

tampering: $(VENV)/installed-dev
	@$(BIN)/python -m governance_assets_tests.campaigns tampering

everywhere: $(VENV)/installed-dev
	@$(BIN)/python -m pytest -q governance_assets_tests/campaigns/everywhere.py

sbc: $(VENV)/installed-dev
	@$(BIN)/python -m governance_assets_tests.campaigns.sbc

$(VENV)-pymc/installed:
	@test -x $(VENV)-pymc/bin/python || $(PYTHON) -m venv $(VENV)-pymc
	@$(VENV)-pymc/bin/python -m pip --disable-pip-version-check --quiet install 'pymc-marketing>=0.19,<2' nutpie && touch $@

mmm-peer: $(VENV)/installed-dev $(VENV)-pymc/installed
	@GOVERNANCE_PYMC_PYTHON=$(VENV)-pymc/bin/python $(BIN)/python -m benchmarks.mmm_peer

clean:
	rm -rf $(VENV) $(VENV)-pymc build dist *.egg-info
