# What all rules need: the library of this checkout, for this process and for the jobs it starts, and its errors.
import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
sys.path.insert(0, str(CHECKOUT / "src"))
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [sys.path[0], os.environ.get("PYTHONPATH")])))
if workflow.modifier.is_main_snakefile():  # jobs of a workflow that imports this one keep their settings
    os.environ.update(
        PYTHONSAFEPATH="1",  # a numpy.py in the directory of a run is not imported
        PYTHONOPTIMIZE="",  # Altair needs docstrings
        NUMBA_DISABLE_JIT="0",  # kernels that are not compiled take hours
        NUMBA_NUM_THREADS="1",  # Numba does not load with 0, and no kernel has threads of its own
        MPLBACKEND="agg",  # matplotlib does not load with a name that it does not know
    )

from ntk_core.execution.versions import library_digest
from ntk_core.workdir.run import RunError, check_start
from ntk_core.workdir.scheduling import keep_one_timer


def checked(function, *arguments):
    """What a function of the library gives; its error ends the call, without a line on where it was found."""
    try:
        return function(*arguments)
    except RunError as error:
        sys.exit(str(error))


def memory_and_time(request):
    """Entries of `resources`: what `request` makes of the wildcards, threads and attempt of a job."""
    return {
        "mem_mb": lambda wildcards, threads, attempt: request(wildcards, threads, attempt).mem_mb,
        "runtime": lambda wildcards, threads, attempt: request(wildcards, threads, attempt).runtime,
    }


def any_of(names):
    """A pattern for a wildcard: one of the names, and without names nothing."""
    return "|".join(names) or "(?!)"


def tables(folder, names, prefix=""):
    """Entries of `input`: the quantiles and rates of these experiments, below `folder`."""
    return {
        f"{prefix}{table}": [f"{folder}/{name}/{table}.nc" for name in names]
        for table in ("quantiles", "rates")
    }


LIBRARY = library_digest()  # tables, figures and pages are remade when it changes
