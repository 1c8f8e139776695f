# Needs trained models; gives class probabilities by clip id, of single variants and fused.


rule predict:
    """Predict validation and test clips, averaged over temporal views and mirror images."""
    input:
        model=rules.train.output.model,
        data=input_of,
        folds=folds_of,
    output:
        val=at(paths.predictions("{variant}", "{run}", "val")),
        test=at(paths.predictions("{variant}", "{run}", "test")),
        record=at(paths.record("predict", "{variant}", "{run}")),
    log:
        at(paths.log("predict", "{variant}", "{run}")),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("predict"),
        config=told(CONFIG.testing.given()),
        fold=fold_options,
        out=subpath(output.val, parent=True),
    shell:
        "python scripts/predict.py --config {params.config:q} --model {input.model:q}"
        " --input {input.data:q} {params.fold:q} --out {params.out:q} --threads {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule fuse:
    """Average the probabilities of several variants, joined by clip id."""
    input:
        val=members_of("val"),
        test=members_of("test"),
    output:
        val=at(paths.predictions("{fusion}", "{run}", "val")),
        test=at(paths.predictions("{fusion}", "{run}", "test")),
        record=at(paths.record("fuse", "{fusion}", "{run}")),
    log:
        at(paths.log("fuse", "{fusion}", "{run}")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("fuse"),
        config=told(
            lambda wildcards: settings.fusion_step(CONFIG, wildcards.fusion).given()
        ),
    shell:
        "python scripts/fuse.py --config {params.config:q} --val {input.val:q}"
        " --test {input.test:q} --out-val {output.val:q} --out-test {output.test:q}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


if CONFIG.folds is not None:

    rule pool:
        """Join the folds' test predictions: every clip once, by a model that never saw its subject."""
        input:
            lambda wildcards: [
                at(paths.predictions(wildcards.row, run, "test"))
                for run in runs_of(wildcards.seed)
            ],
        output:
            pooled=at(paths.predictions("{row}", paths.run_name("{seed}"), "test")),
            record=at(paths.record("pool", "{row}", paths.run_name("{seed}"))),
        log:
            at(paths.log("pool", "{row}", paths.run_name("{seed}"))),
        conda:
            "../envs/microgesture.yaml"
        params:
            made_from=made_from("pool"),
        shell:
            "python scripts/pool.py --files {input:q} --out {output.pooled:q}"
            " --record {output.record:q} 2> >(tee {log:q} >&2)"
