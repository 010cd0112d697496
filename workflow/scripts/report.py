"""The config in, Snakemake's own report on the finished results out."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

snakefile = Path(snakemake.scriptdir).resolve().parents[1] / "Snakefile"
with tempfile.TemporaryDirectory() as folder, open(snakemake.log[0], "w") as log:
    config = Path(folder) / "config.json"
    config.write_text(json.dumps(snakemake.config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--configfile", config]
    report = ["--nolock", "--report", snakemake.output[0], "results"]
    subprocess.run([*command, *report], stdout=log, stderr=log, check=True)
