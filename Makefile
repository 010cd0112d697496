# `make run` and `make test` set up .venv from the hash-pinned lock first, where it is missing or stale.
# ARGS="…" hands further arguments to what `make run` and the benchmarks call.
PYTHON ?= python3
ARGS ?=
unexport PYTHONDONTWRITEBYTECODE  # else every process compiles anew what set-up left out
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKS := requirements.lock requirements-uv.lock pyproject.toml
BENCH_VENV := .venv-bench
BENCH_BIN := $(BENCH_VENV)/bin
BENCH_READY := $(BENCH_VENV)/.ready
AUTODIFF_VENV := .venv-autodiff
AUTODIFF_BIN := $(AUTODIFF_VENV)/bin
AUTODIFF_READY := $(AUTODIFF_VENV)/.ready

# The programs of .venv call its Python by path: where the checkout was moved or copied, .venv is made anew.
MOVED := $(shell test -f $(BIN)/snakemake && ! test -L $(VENV) && ! grep -qF '$(CURDIR)/$(BIN)/' $(BIN)/snakemake && echo yes)
ifdef MOVED
  .PHONY: $(READY)
  CLEAR := --clear
endif

.PHONY: run test test-autodiff test-pythons docs bench bench-compare bench-pipeline bench-cpu lint format lock \
	bench-lock licences sbom schema clean

run: $(READY)
	$(BIN)/snakemake --cores all $(ARGS)

# Three processes on two cores: many tests wait for something, as for a queue or a browser.
test: $(READY)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

# The definitions against JAX, PyTorch and neural-tangents: a minute, in an environment of its own.
test-autodiff: $(AUTODIFF_READY)
	$(AUTODIFF_BIN)/python -m pytest -r s tests/test_autodiff.py

# The numerical tests and the smallest grid by every other Python that makes environments here, each in one of its own.
OTHERS = $(shell ours=$$($(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])'); \
	for python in python3.11 python3.12 python3.13 python3.14; do \
		[ $$python = $$ours ] || ! $$python -c "import ensurepip" 2>/dev/null || echo .venv-$$python; \
	done)
.SECONDEXPANSION:  # so that they are looked for when this target is made, and for no other
test-pythons: $(READY) $$(addsuffix /.ready,$$(OTHERS))
	$(BIN)/python -m pytest -vv -r s --numprocesses 2 tests/pythons.py

# The race of one run against the tools people use: a few minutes, in an environment of its own.
bench: $(BENCH_READY)
	$(BENCH_BIN)/python -m benchmarks race $(ARGS)

# The whole workflow against what it cannot do without: 10^8 stored runs, some minutes, 8 GB of disk; then 10^9
# aggregated ones, a quarter of an hour. One of them with ARGS="--routes runs" or aggregates.
bench-pipeline: $(READY)
	$(BIN)/python -m benchmarks pipeline $(ARGS)

# CPU time of whole calls, in units of a fixed workload; beside another checkout with ARGS="--against PATH".
bench-cpu: $(READY)
	$(BIN)/python -m benchmarks cpu $(ARGS)

# Our samplers again, relative to the floor, against the stored result; fails where one is slower.
bench-compare: $(BENCH_READY)
	$(BENCH_BIN)/python -m benchmarks compare $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/snakemake --lint
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/python -m repo_review --show err .

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/Snakefile workflow/rules
	$(BIN)/ruff check --fix .

EXTRAS := --extra workflow --extra cluster --extra zarr --extra notebook --group pyproject.toml:dev

# The versions of requirements.lock, and beside them what the group `autodiff` needs but PyTorch, whose lock is below.
AUTODIFF_LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate $(UPGRADE) --excludes tests/autodiff-excluded.txt --constraint requirements.lock \
	--extra workflow --group pyproject.toml:autodiff pyproject.toml tests/autodiff.in --output-file tests/autodiff.lock

# Anew from pyproject.toml: the newest versions that fit, with hashes, without registry addresses. Then: make licences.
# With UPGRADE= the versions stay as they are where they fit.
UPGRADE := --upgrade
lock: $(READY) bench-lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --excludes requirements-excluded.txt $(EXTRAS) $(UPGRADE) pyproject.toml \
		--output-file requirements.lock
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate $(UPGRADE) - --output-file requirements-uv.lock
	$(AUTODIFF_LOCK)

# One NumPy for ours and the peers. PyTorch apart: its wheels on the registry need gigabytes of CUDA libraries on
# x86_64 Linux, so there the lock asks for the CPU build, which pip finds where it is offered. That build has a file, and
# so a hash, for each Python; the hashes here are the only ones that install, on any other Python pip refuses and the
# environments go without PyTorch. To add one, write the digest that `pip hash` prints of the file here as well.
TORCH := 2.13.0
TORCH_CPU := sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
bench-lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate $(UPGRADE) --excludes benchmarks/excluded.txt \
		--extra figures pyproject.toml benchmarks/requirements.in --output-file benchmarks/requirements.lock
	echo "torch==$(TORCH)+cpu ; sys_platform == 'linux' and platform_machine == 'x86_64'" \
		"$(TORCH_CPU:%=--hash=%)" > benchmarks/torch.lock
	echo "torch==$(TORCH) ; sys_platform != 'linux' or platform_machine != 'x86_64'" | \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --no-deps - >> benchmarks/torch.lock

# The licences of what requirements.lock installs, as a page; and all of it as a CycloneDX bill of materials, sbom.json.
licences: $(READY)
	$(BIN)/python -m tools.supply licences

sbom: $(READY)
	$(BIN)/python -m tools.supply sbom

# The pages as a site that opens from disk, site/index.html; a broken link fails.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# The published JSON schema of the config, from the typed model that checks it.
schema: $(READY)
	$(BIN)/python -m ntk_core.experiments.config > workflow/schemas/config.schema.json

clean:
	rm -rf .venv .venv-* site

$(READY): $(LOCKS)
	$(if $(word 2,$(CURDIR)),$(error $(CURDIR) has a space, and Snakemake calls Python by this path: move the checkout to a path without))
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"$(PYTHON) is Python {sys.version_info[0]}.{sys.version_info[1]}: ntk-core needs 3.11 or newer, as in: make PYTHON=python3.11 run")'
	$(PYTHON) -m venv $(CLEAR) $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-uv.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m tools.bytecode
	$(BIN)/python -m ntk_core.sampling.kernels
	touch $@

# What uv installs, it installs fast and, as the lock leaves some out on purpose (benchmarks/excluded.txt), without
# dependencies. PyTorch by pip: only pip looks where a machine's own configuration offers a CPU build of it.
TORCH_MISSING := PyTorch is left out: pip got no file of it whose hash is in benchmarks/torch.lock (its error is above)
$(BENCH_READY): benchmarks/requirements.lock benchmarks/torch.lock pyproject.toml | $(READY)
	$(PYTHON) -m venv $(BENCH_VENV)
	VIRTUAL_ENV=$(BENCH_VENV) $(BIN)/uv pip install --quiet --no-deps --require-hashes \
		--requirement benchmarks/requirements.lock
	VIRTUAL_ENV=$(BENCH_VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BENCH_BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement benchmarks/torch.lock || \
		echo "$(TORCH_MISSING)"
	touch $@

# JAX of this lock has wheels for Python 3.11 to 3.13; a newer Python goes without it.
$(AUTODIFF_READY): tests/autodiff.lock benchmarks/torch.lock pyproject.toml | $(READY)
	$(PYTHON) -m venv $(AUTODIFF_VENV)
	VIRTUAL_ENV=$(AUTODIFF_VENV) $(BIN)/uv pip install --quiet --no-deps --require-hashes --requirement tests/autodiff.lock
	VIRTUAL_ENV=$(AUTODIFF_VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(AUTODIFF_BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement benchmarks/torch.lock || \
		echo "$(TORCH_MISSING)"
	touch $@

.venv-python%/.ready: $(LOCKS)
	$(MAKE) PYTHON=python$* VENV=.venv-python$* $@
