# Needs predictions and training metrics; gives the ablation table, the figures and the submission.


rule ablation_table:
    """Compare all variants and fusions, and judge the claims."""
    input:
        predictions=predictions_of(),
        metrics=expand(rules.train.output.metrics, variant=VARIANTS, run=RUNS),
        timing=expand(rules.train.output.timing, variant=VARIANTS, run=RUNS),
        classes=CONFIG.classes,
        summary=rules.skeletons.output.summary,
        shown=figure_files() + curve_files() + submission_files(),
        data_report=rules.data_report.output.md,
    output:
        md=at(paths.TABLE),
        csv=report(
            at(paths.TABLE_CSV),
            caption="../report/ablation_table.rst",
            category="Results",
        ),
        metrics=at(paths.METRICS),
        claims=at(paths.CLAIMS),
        record=at(paths.record("ablation_table")),
    log:
        at(paths.log("ablation_table")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("ablation_table"),
        config=told(settings.table_step(CONFIG).given()),
        results=subpath(input.summary, ancestor=2),
    shell:
        "python scripts/ablation.py --config {params.config:q} --results {params.results:q}"
        " --classes {input.classes:q} --summary {input.summary:q} --out-md {output.md:q}"
        " --out-csv {output.csv:q} --out-claims {output.claims:q}"
        " --out-json {output.metrics:q}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule figures:
    """Draw accuracy, recall of each class and the confusion matrix."""
    input:
        predictions=predictions_of(),
        metrics=expand(rules.train.output.metrics, variant=VARIANTS, run=RUNS),
        timing=expand(rules.train.output.timing, variant=VARIANTS, run=RUNS),
        classes=CONFIG.classes,
        summary=rules.skeletons.output.summary,
    output:
        report(figure_files(), caption="../report/figures.rst", category="Results"),
        pdf=figure_files("pdf"),
        record=at(paths.record("figures")),
    log:
        at(paths.log("figures")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("figures"),
        config=told(settings.figures_step(CONFIG).given()),
        results=subpath(output[0], ancestor=2),
        out=subpath(output[0], parent=True),
    shell:
        "python scripts/figures.py --config {params.config:q} --results {params.results:q}"
        " --classes {input.classes:q} --summary {input.summary:q} --out-dir {params.out:q}"
        " --record {output.record:q}"
        " 2> >(tee {log:q} >&2)"


rule curves:
    """Draw loss and accuracy of every network's training by epoch."""
    input:
        metrics=expand(rules.train.output.metrics, variant=NETWORKS, run=RUNS),
    output:
        report(curve_files(), caption="../report/curves.rst", category="Training"),
        csv=at(paths.CURVES),
        record=at(paths.record("curves")),
    log:
        at(paths.log("curves")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("curves"),
        out=subpath(output[0], parent=True),
    shell:
        "python scripts/curves.py --metrics {input.metrics:q} --out-dir {params.out:q}"
        " --out-csv {output.csv:q} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule submission:
    """Write the challenge's files, of the seed that is best on the validation clips or of all."""
    input:
        val=submitted("val"),
        test=submitted("test"),
        classes=CONFIG.classes,
        summary=rules.skeletons.output.summary,
    output:
        submission_files(),
        record=at(paths.record("submission")),
    log:
        at(paths.log("submission")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("submission"),
        seeds=CONFIG.seeds,
        submit=CONFIG.submission_seeds,
        out=subpath(output[0], parent=True),
    shell:
        "python scripts/submission.py --seeds {params.seeds} --submit {params.submit}"
        " --val {input.val:q} --test {input.test:q} --classes {input.classes:q} --summary {input.summary:q}"
        " --out-dir {params.out:q} --record {output.record:q} 2> >(tee {log:q} >&2)"
