# Two commands do all the set-up: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/pip --disable-pip-version-check

.PHONY: install run test test-extras campaign test-tools office lint clean
.DELETE_ON_ERROR:

run: install
	$(VENV)/bin/footnote serve

install: $(VENV)/.installed

test: $(VENV)/.installed-for-tests test-tools lint
	$(VENV)/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder

# What optional packages bring, against the packages themselves.
test-extras: $(VENV)/.installed-extras test-tools office
	$(VENV)/bin/pytest tests/extras

# The long form of some tests: more damaged files, kills, hostile answers, questions and requests. Hours, not minutes.
# HOSTILE may name a folder with lists of hostile strings, one a line, to be added.
campaign: $(VENV)/.installed-for-tests test-tools
	$(VENV)/bin/pytest -s tests/test_damaged_files.py --damaged-files 10000
	$(VENV)/bin/pytest -s tests/test_kill.py --kills 200
	$(VENV)/bin/pytest -s tests/test_hostile_answers.py --hostile-answers 15000 $(if $(HOSTILE),--hostile-lists $(HOSTILE))
	$(VENV)/bin/pytest -s tests/test_isolation.py --isolation-questions 2000
	$(VENV)/bin/pytest -s tests/test_openapi.py --api-cases 5000

lint: $(VENV)/.installed-for-tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)
	@echo "Installing into $(VENV). This takes about a minute."
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-for-tests: pyproject.toml constraints.txt | $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test,ocr]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-extras: pyproject.toml constraints.txt | $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test,ocr,unstructured,e5,sentence-transformers,transformers,bge,model2vec,spacy,gensim,pymilvus,llama]'
	touch $@ $(VENV)/.installed-for-tests $(VENV)/.installed

# Debian's python3 comes without venv; virtualenv from the package index does the same.
$(VENV):
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  $(PYTHON) -m pip install --quiet --user --break-system-packages virtualenv && $(PYTHON) -m virtualenv $(VENV); }

# The tests drive a real browser and watch the network with strace; recognition wants Tesseract's data. Installed where we may; the tests say so where they are missing.
test-tools:
	@for tool in chromium strace; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	command -v tesseract >/dev/null || missing="$$missing tesseract-ocr"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing fonts-liberation >/dev/null; \
	  else echo "Not installed, and not ours to install:$$missing. Their tests are skipped."; fi; \
	fi

# LibreOffice reads .doc and .ppt: 90 MB to fetch, a minute to install.
office:
	@if ! command -v soffice >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	      libreoffice-writer-nogui libreoffice-impress-nogui >/dev/null; \
	  else echo "LibreOffice is not installed, and not ours to install. Its tests are skipped."; fi; \
	fi

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
