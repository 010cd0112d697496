"""Claims, datasets, figures, proofs and notes in, the article out."""

from ntk_core.execution.job import begin

begin()

import logging
from pathlib import Path

from ntk_core.claims.record import from_json
from ntk_core.pages.findings import render
from ntk_core.storage.atomic import write_text
from ntk_core.storage.netcdf import load_pairs

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

inputs = snakemake.input
claims = from_json(Path(inputs.claims).read_text(encoding="utf-8"))
experiments = load_pairs(inputs.quantiles, inputs.rates)
trainings = load_pairs(inputs.trained_quantiles, inputs.trained_rates)
proofs, notes = (Path(path).read_text(encoding="utf-8") for path in (inputs.proofs, inputs.notes))
figures, captions = (
    {Path(path).stem: Path(path).read_text(encoding="utf-8") for path in paths}
    for paths in (inputs.figures, inputs.captions)
)
page = render(claims, experiments, figures, captions, proofs, notes, trainings)
write_text(snakemake.output[0], page)
logging.info("%d claims, %d bytes", len(claims), len(page))
