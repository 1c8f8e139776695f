# Needs trained models and what they read; gives their tokens, on which fused variants are trained, and how
# well these do without one of their sources.


rule tokens:
    """Write the features of every clip, before they are pooled, in the views that a fusion uses."""
    input:
        model=rules.train.output.model,
        data=input_of,
        folds=folds_of,
    output:
        tokens=at(paths.tokens("{variant}", "{run}", "arrow")),
        manifest=at(paths.tokens("{variant}", "{run}")),
        record=at(paths.record("tokens", "{variant}", "{run}")),
    log:
        at(paths.log("tokens", "{variant}", "{run}")),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("tokens"),
        config=told(settings.token_step(CONFIG).given()),
        fold=fold_options,
    shell:
        "python scripts/tokens.py --config {params.config:q} --model {input.model:q}"
        " --input {input.data:q} {params.fold:q} --out {output.tokens:q}"
        " --manifest {output.manifest:q} --threads {threads} --record {output.record:q}"
        " 2> >(tee {log:q} >&2)"


rule missing_sources:
    """Predict test clips with each source of a fused variant taken away."""
    input:
        model=rules.train.output.model,
        data=input_of,
        folds=folds_of,
    output:
        csv=at(paths.missing_sources("{variant}", "{run}")),
        record=at(paths.record("missing_sources", "{variant}", "{run}")),
    log:
        at(paths.log("missing_sources", "{variant}", "{run}")),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("missing_sources"),
        config=told(CONFIG.testing.given()),
        fold=fold_options,
    shell:
        "python scripts/missing_sources.py --config {params.config:q} --model {input.model:q}"
        " --input {input.data:q} {params.fold:q} --out {output.csv:q} --threads {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"
