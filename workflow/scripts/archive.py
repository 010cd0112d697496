"""Results, config and sources in, one archive out."""

from ntk_core.execution.job import begin

begin()

import logging
from pathlib import Path

from ntk_core.archive.write import bundle
from ntk_core.experiments.config import parse_config

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

checkout = Path(snakemake.scriptdir).resolve().parents[1]
results = [Path(path) for path in snakemake.input.results]
root = results[0].parents[1]  # above <experiment>/runs.nc
bundle(results, root, parse_config(snakemake.config), checkout, Path(snakemake.output[0]).with_suffix(""))
logging.info("%d bytes", Path(snakemake.output[0]).stat().st_size)
