# `make run` and `make test` set up .venv from the hash-pinned lock first, where it is missing or stale.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH_BIN := .venv-bench/bin
BENCH_READY := .venv-bench/.ready
AUTODIFF_BIN := .venv-autodiff/bin
AUTODIFF_READY := .venv-autodiff/.ready
REFERENCE ?= benchmarks/results/bench.json

.PHONY: run test test-autodiff docs bench bench-compare bench-pipeline lint format lock bench-lock autodiff-lock \
	licences sbom schema clean

run: $(READY)
	$(BIN)/snakemake --cores all

# Three processes on two cores: many tests wait for something, as for a queue or a browser.
test: $(READY)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

# The definitions against JAX, PyTorch and neural-tangents: a minute, in an environment of its own.
test-autodiff: $(AUTODIFF_READY)
	$(AUTODIFF_BIN)/python -m pytest -r s tests/test_autodiff.py

# The race of one run against the tools people use: a few minutes, in an environment of its own.
bench: $(BENCH_READY)
	$(BENCH_BIN)/python -m benchmarks race

# The whole workflow against kernels and raw writing: a hundred million runs, some minutes, 7 GB of disk.
bench-pipeline: $(READY)
	$(BIN)/python -m benchmarks pipeline

# Our samplers anew, relative to the floor, against the stored result; fails where one is slower.
bench-compare: $(BENCH_READY)
	$(BENCH_BIN)/python -m benchmarks compare $(REFERENCE)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

EXTRAS := --extra workflow --extra cluster --extra zarr --extra docs --extra test

# Anew from pyproject.toml: the newest versions that fit, with hashes, without registry addresses. Then: make licences.
lock: $(READY) bench-lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header $(EXTRAS) --upgrade pyproject.toml --output-file requirements.lock
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --upgrade - --output-file requirements-uv.lock
	$(MAKE) autodiff-lock

# One NumPy for ours and the peers. PyTorch apart: its wheels on the registry need gigabytes of CUDA libraries on
# x86_64 Linux, so there the lock asks for the CPU build (hash: Python 3.11), which pip finds where it is offered.
TORCH := 2.13.0
TORCH_CPU := sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
bench-lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --upgrade --excludes benchmarks/excluded.txt \
		--extra figures pyproject.toml benchmarks/requirements.in --output-file benchmarks/requirements.lock
	echo "torch==$(TORCH)+cpu ; sys_platform == 'linux' and platform_machine == 'x86_64'" \
		"--hash=$(TORCH_CPU)" > benchmarks/torch.lock
	echo "torch==$(TORCH) ; sys_platform != 'linux' or platform_machine != 'x86_64'" | \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --no-deps - >> benchmarks/torch.lock

# The versions of requirements.lock, and beside them what the extra `autodiff` needs but PyTorch, whose lock is above.
autodiff-lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --upgrade --excludes tests/autodiff-excluded.txt --constraint requirements.lock \
		--extra workflow --extra autodiff pyproject.toml tests/autodiff.in --output-file tests/autodiff.lock

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
	$(BIN)/python -m ntk_core.config > workflow/schemas/config.schema.json

clean:
	rm -rf $(VENV) .venv-bench .venv-autodiff site

$(READY): requirements.lock requirements-uv.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-uv.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes \
		--requirement requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m ntk_core.kernels
	touch $@

# By pip, not uv: only pip looks where a machine's own configuration offers a CPU build of torch. Without
# dependencies, because the lock leaves some out on purpose (benchmarks/excluded.txt). A race without PyTorch says so.
$(BENCH_READY): benchmarks/requirements.lock benchmarks/torch.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv-bench
	$(BENCH_BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement benchmarks/requirements.lock
	$(BENCH_BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BENCH_BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement benchmarks/torch.lock || \
		echo "PyTorch stays out of the race: no CPU build of it was found"
	touch $@

# Fast by uv, where a lock has all; torch by pip, as above. JAX of this lock has wheels for Python 3.11 to 3.13.
$(AUTODIFF_READY): tests/autodiff.lock benchmarks/torch.lock pyproject.toml | $(READY)
	$(PYTHON) -m venv .venv-autodiff
	VIRTUAL_ENV=.venv-autodiff $(BIN)/uv pip install --quiet --no-deps --require-hashes --requirement tests/autodiff.lock
	VIRTUAL_ENV=.venv-autodiff $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(AUTODIFF_BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement benchmarks/torch.lock || \
		echo "PyTorch's tests are skipped: no CPU build of it was found"
	touch $@
