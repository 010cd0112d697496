"""All experiments in, the judged statements out."""

from ntk_core.execution.job import begin

begin()

import logging
from pathlib import Path

from ntk_core.claims import LEDGER, claim, open_results, to_json
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.storage.atomic import write_text

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    execution = parse_config(snakemake.config).execution
    folders = [Path(path).parent for path in snakemake.input.rates]
    with workers(execution, snakemake.threads) as executors:
        results = open_results(folders, executors)
        claims = [claim(name, results) for name in LEDGER]
    write_text(snakemake.output[0], to_json(claims))
    for judged in claims:
        logging.info("%s: %s", judged.id, judged.verdict)
