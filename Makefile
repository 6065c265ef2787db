# make run: the demo, from images to maps.  make test: lint, types and tests.  make bench: the figures of the README.
# make soak: 200 kills and 34,000 damaged files, half an hour.
# Each sets up what it needs first.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test bench soak lint format clean

run: $(VENV)/.run
	$(VENV)/bin/python Net/run_demo.py

test: lint
	$(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder

bench: $(VENV)/.run
	$(VENV)/bin/python benchmarks

soak: $(VENV)/.test
	PYTHONPATH=Net $(VENV)/bin/python tests/soak.py

lint: $(VENV)/.test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(VENV)/.test
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

$(VENV)/.run: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.txt
	touch $@

$(VENV)/.test: requirements-dev.txt $(VENV)/.run
	$(PIP) -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) Net/data/demo_a Net/data/demo_b .pytest_cache .mypy_cache .ruff_cache
