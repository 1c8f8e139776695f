# Needs whole recordings, their videos and tables of outcomes; gives models that tell won matches from lost ones,
# their table and page. Small encoders are trained once a fold, without outcomes and without its people.


rule emotion_interviews:
    """Join whole recordings with their outcomes, and deal them to folds."""
    input:
        recordings=at(paths.RECORDINGS),
        tables=lambda wildcards: outcome_tables(),
    output:
        csv=at(paths.EMOTION_INTERVIEWS),
        record=at(paths.record("emotion_interviews")),
    log:
        at(paths.log("emotion_interviews")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("emotion_interviews"),
        config=told(given(emotion_steps.interview_step(CONFIG))),
    shell:
        "python scripts/emotion_interviews.py --config {params.config:q}"
        " --recordings {input.recordings:q} --out {output.csv:q} --record {output.record:q}"
        " 2> >(tee {log:q} >&2)"


rule emotion_pictures:
    """Cut faces and frames out of the video of every recording, each in one pass."""
    input:
        recordings=at(paths.RECORDINGS),
        videos=lambda wildcards: raw_videos(),
    output:
        pictures=at(paths.emotion_pictures("arrow")),
        manifest=at(paths.emotion_pictures()),
        record=at(paths.record("emotion_pictures")),
    log:
        at(paths.log("emotion_pictures")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("emotion_pictures"),
        config=told(given(emotion_steps.pictures_step(CONFIG))),
        resume=at(paths.RESUME),
    shell:
        "python scripts/emotion_pictures.py --config {params.config:q}"
        " --recordings {input.recordings:q} --out {output.pictures:q}"
        " --manifest {output.manifest:q} --resume {params.resume:q}"
        " --workers {threads} --record {output.record:q}"
        " 2> >(tee {log:q} >&2)"


rule emotion_tokens:
    """Turn faces and frames into tokens, by encoders that have not seen the fold's people."""
    input:
        pictures=rules.emotion_pictures.output.manifest,
        interviews=rules.emotion_interviews.output.csv,
        weights=encoder_weights(),
    output:
        tokens=at(paths.emotion_tokens("{part}")),
        encoders=at(paths.emotion_encoders("{part}")),
        record=at(paths.record("emotion_tokens", "{part}")),
    log:
        at(paths.log("emotion_tokens", "{part}")),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("emotion_tokens"),
        config=told(given(emotion_steps.encode_step(CONFIG))),
    shell:
        "python scripts/emotion_tokens.py --config {params.config:q} --pictures {input.pictures:q}"
        " --interviews {input.interviews:q} --part {wildcards.part} --out {output.tokens:q}"
        " --out-encoders {output.encoders:q}"
        " --threads {threads} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule emotion_statistics:
    """Count the gestures of every recording and measure its motion."""
    input:
        recordings=at(paths.RECORDINGS),
        skeletons=rules.skeletons.output.clips,
        interviews=rules.emotion_interviews.output.csv,
        classes=CONFIG.classes,
        predictions=recognised_gestures(),
    output:
        csv=at(paths.EMOTION_STATISTICS),
        record=at(paths.record("emotion_statistics")),
    log:
        at(paths.log("emotion_statistics")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("emotion_statistics"),
        predictions=lambda wildcards, input: (
            ["--predictions", input.predictions] if input.predictions else []
        ),
    shell:
        "python scripts/emotion_statistics.py --recordings {input.recordings:q}"
        " --skeletons {input.skeletons:q} --interviews {input.interviews:q}"
        " --classes {input.classes:q} {params.predictions:q} --out {output.csv:q}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule emotion_fit:
    """Fit all emotion models without one fold, or for split test, and tell its recordings."""
    input:
        pictures=rules.emotion_pictures.output.manifest,
        tokens=tokens_of_part,
        interviews=rules.emotion_interviews.output.csv,
        statistics=rules.emotion_statistics.output.csv,
    output:
        json=at(paths.emotion_fit("{part}")),
        rows=at(paths.emotion_rows("{part}")),
        record=at(paths.record("emotion_fit", "{part}")),
    log:
        at(paths.log("emotion_fit", "{part}")),
    conda:
        "../envs/microgesture.yaml"
    resources:
        gpu=1,
    params:
        made_from=made_from("emotion_fit"),
        config=told(given(emotion_steps.evaluate_step(CONFIG))),
    shell:
        "python scripts/emotion_fit.py --config {params.config:q} --pictures {input.pictures:q}"
        " --tokens {input.tokens:q} --interviews {input.interviews:q}"
        " --statistics {input.statistics:q} --part {wildcards.part} --out {output.json:q}"
        " --out-rows {output.rows:q}"
        " --threads {threads} --record {output.record:q} 2> >(tee {log:q} >&2)"


rule emotion_model:
    """Join encoders and models of all of train and val to one file, by which later recordings are told."""
    input:
        encoders=at(paths.emotion_encoders(paths.EMOTION_ALL)),
        rows=at(paths.emotion_rows(paths.EMOTION_ALL)),
        classes=CONFIG.classes,
    output:
        model=at(paths.EMOTION_MODEL),
        record=at(paths.record("emotion_model")),
    log:
        at(paths.log("emotion_model")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("emotion_model"),
        config=told(given(emotion_steps.emotion_model_step(CONFIG))),
    shell:
        "python scripts/emotion_model.py --config {params.config:q} --encoders {input.encoders:q}"
        " --rows {input.rows:q} --classes {input.classes:q} --out {output.model:q}"
        " --record {output.record:q} 2> >(tee {log:q} >&2)"


rule emotion_report:
    """Judge the emotion models, and write table, page and submission."""
    input:
        fits=[at(paths.emotion_fit(part)) for part in EMOTION_PARTS],
        interviews=rules.emotion_interviews.output.csv,
        pictures=rules.emotion_pictures.output.manifest,
        skeletons=rules.skeletons.output.clips,
        classes=CONFIG.classes,
        predictions=recognised_gestures(),
    output:
        md=at(paths.EMOTION_TABLE),
        csv=at(paths.EMOTION_TABLE_CSV),
        html=at(paths.EMOTION_PAGE),
        predictions=at(paths.EMOTION_PREDICTIONS),
        submission=at(paths.EMOTION_SUBMISSION),
        figures=directory(at(paths.EMOTION_FIGURES)),
        record=at(paths.record("emotion_report")),
    log:
        at(paths.log("emotion_report")),
    conda:
        "../envs/microgesture.yaml"
    params:
        made_from=made_from("emotion_report"),
        config=told(given(emotion_steps.emotion_report_step(CONFIG))),
        out=subpath(output.md, parent=True),
        gestures=lambda wildcards, input: (
            ["--predictions", input.predictions] if input.predictions else []
        ),
    shell:
        "python scripts/emotion_report.py --config {params.config:q} --fits {input.fits:q}"
        " --interviews {input.interviews:q} --pictures {input.pictures:q}"
        " --skeletons {input.skeletons:q} --classes {input.classes:q} {params.gestures:q}"
        " --out {params.out:q} --record {output.record:q} 2> >(tee {log:q} >&2)"
