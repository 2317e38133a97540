# The course in a few commands. `make` alone explains them.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Choose with `make PYTHON=python3.12 …`; else the first of python3.11, 3.12, 3.13, python3 is taken.
PYTHON ?=
# `make TORCH=cpu …` installs the small build of PyTorch (0.7 GB in all, against 5.5 GB).
TORCH ?=
# `make PLATFORM="linux-x86_64 windows-x86_64" bundle`; also PYTHON_VERSION=3.12, TORCH_INDEX=URL.
PLATFORM ?=
PYTHON_VERSION ?=
TORCH_INDEX ?=
# `make colab-check CHAPTERS="03 11" ENVIRONMENTS=lowest` runs less.
CHAPTERS ?=
ENVIRONMENTS ?=

.DEFAULT_GOAL := help
.PHONY: help setup book pdf test lab labs grade bundle lint format colab-check clean

help: ## say what can be made (this list)
	@echo "usage: make TARGET [TORCH=cpu] [PYTHON=python3.12]"
	@echo
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  TORCH=cpu installs the small PyTorch: 0.7 GB instead of 5.5 GB; the course needs no more."
	@echo "  PLATFORM=windows-x86_64 (linux-x86_64, linux-aarch64, macos-arm64, or several in quotes),"
	@echo "  PYTHON_VERSION=3.12 and TORCH_INDEX=URL (or pypi) are for the bundle."

setup: $(STAMP) ## make the environment (.venv) and install the course in it

book: $(STAMP) ## execute every chapter and build the site, warnings as errors
	@$(BIN)/python tools/build_book.py

pdf: book ## print the book and each chapter to _build/pdf (needs a Chromium or Chrome)
	@$(BIN)/python tools/build_pdf.py

test: $(STAMP) ## lint, build the book, test the library, the notebooks and the pages
	@$(BIN)/python tools/run_tests.py

lab: $(STAMP) ## open the chapters in JupyterLab
	@$(BIN)/jupyter lab notebooks

labs: $(STAMP) ## make the labs for students in _build/labs, and prove each (LABS="04 05" for some)
	@$(BIN)/python tools/labs.py $(LABS)

grade: $(STAMP) ## grade a class's lab: make grade LAB=04_losses FROM=folder/of/submissions
	@$(BIN)/python tools/grade.py "$(LAB)" "$(FROM)"

bundle: $(STAMP) ## collect book, notebooks, data and wheels for laptops without a network
	@$(BIN)/python tools/bundle.py $(PLATFORM) $(if $(PYTHON_VERSION),--python $(PYTHON_VERSION)) \
		$(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))

lint: $(STAMP) ## check style and spelling only (seconds)
	@$(BIN)/python tools/run_tests.py lint

format: $(STAMP) ## lay out code and notebooks, strip outputs, write the repository's address
	@$(BIN)/python tools/repository.py
	@$(BIN)/python tools/strip_outputs.py
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

colab-check: $(STAMP) ## run every chapter on Colab's versions and on the lowest ones (network, an hour)
	@TORCH="$(TORCH)" $(BIN)/python -m tools.colab_check $(CHAPTERS) $(if $(ENVIRONMENTS),--environments $(ENVIRONMENTS))

clean: ## remove the site and its cache (the environment stays: rm -r .venv)
	rm -rf _build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find aelib book benchmarks notebooks tests tools -name __pycache__ -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt tools/setup.sh
	@sh tools/setup.sh "$(VENV)" "$(PYTHON)" "$(TORCH)"
	@touch $@
