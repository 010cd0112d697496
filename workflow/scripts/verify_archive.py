"""An archive in, the digest of its manifest out, if every byte of it is as it was."""

from ntk_core.execution.job import begin

begin()

import json
import logging
import sys

from ntk_core.archive.reanalysis import parse_reanalysis
from ntk_core.archive.verify import check
from ntk_core.storage.atomic import write_text
from ntk_core.storage.printable import printable

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

reanalysis = parse_reanalysis(snakemake.config)
verification = check(reanalysis.path)
for fault in verification.faults:
    logging.error("%s: %s", fault.kind, fault.path)
if verification.faults:
    faults = ", ".join(f"{printable(fault.path)} ({fault.kind})" for fault in verification.faults[:5])
    sys.exit(f"The archive {reanalysis.path} fails verification: {faults}")
answer = {"manifest": reanalysis.manifest, "files": verification.files}
write_text(snakemake.output[0], json.dumps(answer) + "\n")
logging.info("%d files", verification.files)
