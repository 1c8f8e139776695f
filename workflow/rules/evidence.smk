# Needs trained models and the skeleton store; gives what noise does to every variant, what a variant looks
# at, and the page that shows all of it.


rule robustness:
    """Predict test clips whose points were dropped, jittered, hidden and found by another detector."""
    input:
        model=rules.train.output.model,
        sources=source_models_of,
        skeletons=rules.skeletons.output.clips,
        crops=crops_seen_by,
        folds=folds_of,
    output:
        csv=at(paths.robustness("{variant}", "{run}")),
        record=at(paths.record("robustness", "{variant}", "{run}")),
    log:
        at(paths.log("robustness", "{variant}", "{run}")),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("robustness"),
        config=told(given(settings.robustness_step(CONFIG))),
        crops=lambda wildcards, input: (["--crops", input.crops] if input.crops else []),
        fold=fold_options,
    shell:
        "python scripts/robustness.py --config {params.config:q} --model {input.model:q}"
        " --skeletons {input.skeletons:q} {params.crops:q} {params.fold:q} --out {output.csv:q}"
        " --threads {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule occlusion:
    """Hide points for a while and see how far the true class falls."""
    input:
        model=rules.train.output.model,
        skeletons=rules.skeletons.output.clips,
        folds=folds_of,
    output:
        json=at(paths.occlusion("{variant}", "{run}")),
        record=at(paths.record("occlusion", "{variant}", "{run}")),
    log:
        at(paths.log("occlusion", "{variant}", "{run}")),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("occlusion"),
        config=told(given(settings.occlusion_step(CONFIG))),
        fold=fold_options,
    shell:
        "python scripts/occlusion.py --config {params.config:q} --model {input.model:q}"
        " --skeletons {input.skeletons:q} {params.fold:q} --out {output.json:q} --threads {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule model_cards:
    """Write a card beside every trained model: what it is, how good it is, and its limits."""
    input:
        model=expand(rules.train.output.model, variant=VARIANTS, run=RUNS),
        metrics=expand(rules.train.output.metrics, variant=VARIANTS, run=RUNS),
        predictions=expand(
            "{results}/predict/{variant}/{run}/{split}.parquet",
            results=RESULTS,
            variant=VARIANTS,
            run=RUNS,
            split=["val", "test"],
        ),
        robustness=robustness_files(),
        summary=rules.skeletons.output.summary,
        classes=config["classes"],
    output:
        cards=card_files(),
        record=f"{RESULTS}/provenance/model_cards.json",
    log:
        f"{RESULTS}/logs/model_cards.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("model_cards"),
        config=told(settings.cards_step(CONFIG).given()),
        results=subpath(input.summary, ancestor=2),
    shell:
        "python scripts/cards.py --config {params.config:q} --results {params.results:q}"
        " --classes {input.classes:q} --summary {input.summary:q}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule report_page:
    """Write the page that shows all results and needs nothing else."""
    input:
        predictions=predictions_of(),
        metrics=expand(rules.train.output.metrics, variant=VARIANTS, run=RUNS),
        timing=expand(rules.train.output.timing, variant=VARIANTS, run=RUNS),
        figures=figure_files(),
        robustness=robustness_files(),
        occlusion=occlusion_files(),
        missing_sources=missing_sources_files(),
        cards=card_files(),
        data_report=rules.data_report.output.md,
        skeletons=rules.skeletons.output.clips,
        crops=crops_of_videos(),
        summary=rules.skeletons.output.summary,
        classes=CONFIG.classes,
        layouts=layouts_in_use(),
    output:
        html=report(
            at(paths.PAGE),
            caption="../report/results_page.rst",
            category="Results",
        ),
        figures=report(
            directory(at(paths.PAGE_FIGURES)),
            patterns=["{figure}.png"],
            caption="../report/page_figures.rst",
            category="Results",
            labels={"figure": "{figure}"},
        ),
        record=at(paths.record("report")),
    log:
        at(paths.log("report")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("report_page"),
        config=told(settings.page_step(CONFIG).given()),
        crops=lambda wildcards, input: (["--crops", input.crops] if input.crops else []),
        results=subpath(output.html, parent=True),
    shell:
        "python scripts/report.py --config {params.config:q} --results {params.results:q}"
        " --classes {input.classes:q} --summary {input.summary:q} --skeletons {input.skeletons:q}"
        " {params.crops:q} --layouts {input.layouts:q} --out {output.html:q} --figures {output.figures:q}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"
