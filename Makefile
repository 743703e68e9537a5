.DEFAULT_GOAL := help
.PHONY: help setup check lint format test slow release

help:  ## Print this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

setup:  ## Install the emulator, the tests and the linters into the active environment
	python -m pip install -e '.[test,dev]'

check: lint test  ## Check a change: the linters, then the default tests

lint:  ## Run the linters
	.ci/lint

format:  ## Format the code
	python -m ruff check --fix .
	python -m ruff format .

test:  ## Run the default tests
	python -m pytest -n auto --dist worksteal

slow:  ## Run the slow tests
	python -m pytest -m slow

release:  ## Check, and make what a release consists of in dist/; publishes nothing
	.ci/release
