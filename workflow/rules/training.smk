# Needs stream files and heatmap caches; gives one trained model for each variant and seed.


rule label_vectors:
    """Describe every class by the vectors of its words, for the semantic loss."""
    input:
        classes=config["classes"],
    output:
        vectors=f"{RESULTS}/labels/vectors.npz",
        record=f"{RESULTS}/provenance/label_vectors.json",
    log:
        f"{RESULTS}/logs/label_vectors.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        code=code("label_vectors"),
        config=as_json({k: v for k, v in config["semantic"].items() if k != "weight"}),
    shell:
        "python scripts/label_vectors.py --classes {input.classes:q} --config {params.config:q}"
        " --out {output.vectors:q} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule train:
    """Train one variant with one seed; the best epoch by validation is kept."""
    input:
        data=input_of,
        layout=layout_of,
        classes=config["classes"],
        vectors=vectors_of,
        pretrained=pretrained_of,
    output:
        model=f"{RESULTS}/train/{{variant}}/seed{{seed}}/model.safetensors",
        metrics=f"{RESULTS}/train/{{variant}}/seed{{seed}}/metrics.json",
        timing=f"{RESULTS}/train/{{variant}}/seed{{seed}}/timing.json",
        record=f"{RESULTS}/provenance/train/{{variant}}/seed{{seed}}.json",
    log:
        f"{RESULTS}/logs/train/{{variant}}/seed{{seed}}.log",
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        code=code("train"),
        config=lambda wildcards: as_json(
            settings.train_slice(config, wildcards.variant)
        ),
        vectors=lambda wildcards, input: (
            ["--vectors", input.vectors] if input.vectors else []
        ),
        out=subpath(output.model, parent=True),
    shell:
        "python scripts/train.py --config {params.config:q} --seed {wildcards.seed}"
        " --input {input.data:q} --layout {input.layout:q} --classes {input.classes:q}"
        " {params.vectors:q} --out {params.out:q} --threads {threads} --record {output.record:q}"
        " 2> >(tee {log:q} >&2)"
