# Needs a clip file; gives the heatmap cache of its joint or limb stream, and a small manifest on
# which everything later hangs.


rule heatmaps:
    """Draw every frame of a stream once."""
    input:
        manifest=f"{RESULTS}/prepared/{{layout}}-{{cleaning}}-{{timeline}}.json",
        layout=layout_of,
    output:
        cache=f"{RESULTS}/heatmaps/{{stream}}-{{layout}}-{{cleaning}}-{{timeline}}.arrow",
        manifest=f"{RESULTS}/heatmaps/{{stream}}-{{layout}}-{{cleaning}}-{{timeline}}.json",
        record=f"{RESULTS}/provenance/heatmaps/{{stream}}-{{layout}}-{{cleaning}}-{{timeline}}.json",
    log:
        f"{RESULTS}/logs/heatmaps/{{stream}}-{{layout}}-{{cleaning}}-{{timeline}}.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("heatmaps"),
        config=told(
            lambda wildcards: settings.heatmap_step(CONFIG, wildcards.stream).given()
        ),
        # large; it hangs on its manifest
        points=f"{RESULTS}/prepared/{{layout}}-{{cleaning}}-{{timeline}}.arrow",
    shell:
        "python scripts/heatmaps.py --config {params.config:q} --points {params.points:q}"
        " --stream {wildcards.stream} --layout {input.layout:q} --out {output.cache:q}"
        " --manifest {output.manifest:q} --threads {threads} --record {output.record:q}"
        " 2> >(tee {log:q} >&2)"
