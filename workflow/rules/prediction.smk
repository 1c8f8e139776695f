# Needs trained models; gives class probabilities by clip id, of single variants and fused.


rule predict:
    """Predict validation and test clips, averaged over temporal views and mirror images."""
    input:
        model=rules.train.output.model,
        data=input_of,
        folds=folds_of,
    output:
        val=f"{RESULTS}/predict/{{variant}}/{{run}}/val.parquet",
        test=f"{RESULTS}/predict/{{variant}}/{{run}}/test.parquet",
        record=f"{RESULTS}/provenance/predict/{{variant}}/{{run}}.json",
    log:
        f"{RESULTS}/logs/predict/{{variant}}/{{run}}.log",
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
        val=f"{RESULTS}/predict/{{fusion}}/{{run}}/val.parquet",
        test=f"{RESULTS}/predict/{{fusion}}/{{run}}/test.parquet",
        record=f"{RESULTS}/provenance/fuse/{{fusion}}/{{run}}.json",
    log:
        f"{RESULTS}/logs/fuse/{{fusion}}/{{run}}.log",
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
                f"{RESULTS}/predict/{wildcards.row}/{run}/test.parquet"
                for run in runs_of(wildcards.seed)
            ],
        output:
            pooled=f"{RESULTS}/predict/{{row}}/seed{{seed}}/test.parquet",
            record=f"{RESULTS}/provenance/pool/{{row}}/seed{{seed}}.json",
        log:
            f"{RESULTS}/logs/pool/{{row}}/seed{{seed}}.log",
        conda:
            "../envs/microgesture.yaml"
        params:
            made_from=made_from("pool"),
        shell:
            "python scripts/pool.py --files {input:q} --out {output.pooled:q}"
            " --record {output.record:q} 2> >(tee {log:q} >&2)"
