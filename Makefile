# Everything runs in .venv, which is created here. It needs only Python, pip and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: demo test bench fuzz lint types docs clean

demo: .venv/ready  ## check the programs in fixtures/demo, and show how they would be fixed
	$(BIN)/dbhygiene check fixtures/demo || test $$? -eq 1
	@echo
	$(BIN)/dbhygiene fix --diff fixtures/demo || test $$? -eq 1

test: lint types  ## run ruff, mypy and all tests
	$(BIN)/pytest -q -n auto --dist worksteal

bench: .venv/ready  ## compare with ruff, pylint and flake8 on 1.5 and 10 million lines, which it downloads
	$(BIN)/python -m bench

fuzz: .venv/ready  ## test the lifetime analysis against the oracle for an hour
	$(BIN)/python -m tests.oracle --programs 10000000 --minutes 60 --seed $$(date +%s)

docs: .venv/docs-ready  ## build the documentation; the first page is docs/_build/html/index.html
	$(BIN)/sphinx-build -W --keep-going --quiet -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

.venv/ready: requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/docs-ready: docs/requirements.txt .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check -r docs/requirements.txt
	@touch $@

clean:
	rm -rf docs/_build docs/_generated docs/rules .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .dbhygiene_cache build dist
	find dbhygiene tests -name __pycache__ -prune -exec rm -rf {} +
