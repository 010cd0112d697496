# The workflow is in workflow/Snakefile, where other workflows find it too.
include: "workflow/Snakefile"


workflow.default_target = "all"  # an included file cannot say so
