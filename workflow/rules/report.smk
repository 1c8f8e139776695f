# Needs the skeleton store; gives a page on what it holds and what is probably wrong with it. Training
# does not wait for it; the ablation table does.


rule data_report:
    """Describe and draw the skeletons, and warn of what is probably wrong with them."""
    input:
        skeletons=rules.skeletons.output.clips,
        summary=rules.skeletons.output.summary,
        layouts=layouts_in_use(),
        crops=crops_of_videos(),
        pictures=pictures_of_recordings(),
    output:
        md=at(paths.DATA_REPORT),
        figures=report(
            directory(at(paths.DATA_FIGURES)),
            patterns=["{figure}.png"],
            caption="../report/data_report.rst",
            category="Data",
        ),
        record=at(paths.record("data_report")),
    log:
        at(paths.log("data_report")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("data_report"),
        config=told(settings.data_report_step(CONFIG).given()),
        crops=lambda wildcards, input: (["--crops", input.crops] if input.crops else []),
        pictures=lambda wildcards, input: (
            ["--pictures", input.pictures] if input.pictures else []
        ),
    shell:
        "python scripts/data_report.py --skeletons {input.skeletons:q} --summary {input.summary:q}"
        " {params.crops:q} {params.pictures:q} --layouts {input.layouts:q}"
        " --about {params.config:q} --out {output.md:q}"
        " --figures {output.figures:q} --record {output.record:q} 2> >(tee {log:q} >&2)"
