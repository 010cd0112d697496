# One job a shard: an experiment at one width, a range of seeds. The folder name is a digest of all
# else a shard depends on, so a shard is computed once and never taken for another.
rule simulate:
    output:
        "results/{experiment}/shards/{key}/m{m}_seeds{start}-{stop}.nc",
    log:
        "logs/{experiment}/simulate/{key}_m{m}_seeds{start}-{stop}.log",
    wildcard_constraints:
        experiment=any_of(PLAN.config.experiments),
        key=r"[0-9a-f]{10}",
        m=r"\d+",
        start=r"\d+",
        stop=r"\d+",
    # Costly shards first, so that no core idles at the end.
    priority: lambda wildcards: int(wildcards.m).bit_length()
    conda:
        "../../environment.yml"
    threads: EXECUTION.threads
    resources:
        **memory_and_time(
            lambda wildcards, threads, attempt: shard_request(
                PLAN.experiment(wildcards.experiment),
                int(wildcards.m),
                int(wildcards.stop) - int(wildcards.start),
                threads,
                attempt,
            )
        ),
    message:
        "Simulating {wildcards.experiment} at m = {wildcards.m}, seeds {wildcards.start} to {wildcards.stop}"
    script:
        "../scripts/simulate.py"


# All shards of an experiment in one file.
rule collect:
    input:
        shards=lambda wildcards: [PLAN.path(shard) for shard in PLAN.shards(wildcards.experiment)],
    output:
        runs="results/{experiment}/runs.nc",
    log:
        "logs/{experiment}/collect.log",
    wildcard_constraints:
        experiment=any_of(name for name in PLAN.config.experiments if PLAN.experiment(name).keep == "runs"),
    conda:
        "../../environment.yml"
    resources:
        **READING,
    params:
        spec=lambda wildcards: PLAN.identity(wildcards.experiment),
    message:
        "Collecting the runs of {wildcards.experiment}"
    script:
        "../scripts/collect.py"


# The same where only aggregates of the runs are kept: they add up.
use rule collect as add with:
    output:
        aggregates="results/{experiment}/aggregates.nc",
    log:
        "logs/{experiment}/add.log",
    wildcard_constraints:
        experiment=any_of(PLAN.config.experiments_with_aggregates),
    threads: EXECUTION.threads
    message:
        "Adding up the aggregates of {wildcards.experiment}"
