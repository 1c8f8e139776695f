# Needs clip files and heatmap caches; gives one trained model, network or trees, for each variant and seed.


rule label_embeddings:
    """Describe every class by the embeddings of its words, for the semantic loss."""
    input:
        classes=CONFIG.classes,
        words=words_file(),
    output:
        embeddings=at(paths.EMBEDDINGS),
        record=at(paths.record("label_embeddings")),
    log:
        at(paths.log("label_embeddings")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("label_embeddings"),
        config=told(settings.words_step(CONFIG).given()),
    shell:
        "python scripts/label_embeddings.py --classes {input.classes:q} --config {params.config:q}"
        " --out {output.embeddings:q} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule pretrain:
    """Pre-train the skeleton transformer on windows of recordings, without labels."""
    input:
        data=windows_of,
        layout=lambda wildcards: variants.layout_file(
            CONFIG.pretraining[wildcards.pretraining].layout
        ),
    output:
        model=at(paths.pretraining("{pretraining}", paths.MODEL)),
        metrics=at(paths.pretraining("{pretraining}", paths.TRAINING)),
        timing=at(paths.pretraining("{pretraining}", paths.TIMING)),
        figures=[
            at(paths.pretraining("{pretraining}", name))
            for name in paths.PRETRAINING_FIGURES
        ],
        record=at(paths.record("pretrain", "{pretraining}")),
    log:
        at(paths.log("pretrain", "{pretraining}")),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("pretrain"),
        config=told(
            lambda wildcards: settings.pretraining_step(
                CONFIG, wildcards.pretraining
            ).given()
        ),
        resume=at(paths.RESUME),
        out=subpath(output.model, parent=True),
    shell:
        # as in `train`
        "trap '' TERM;"
        " python scripts/pretrain.py --config {params.config:q} --input {input.data:q}"
        " --layout {input.layout:q} --out {params.out:q} --resume-dir {params.resume:q}"
        " --threads {threads} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule train:
    """Train one variant with one seed; the best epoch by validation is kept."""
    input:
        data=input_of,
        layout=layout_of,
        classes=CONFIG.classes,
        embeddings=label_embeddings_of,
        pretrained=pretrained_of,
        pseudo_labels=pseudo_labels_of,
        backbones=backbones_of,
        folds=folds_of,
    output:
        model=at(paths.training("{variant}", "{run}", paths.MODEL)),
        metrics=at(paths.training("{variant}", "{run}", paths.TRAINING)),
        timing=at(paths.training("{variant}", "{run}", paths.TIMING)),
        record=at(paths.record("train", "{variant}", "{run}")),
    log:
        at(paths.log("train", "{variant}", "{run}")),
    wildcard_constraints:
        variant=one_of(NETWORKS),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("train"),
        config=told(
            lambda wildcards: settings.training_step(CONFIG, wildcards.variant).given()
        ),
        layout=lambda wildcards, input: (
            ["--layout", input.layout] if input.layout else []
        ),
        embeddings=lambda wildcards, input: (
            ["--embeddings", input.embeddings] if input.embeddings else []
        ),
        pretrained=lambda wildcards, input: (
            ["--pretrained", input.pretrained] if input.pretrained else []
        ),
        pseudo=lambda wildcards, input: (
            ["--pseudo-labels", input.pseudo_labels] if input.pseudo_labels else []
        ),
        backbones=backbones_options,
        seed=seed_of,
        fold=fold_options,
        resume=at(paths.RESUME),
        launch=launcher,
        out=subpath(output.model, parent=True),
    shell:
        # the shell waits while a warned training saves its state
        "trap '' TERM;"
        " {params.launch} scripts/train.py --config {params.config:q} --seed {params.seed}"
        " --input {input.data:q} {params.layout:q} --classes {input.classes:q}"
        " {params.embeddings:q} {params.pretrained:q} {params.pseudo:q} {params.backbones:q}"
        " {params.fold:q}"
        " --out {params.out:q}"
        " --resume-dir {params.resume:q} --threads {threads} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule pseudo_labels:
    """Label a variant's training clips without a label by its teacher, where that is sure."""
    input:
        model=teacher_of,
        data=teacher_input_of,
        folds=folds_of,
    output:
        csv=at(paths.pseudo_labels("{variant}", "{run}")),
        record=at(paths.record("pseudo_labels", "{variant}", "{run}")),
    log:
        at(paths.log("pseudo_labels", "{variant}", "{run}")),
    wildcard_constraints:
        variant=one_of(NETWORKS),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("pseudo_labels"),
        config=told(
            lambda wildcards: settings.pseudo_label_step(
                CONFIG, wildcards.variant
            ).given()
        ),
        seed=seed_of,
        fold=fold_options,
    shell:
        "python scripts/pseudo_labels.py --config {params.config:q} --seed {params.seed}"
        " --model {input.model:q} --input {input.data:q} {params.fold:q} --out {output.csv:q}"
        " --threads {threads} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule grow_trees:
    """Grow the trees of one variant with one seed: the simple reference, in seconds."""
    input:
        data=input_of,
        layout=layout_of,
        classes=CONFIG.classes,
        folds=folds_of,
    output:
        model=at(paths.training("{variant}", "{run}", paths.MODEL)),
        metrics=at(paths.training("{variant}", "{run}", paths.TRAINING)),
        timing=at(paths.training("{variant}", "{run}", paths.TIMING)),
        record=at(paths.record("grow_trees", "{variant}", "{run}")),
    log:
        at(paths.log("grow_trees", "{variant}", "{run}")),
    wildcard_constraints:
        variant=one_of(TREES),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("grow_trees"),
        config=told(
            lambda wildcards: settings.trees_step(CONFIG, wildcards.variant).given()
        ),
        seed=seed_of,
        fold=fold_options,
        out=subpath(output.model, parent=True),
    shell:
        "python scripts/grow_trees.py --config {params.config:q} --seed {params.seed}"
        " --input {input.data:q} --layout {input.layout:q} --classes {input.classes:q}"
        " {params.fold:q} --out {params.out:q} --threads {threads} --record {output.record:q}"
        " 2> >(tee {log:q} >&2)"
