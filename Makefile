# make run: the demo, from images to maps.  make test: lint, types and tests.  make bench: the figures of docs/speed.md.
# make test-slow: those that kill commands, damage files and use another backend, three minutes of a core.
# make test-numeric: those of the tests whose numbers depend on the processor's kernels; .ci/run runs them on several.
# make cases: the situations of ../shared/cases, if they are there.
# make soak: 200 kills and 34,000 damaged files, half an hour.
# make docs: README.md and docs/ as a site, into site/.
# make notebooks: runs the notebooks of docs/notebooks anew, a few minutes.
# make tables: the keys in docs/keys.md and net.conf, as the code has them.
# make lock: the exact versions of a fresh environment, into requirements.lock.
# make scale: Ray, for `engine = ray`.
# Each sets up what it needs first.
PYTHON ?= python3
VENV := .venv
DOCS := .venv-docs
JUPYTER := .venv-notebooks
INSTALL := -m pip install --quiet --disable-pip-version-check
PIP := $(VENV)/bin/python $(INSTALL)
# Of requires-python in pyproject.toml; any Python understands it.
CHECK := import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit( \
	"Python 3.11, 3.12 or 3.13 is needed, found %d.%d; name one: make PYTHON=python3.12" % v)
# Into an environment: what requirements.txt says, without the Jupyter that Hyperas asks for and does not use here.
define program
grep -v '^hyperas' requirements.txt > $(1)/requirements.txt
$(1)/bin/python $(INSTALL) -r $(1)/requirements.txt
$(1)/bin/python $(INSTALL) --no-deps `grep '^hyperas' requirements.txt`
endef
# The tests start some hundred processes, each of which would compile the program anew where no byte code is kept.
PYTEST := PYTHONDONTWRITEBYTECODE= $(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
NUMERIC := $(addprefix tests/, contracts/test_distances_contract.py hscd/demo/test_demo.py hscd/explanation \
	hscd/heads/test_distances.py hscd/heads/test_tensor_angles.py hscd/learn hscd/scenes/test_scaling.py test_fine_tuning.py \
	test_large_scene.py test_masked_pixels.py hscd/losses hscd/thresholds/test_empirical_null.py test_resuming.py test_siamese.py)
SLOW := $(addprefix tests/, test_soak.py test_fuzz.py test_transfer_notebook.py \
	hscd/models/test_models.py::test_killed_at_any_step_the_two_files_are_of_one_model hscd/learn/test_epochs.py::test_backends_agree \
	hscd/learn/test_contract.py::test_the_contract_holds_on_other_backends)

.PHONY: run test test-slow test-numeric cases bench soak lint format tables docs notebooks lock scale clean

run: $(VENV)/.run
	$(VENV)/bin/python Net/run_demo.py

test: lint
	$(PYTEST) $(addprefix --deselect=,$(SLOW))

test-slow: $(VENV)/.test
	$(PYTEST) $(SLOW)

test-numeric: $(VENV)/.test
	$(PYTEST) $(NUMERIC) $(addprefix --deselect=,$(SLOW))

cases: $(VENV)/.test
	tests/run_cases.sh $(VENV)/bin/python

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

tables: $(VENV)/.run
	cd Net && $(abspath $(VENV))/bin/python -m settings.tables --write

docs: $(DOCS)/.docs
	$(DOCS)/bin/mkdocs build --quiet --strict

notebooks: $(JUPYTER)/.notebooks
	cd docs/notebooks && PYTHONPATH=$(abspath Net) TF_CPP_MIN_LOG_LEVEL=3 $(abspath $(JUPYTER))/bin/jupyter nbconvert \
		--to notebook --execute --inplace --ExecutePreprocessor.record_timing=False *.ipynb

lock:
	@$(PYTHON) -c '$(CHECK)'
	$(PYTHON) -m venv --clear .venv-lock
	$(call program,.venv-lock)
	{ sed '/^[^#]/d' requirements.lock && .venv-lock/bin/python -m pip freeze; } > .venv-lock/lock
	mv .venv-lock/lock requirements.lock
	rm -rf .venv-lock

$(VENV)/.run: requirements.txt
	@$(PYTHON) -c '$(CHECK)'
	$(PYTHON) -m venv $(VENV)
	$(call program,$(VENV))
	touch $@

$(VENV)/.test: requirements-dev.txt $(VENV)/.run
	$(PIP) -r requirements-dev.txt
	touch $@

scale: $(VENV)/.scale

$(VENV)/.scale: requirements-scale.txt $(VENV)/.run
	$(PIP) -r requirements-scale.txt
	touch $@

# Of its own: the pages need none of the program's packages.
$(DOCS)/.docs: requirements-docs.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	touch $@

# Jupyter stays out of the program's environment, whose packages are seen from here.
$(JUPYTER)/.notebooks: requirements-notebooks.txt $(VENV)/.run
	$(PYTHON) -m venv $(JUPYTER)
	$(JUPYTER)/bin/python $(INSTALL) -r requirements-notebooks.txt
	$(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> `$(JUPYTER)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'`/program.pth
	touch $@

clean:
	rm -rf $(VENV) $(DOCS) $(JUPYTER) .venv-lock build Net/*.egg-info *.egg-info site Net/data/demo_a Net/data/demo_b .pytest_cache .mypy_cache .ruff_cache
