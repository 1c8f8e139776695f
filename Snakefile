# Micro-gesture recognition: from raw skeletons to the ablation table and the fused submission.
#
#   snakemake --cores all                                     the embedded data set
#   snakemake --cores all --configfile config/imigue.yaml     another config, with results of its own;
#                                                             a target goes before --configfile


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/lineage.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/video.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/heatmaps.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/fusion.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/evidence.smk"
include: "workflow/rules/online.smk"
include: "workflow/rules/emotion.smk"


rule all:
    default_target: True
    input:
        at(paths.TABLE),
        at(paths.PAGE),
        [at(paths.ONLINE_TABLE), at(paths.ONLINE_PAGE)] if CONFIG.detectors else [],
        emotion_results(),
