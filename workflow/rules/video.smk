# Needs the skeleton store and videos; gives the crops of every clip's person, and a small manifest on
# which everything later hangs. No other step reads a video.


rule crops:
    """Cut the person of every clip out of its video, each video in one pass."""
    input:
        skeletons=rules.skeletons.output.clips,
        videos=lambda wildcards: raw_videos(),
    output:
        crops=at(paths.crops("arrow")),
        manifest=at(paths.crops()),
        record=at(paths.record("crops")),
    log:
        at(paths.log("crops")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("crops"),
        config=told(given(settings.crops_step(CONFIG))),
        resume=at(paths.RESUME),
    shell:
        "python scripts/crops.py --config {params.config:q} --skeletons {input.skeletons:q}"
        " --out {output.crops:q} --manifest {output.manifest:q} --resume {params.resume:q}"
        " --workers {threads} --record {output.record:q} 2> >(tee {log:q} >&2)"
