"""The config in, Snakemake's own report on the finished results out."""

from ntk_core.execution.job import begin

begin()

import json
import subprocess
import sys
from pathlib import Path

from ntk_core.execution.private_folder import temporary_folder

# A workflow that imports ours may have given its rules a prefix.
MODULE = """
module ntk:
    snakefile: {snakefile!a}
    config: config
    prefix: {prefix!a}

use rule * from ntk
"""

workflow = Path(snakemake.scriptdir).resolve().parent / "Snakefile"
root = Path(snakemake.output[0]).parents[1]
prefix = "" if root == Path() else str(root)
with temporary_folder() as folder, open(snakemake.log[0], "w") as log:
    snakefile, config = folder / "Snakefile", folder / "config.json"
    snakefile.write_text(MODULE.format(snakefile=str(workflow), prefix=prefix))
    config.write_text(json.dumps(snakemake.config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--configfile", config]
    report = ["--nolock", "--report", snakemake.output[0], "results"]
    subprocess.run([*command, *report], stdout=log, stderr=log, check=True)
