# Needs trained models and the skeleton store; gives what noise does to every variant, what a variant looks
# at, and the page that shows all of it.


rule robustness:
    """Predict test clips whose points were dropped, jittered and hidden."""
    input:
        model=rules.train.output.model,
        skeletons=rules.skeletons.output.clips,
        folds=folds_of,
    output:
        csv=f"{RESULTS}/robustness/{{variant}}/{{run}}.csv",
        record=f"{RESULTS}/provenance/robustness/{{variant}}/{{run}}.json",
    log:
        f"{RESULTS}/logs/robustness/{{variant}}/{{run}}.log",
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        code=code("robustness"),
        config=as_json(settings.robustness_slice(config)),
        fold=fold_options,
    shell:
        "python scripts/robustness.py --config {params.config:q} --model {input.model:q}"
        " --skeletons {input.skeletons:q} {params.fold:q} --out {output.csv:q} --threads {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule occlusion:
    """Hide points for a while and see how far the true class falls."""
    input:
        model=rules.train.output.model,
        skeletons=rules.skeletons.output.clips,
        folds=folds_of,
    output:
        json=f"{RESULTS}/occlusion/{{variant}}/{{run}}.json",
        record=f"{RESULTS}/provenance/occlusion/{{variant}}/{{run}}.json",
    log:
        f"{RESULTS}/logs/occlusion/{{variant}}/{{run}}.log",
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        code=code("occlusion"),
        config=as_json(settings.explain_slice(config)),
        fold=fold_options,
    shell:
        "python scripts/occlusion.py --config {params.config:q} --model {input.model:q}"
        " --skeletons {input.skeletons:q} {params.fold:q} --out {output.json:q} --threads {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"
