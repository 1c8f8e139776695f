# Needs a clip file; gives the heatmap cache of its joint or limb stream, and a small manifest on
# which everything later hangs.


rule heatmaps:
    """Draw every frame of a stream once."""
    input:
        manifest=at(paths.prepared(CLIPS)),
        layout=layout_of,
    output:
        cache=at(paths.cache("{stream}", CLIPS, "arrow")),
        manifest=at(paths.cache("{stream}", CLIPS)),
        record=at(paths.record("heatmaps", f"{{stream}}-{CLIPS}")),
    log:
        at(paths.log("heatmaps", f"{{stream}}-{CLIPS}")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("heatmaps"),
        config=told(
            lambda wildcards: settings.heatmap_step(
                CONFIG, paths.drawn_parts(wildcards.stream)[0]
            ).given()
        ),
        stream=lambda wildcards: paths.drawn_parts(wildcards.stream)[0],
        parts=lambda wildcards: parts_options(wildcards.stream),
        # large; it hangs on its manifest
        points=at(paths.prepared(CLIPS, "arrow")),
    shell:
        "python scripts/heatmaps.py --config {params.config:q} --points {params.points:q}"
        " --stream {params.stream} {params.parts} --layout {input.layout:q} --out {output.cache:q}"
        " --manifest {output.manifest:q} --threads {threads} --record {output.record:q}"
        " 2> >(tee {log:q} >&2)"
