"""`python -m ntk_core.claims ID…` judges statements, from the results folder and the exact laws."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..datasets.validation import ResultsError
from ..laws.queries import allowed_names
from ..storage.output import write_line
from ..storage.printable import print_any_character, printable
from . import LEDGER, claim, open_results
from .wording import as_text


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    command = argparse.ArgumentParser(prog="python -m ntk_core.claims", description=__doc__)
    command.add_argument("id", nargs="*", help="one of " + ", ".join(LEDGER) + "; all by default")
    command.add_argument("--results", type=Path, default=Path("results"), help="the archived results")
    return command


def main(arguments: list[str] | None = None) -> int:
    """Print the judgement on each named statement, or on all; 2 for an unknown one, or unreadable results."""
    print_any_character()
    command = parser()
    options = command.parse_args(arguments)
    if not options.results.is_dir() and options.results != command.get_default("results"):
        command.error(f"{options.results} is no folder of results")
    unknown = [name for name in options.id if name not in LEDGER]
    if unknown:
        command.error(f"there is no statement {unknown[0]}; {allowed_names(unknown[0], LEDGER)}")
    try:
        _judge(options.id or list(LEDGER), options.results)
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
        archive = open_results(folders, executors)
        experiments = [item.experiment.name for item in (*archive.experiments, *archive.balls)]
        experiments += [item.experiment.name for item in archive.trainings]
        listed = ", ".join(experiments) or f"none in {results}; exact laws and draws only"
        write_line(f"Archived experiments: {listed}", sys.stdout)
        for name in names:
            write_line("\n" + as_text(claim(name, archive)), sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
