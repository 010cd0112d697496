"""`python -m ntk_core.claims ID…` judges statements again, from the results folder and the exact laws."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..datasets.validation import ResultsError
from ..storage.printable import printable
from . import STATEMENTS, claim, open_results
from .wording import as_text


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    command = argparse.ArgumentParser(prog="python -m ntk_core.claims", description=__doc__)
    command.add_argument("id", nargs="*", help="one of " + ", ".join(STATEMENTS) + "; all by default")
    command.add_argument("--results", type=Path, default=Path("results"), help="the archived results")
    return command


def main(arguments: list[str] | None = None) -> int:
    """Print the judgement on each statement named, or on all. 2 for an unknown one, or no results."""
    command = parser()
    options = command.parse_args(arguments)
    unknown = [name for name in options.id if name not in STATEMENTS]
    if unknown:
        command.error(f"no statement {', '.join(unknown)}; allowed: {', '.join(STATEMENTS)}")
    try:
        _judge(options.id or list(STATEMENTS), options.results)
    except ResultsError as error:
        print(f"{command.prog}: {error}", file=sys.stderr)
        return 2
    except (KeyError, IndexError, ValueError) as error:
        message = f"{command.prog}: {options.results} lacks what this version writes: {error}"
        print(printable(message), file=sys.stderr)
        return 2
    return 0


def _judge(names: list[str], results: Path) -> None:
    from ..execution.workers import workers
    from ..experiments.execution_model import ExecutionModel

    folders = [path.parent for path in results.glob("*/rates.nc")]
    with workers(ExecutionModel(), 2) as executors:
        opened_results = open_results(folders, executors)
        experiments = [item.experiment.name for item in opened_results.experiments]
        experiments += [item.experiment.name for item in opened_results.trainings]
        listed = ", ".join(experiments)
        print(f"Archived experiments: {listed or f'none in {results}; exact laws and draws only'}")
        for name in names:
            print("\n" + as_text(claim(name, opened_results)))


if __name__ == "__main__":
    sys.exit(main())
