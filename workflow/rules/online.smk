# Needs the recordings store and, for detectors on windows, trained classifiers; gives the gestures that every
# detector finds in long recordings, their table and their page.


rule prepare_recordings:
    """Choose a layout for whole recordings and clean them."""
    input:
        recordings=at(paths.RECORDINGS),
        layout=layout_of,
        classes=CONFIG.classes,
    output:
        points=at(paths.recordings("{layout}", "{cleaning}", "arrow")),
        manifest=at(paths.recordings("{layout}", "{cleaning}")),
        record=at(paths.record("prepare_recordings", "{layout}-{cleaning}")),
    log:
        at(paths.log("prepare_recordings", "{layout}-{cleaning}")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("prepare_recordings"),
        config=told(
            lambda wildcards: online_steps.recordings_step(
                CONFIG, wildcards.cleaning
            ).given()
        ),
    shell:
        "python scripts/prepare.py --config {params.config:q} --skeletons {input.recordings:q}"
        " --layout {input.layout:q} --classes {input.classes:q} --out {output.points:q}"
        " --manifest {output.manifest:q} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule train_detector:
    """Train one detector with one seed on windows of the training recordings."""
    input:
        data=recordings_of,
        recordings=at(paths.RECORDINGS),
        skeletons=rules.skeletons.output.clips,
        layout=layout_of_detector,
        classes=CONFIG.classes,
    output:
        model=at(paths.detector("{detector}", "{run}", paths.MODEL)),
        metrics=at(paths.detector("{detector}", "{run}", paths.TRAINING)),
        timing=at(paths.detector("{detector}", "{run}", paths.TIMING)),
        record=at(paths.record("train_detector", "{detector}", "{run}")),
    log:
        at(paths.log("train_detector", "{detector}", "{run}")),
    wildcard_constraints:
        detector=one_of(TEMPORAL),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("train_detector"),
        config=told(
            lambda wildcards: online_steps.detector_step(
                CONFIG, wildcards.detector
            ).given()
        ),
        seed=seed_of,
        resume=at(paths.RESUME),
        out=subpath(output.model, parent=True),
    shell:
        # as in `train`
        "trap '' TERM;"
        " python scripts/train_detector.py --config {params.config:q} --seed {params.seed}"
        " --input {input.data:q} --recordings {input.recordings:q} --skeletons {input.skeletons:q}"
        " --layout {input.layout:q} --classes {input.classes:q} --out {params.out:q}"
        " --resume-dir {params.resume:q} --threads {threads} --record {output.record:q}"
        " 2> >(tee {log:q} >&2)"


rule score_windows:
    """Show sliding windows of validation and test recordings to a trained classifier."""
    input:
        model=lambda wildcards: at(
            paths.training(
                paths.scored_parts(wildcards.scored)[0], wildcards.run, paths.MODEL
            )
        ),
        recordings=at(paths.RECORDINGS),
    output:
        scores=at(paths.scores("{scored}", "{run}")),
        record=at(paths.record("score_windows", "{scored}", "{run}")),
    log:
        at(paths.log("score_windows", "{scored}", "{run}")),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("score_windows"),
        config=told(
            lambda wildcards: online_steps.scores_step(
                CONFIG, wildcards.scored
            ).given()
        ),
    shell:
        "python scripts/score_windows.py --config {params.config:q} --model {input.model:q}"
        " --recordings {input.recordings:q} --out {output.scores:q} --threads {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule detect:
    """Find the gestures of validation and test recordings, by all that validation chooses."""
    input:
        unpack(detector_input),
        recordings=at(paths.RECORDINGS),
        skeletons=rules.skeletons.output.clips,
        classes=CONFIG.classes,
    output:
        val=at(paths.detections("{detector}", "{run}", "val.csv")),
        test=at(paths.detections("{detector}", "{run}", "test.csv")),
        chosen=at(paths.detections("{detector}", "{run}", "chosen.json")),
        record=at(paths.record("detect", "{detector}", "{run}")),
    log:
        at(paths.log("detect", "{detector}", "{run}")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("detect"),
        config=told(
            lambda wildcards: online_steps.detection_step(
                CONFIG, wildcards.detector
            ).given()
        ),
        source=lambda wildcards, input: (
            ["--scores", input.scores]
            if "scores" in input.keys()
            else ["--model", input.model, "--input", input.data]
        ),
        out=subpath(output.val, parent=True),
    shell:
        "python scripts/detect.py --config {params.config:q} {params.source:q}"
        " --recordings {input.recordings:q} --skeletons {input.skeletons:q}"
        " --classes {input.classes:q} --out {params.out:q} --threads {threads}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule online_table:
    """Compare all detectors on the test recordings."""
    input:
        detections=detections_of(),
        timing=expand(rules.train_detector.output.timing, detector=TEMPORAL, run=RUNS),
        recordings=at(paths.RECORDINGS),
        skeletons=rules.skeletons.output.clips,
        classes=CONFIG.classes,
    output:
        md=at(paths.ONLINE_TABLE),
        csv=at(paths.ONLINE_CSV),
        metrics=at(paths.ONLINE_METRICS),
        figures=[at(paths.online_figure(name)) for name in paths.ONLINE_FIGURES],
        record=at(paths.record("online_table")),
    log:
        at(paths.log("online_table")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("online_table"),
        config=told(online_steps.online_table_step(CONFIG).given()),
        results=subpath(output.md, parent=True),
    shell:
        "python scripts/online_table.py --config {params.config:q} --results {params.results:q}"
        " --recordings {input.recordings:q} --skeletons {input.skeletons:q}"
        " --classes {input.classes:q} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule online_page:
    """Write the page with the timeline of every test recording, and a stretch as an animation."""
    input:
        detections=detections_of(),
        figures=rules.online_table.output.figures,
        recordings=at(paths.RECORDINGS),
        skeletons=rules.skeletons.output.clips,
        classes=CONFIG.classes,
        layouts=layouts_in_use(),
    output:
        html=report(
            at(paths.ONLINE_PAGE),
            caption="../report/online_page.rst",
            category="Results",
        ),
        gif=at(paths.ONLINE_STRETCH),
        submission=[
            at(paths.online_submission(name)) for name in paths.ONLINE_SUBMISSION
        ],
        record=at(paths.record("online_page")),
    log:
        at(paths.log("online_page")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("online_page"),
        config=told(online_steps.online_table_step(CONFIG).given()),
        results=subpath(output.html, parent=True),
    shell:
        "python scripts/online_page.py --config {params.config:q} --results {params.results:q}"
        " --recordings {input.recordings:q} --skeletons {input.skeletons:q}"
        " --classes {input.classes:q} --layout {input.layouts[0]:q}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"
