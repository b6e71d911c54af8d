# Two commands matter: `make demo` (the whole study on simulated scans) and `make test`.
# Each sets up .venv by itself with the versions of constraints.txt.

PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
  && { echo $$p; break; }; done)
comma := ,
COMPILER := $(shell command -v cc || command -v gcc || command -v clang)
EXTRAS := lightning,monai,dicom,cluster,notebooks$(if $(COMPILER),$(comma)engines)
BIN := .venv/bin
READY := .venv/.ready

export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test lint docs bench clean

demo: $(READY)
	$(BIN)/causalimg demo --folder demo

test: $(READY) lint
	$(BIN)/python -m pytest -q -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/python -m pip install -q -c constraints.txt --group docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python docs/check_links.py docs/_build/html

bench: $(READY)
	$(BIN)/python benchmarks/phantom_truth.py

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "causalimg needs Python 3.11, 3.12 or 3.13, and none is on the PATH."; \
	  echo "Install one (Debian: apt-get install python3 python3-venv) or run 'make PYTHON=/path/to/python3.11'."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module."; \
	  echo "Install it (Debian: apt-get install python3-venv)."; exit 1; }
	@test -n "$(COMPILER)" || { \
	  echo "No C compiler: PyRadiomics, which the tests compare with, is left out, and those tests skip."; \
	  echo "To have it, install one (Debian: apt-get install gcc python3-dev; macOS: xcode-select --install)"; \
	  echo "and run 'make clean' first."; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check "pip>=25.1"
	$(BIN)/python -m pip install -q -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[$(EXTRAS)]" --group test
	@touch $@

clean:
	rm -rf .venv demo build dist docs/_build .pytest_cache .mypy_cache .ruff_cache
