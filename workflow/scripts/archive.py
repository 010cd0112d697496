"""Results, config and sources in, one archive out."""

import logging
from pathlib import Path

from ntk_core.archive.write import bundle
from ntk_core.experiments.config import parse_config

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

checkout = Path(snakemake.scriptdir).resolve().parents[1]
results = map(Path, snakemake.input.results)
bundle(results, Path("results"), parse_config(snakemake.config), checkout, Path("archive"))
logging.info("%d bytes", Path(snakemake.output[0]).stat().st_size)
