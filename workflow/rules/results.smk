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
        md=f"{RESULTS}/ablation_table.md",
        csv=report(
            f"{RESULTS}/ablation_table.csv",
            caption="../report/ablation_table.rst",
            category="Results",
        ),
        metrics=f"{RESULTS}/metrics.json",
        claims=f"{RESULTS}/claims.csv",
        record=f"{RESULTS}/provenance/ablation_table.json",
    log:
        f"{RESULTS}/logs/ablation_table.log",
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
        pdf=[file.replace(".png", ".pdf") for file in figure_files()],
        record=f"{RESULTS}/provenance/figures.json",
    log:
        f"{RESULTS}/logs/figures.log",
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
    """Draw loss and accuracy of every training by epoch."""
    input:
        metrics=expand(rules.train.output.metrics, variant=VARIANTS, run=RUNS),
    output:
        report(curve_files(), caption="../report/curves.rst", category="Training"),
        csv=f"{RESULTS}/curves.csv",
        record=f"{RESULTS}/provenance/curves.json",
    log:
        f"{RESULTS}/logs/curves.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("curves"),
        out=subpath(output[0], parent=True),
    shell:
        "python scripts/curves.py --metrics {input.metrics:q} --out-dir {params.out:q}"
        " --out-csv {output.csv:q} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule submission:
    """Write the challenge's files from the seed that is best on the validation clips."""
    input:
        val=submitted("val"),
        test=submitted("test"),
        classes=CONFIG.classes,
        summary=rules.skeletons.output.summary,
    output:
        submission_files(),
        record=f"{RESULTS}/provenance/submission.json",
    log:
        f"{RESULTS}/logs/submission.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("submission"),
        seeds=CONFIG.seeds,
        out=subpath(output[0], parent=True),
    shell:
        "python scripts/submission.py --seeds {params.seeds} --val {input.val:q}"
        " --test {input.test:q} --classes {input.classes:q} --summary {input.summary:q}"
        " --out-dir {params.out:q} --record {output.record:q} 2> >(tee {log:q} >&2)"
