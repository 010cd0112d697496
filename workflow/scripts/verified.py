"""An archive in, the digest of its manifest out, if every byte of it is as it was."""

from ntk_core.execution.job import begin

begin()

import json
import logging
import sys
from pathlib import Path

from ntk_core.archive.reanalysis import parse_reanalysis
from ntk_core.archive.verify import NoManifestError, check
from ntk_core.storage.atomic import replacing
from ntk_core.storage.printable import printable

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

path = parse_reanalysis(snakemake.config).path
try:
    found = check(path)
except NoManifestError as error:
    sys.exit(f"The archive cannot be verified: {error}")
for fault in found.faults:
    logging.error("%s: %s", fault.kind, fault.path)
if found.faults:
    faults = ", ".join(f"{printable(fault.path)} ({fault.kind})" for fault in found.faults[:5])
    sys.exit(f"The archive {path} fails verification: {faults}")
with replacing(snakemake.output[0]) as beside:
    Path(beside).write_text(json.dumps({"manifest": snakemake.params.manifest, "files": found.files}) + "\n")
logging.info("%d files", found.files)
