# Needs a stream file; gives the heatmap cache of its joint or limb stream, and a small manifest on
# which everything later hangs.


rule heatmaps:
    """Draw every frame of a stream once."""
    input:
        manifest=f"{RESULTS}/streams/{{layout}}-{{timeline}}.json",
        points=f"{RESULTS}/streams/{{layout}}-{{timeline}}.arrow",
        layout="config/layouts/{layout}.yaml",
    output:
        cache=f"{RESULTS}/heatmaps/{{stream}}-{{layout}}-{{timeline}}.arrow",
        manifest=f"{RESULTS}/heatmaps/{{stream}}-{{layout}}-{{timeline}}.json",
        record=f"{RESULTS}/provenance/heatmaps/{{stream}}-{{layout}}-{{timeline}}.json",
    log:
        f"{RESULTS}/logs/heatmaps/{{stream}}-{{layout}}-{{timeline}}.log",
    conda:
        "../envs/microgesture.yaml"
    params:
        code=code("heatmaps"),
        config=as_json(settings.heatmap_slice(config)),
    shell:
        "python scripts/heatmaps.py --config {params.config:q} --points {input.points:q}"
        " --stream {wildcards.stream} --layout {input.layout:q} --out {output.cache:q}"
        " --manifest {output.manifest:q} --threads {threads} --record {output.record:q}"
        " 2> >(tee {log:q} >&2)"
