# Needs raw skeletons or videos (or makes the embedded ones); gives the skeleton store, one clip file for each
# layout, cleaning and timeline, and the folds of a cross-validation.


rule synthesize:
    """Generate the embedded data set, written as a MiGA 2025 release."""
    output:
        manifest=at(paths.RELEASE_MANIFEST),
        record=at(paths.record("synthesize")),
    log:
        at(paths.log("synthesize")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("synthesize"),
        config=told(given(getattr(CONFIG.data, "generate", None))),
        out=subpath(output.manifest, parent=True),
    shell:
        "python scripts/synthesize.py --config {params.config:q} --out {params.out:q}"
        " --workers {threads} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule pose:
    """Find the key points of the people in videos, each video in one pass."""
    input:
        videos=lambda wildcards: posed_videos(),
    output:
        recordings=at(paths.POSE),
        record=at(paths.record("pose")),
    log:
        at(paths.log("pose")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("pose"),
        config=told(given(settings.pose_step(CONFIG))),
        resume=at(paths.RESUME),
    shell:
        "make --silent pose-env PYTHON=python && python scripts/pose.py --config {params.config:q}"
        " --out {output.recordings:q} --resume {params.resume:q} --workers {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule skeletons:
    """Read the raw data set into the skeleton store."""
    input:
        raw=lambda wildcards: raw_files(),
        classes=CONFIG.classes,
    output:
        **recordings_output(),
        clips=at(paths.SKELETONS),
        summary=at(paths.SUMMARY),
        record=at(paths.record("skeletons")),
    log:
        at(paths.log("skeletons")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("skeletons"),
        # `made_from` states it; with `input` it is not compared, in jobs of other nodes either
        frames=lambda wildcards, input: frames_digest(),
        config=told(settings.reader_step(CONFIG).reading()),
        # not among what Snakemake compares: the clips are the same with and without
        recordings=lambda wildcards, output: (
            ["--recordings", output.recordings] if recordings_output() else []
        ),
    shell:
        "python scripts/skeletons.py --data {params.config:q} --classes {input.classes:q}"
        " --out {output.clips:q} {params.recordings:q} --summary {output.summary:q} --workers {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule prepare:
    """Choose a layout, clean it and bring it to a timeline."""
    input:
        skeletons=rules.skeletons.output.clips,
        layout=layout_of,
        classes=CONFIG.classes,
    output:
        points=at(paths.prepared(CLIPS, "arrow")),
        manifest=at(paths.prepared(CLIPS)),
        record=at(paths.record("prepared", CLIPS)),
    log:
        at(paths.log("prepared", CLIPS)),
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


rule windows:
    """Cut recordings, or clips where there are none, into cleaned windows without labels."""
    input:
        skeletons=lambda wildcards: recordings_output().get(
            "recordings", rules.skeletons.output.clips
        ),
        layout=layout_of,
        classes=CONFIG.classes,
    output:
        points=at(paths.windows("{window}", "{layout}", "{cleaning}", "arrow")),
        manifest=at(paths.windows("{window}", "{layout}", "{cleaning}")),
        record=at(paths.record("windows", "{window}-{layout}-{cleaning}")),
    log:
        at(paths.log("windows", "{window}-{layout}-{cleaning}")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("windows"),
        config=told(
            lambda wildcards: settings.window_step(
                CONFIG, wildcards.cleaning, int(wildcards.window)
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
        folds=at(paths.FOLDS),
        record=at(paths.record("folds")),
    log:
        at(paths.log("folds")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("folds"),
        folds=CONFIG.folds,
    shell:
        "python scripts/folds.py --skeletons {input.skeletons:q} --folds {params.folds}"
        " --out {output.folds:q} --record {output.record:q} 2> >(tee {log:q} >&2)"
