# Needs trained models; gives class probabilities by clip id, of single variants and fused.


rule predict:
    """Predict validation and test clips, averaged over temporal views and mirror images."""
    input:
        model=rules.train.output.model,
        data=input_of,
    output:
        val=f"{RESULTS}/predict/{{variant}}/seed{{seed}}/val.parquet",
        test=f"{RESULTS}/predict/{{variant}}/seed{{seed}}/test.parquet",
        record=f"{RESULTS}/provenance/predict/{{variant}}/seed{{seed}}.json",
    log:
        f"{RESULTS}/logs/predict/{{variant}}/seed{{seed}}.log",
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        code=code("predict"),
        config=as_json(config["testing"]),
        out=subpath(output.val, parent=True),
    shell:
        "python scripts/predict.py --config {params.config:q} --model {input.model:q}"
        " --input {input.data:q} --out {params.out:q} --threads {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule fuse:
    """Average the probabilities of several variants, joined by clip id."""
    input:
        members=members_of,
    output:
        fused=f"{RESULTS}/predict/{{fusion}}/seed{{seed}}/{{split}}.parquet",
        record=f"{RESULTS}/provenance/fuse/{{fusion}}/seed{{seed}}-{{split}}.json",
    log:
        f"{RESULTS}/logs/fuse/{{fusion}}/seed{{seed}}-{{split}}.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        code=code("fuse"),
        members=weights_of,
    shell:
        "python scripts/fuse.py --members {params.members:q} --out {output.fused:q}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"
