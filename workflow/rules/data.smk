# Needs raw skeletons (or makes the embedded ones); gives the skeleton store, one clip file for each
# layout, cleaning and timeline, and the folds of a cross-validation.


rule synthesize:
    """Generate the embedded data set, written as a MiGA 2025 release."""
    output:
        manifest=f"{RESULTS}/release/manifest.json",
        record=f"{RESULTS}/provenance/synthesize.json",
    log:
        f"{RESULTS}/logs/synthesize.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("synthesize"),
        config=told(given(getattr(CONFIG.data, "generate", None))),
        out=subpath(output.manifest, parent=True),
    shell:
        "python scripts/synthesize.py --config {params.config:q} --out {params.out:q}"
        " --workers {threads} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule skeletons:
    """Read the raw data set into the skeleton store."""
    input:
        raw=lambda wildcards: raw_files(),
        classes=CONFIG.classes,
    output:
        clips=f"{RESULTS}/skeletons/clips.parquet",
        summary=f"{RESULTS}/skeletons/summary.json",
        record=f"{RESULTS}/provenance/skeletons.json",
    log:
        f"{RESULTS}/logs/skeletons.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("skeletons"),
        # `made_from` states it; with `input` it is not compared, in jobs of other nodes either
        frames=lambda wildcards, input: frames_digest(),
        config=told(settings.reader_step(CONFIG).reading()),
    shell:
        "python scripts/skeletons.py --data {params.config:q} --classes {input.classes:q}"
        " --out {output.clips:q} --summary {output.summary:q} --workers {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule prepare:
    """Choose a layout, clean it and bring it to a timeline."""
    input:
        skeletons=rules.skeletons.output.clips,
        layout=layout_of,
        classes=CONFIG.classes,
    output:
        points=f"{RESULTS}/prepared/{{layout}}-{{cleaning}}-{{timeline}}.arrow",
        manifest=f"{RESULTS}/prepared/{{layout}}-{{cleaning}}-{{timeline}}.json",
        record=f"{RESULTS}/provenance/prepared/{{layout}}-{{cleaning}}-{{timeline}}.json",
    log:
        f"{RESULTS}/logs/prepared/{{layout}}-{{cleaning}}-{{timeline}}.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("prepare"),
        config=told(
            lambda wildcards: settings.preparation_step(
                CONFIG, wildcards.cleaning, wildcards.timeline
            ).given()
        ),
    shell:
        "python scripts/prepare.py --config {params.config:q} --skeletons {input.skeletons:q}"
        " --layout {input.layout:q} --classes {input.classes:q} --out {output.points:q}"
        " --manifest {output.manifest:q} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule folds:
    """Deal the subjects out over the folds of a cross-validation."""
    input:
        skeletons=rules.skeletons.output.clips,
    output:
        folds=f"{RESULTS}/folds.json",
        record=f"{RESULTS}/provenance/folds.json",
    log:
        f"{RESULTS}/logs/folds.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("folds"),
        folds=CONFIG.folds,
    shell:
        "python scripts/folds.py --skeletons {input.skeletons:q} --folds {params.folds}"
        " --out {output.folds:q} --record {output.record:q} 2> >(tee {log:q} >&2)"
