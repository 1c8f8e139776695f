# The workflow with its locked environment, for the CPU. Not built where the project is developed, which has
# no Docker: the first build is a step of the release checklist (CONTRIBUTING.md).
#   docker build -t microgesture .
#   docker run --rm -v "$PWD/results:/pipeline/results" microgesture snakemake --cores all
#   docker run --rm -v "$PWD:/data" microgesture microgesture predict --model /data/model.safetensors \
#       --input /data/recordings --out /data/predictions.csv
FROM python:3.11-slim

# git: records name the commit; ffmpeg: clips as MP4
RUN apt-get update && apt-get install -y --no-install-recommends git make ffmpeg && rm -rf /var/lib/apt/lists/*
WORKDIR /pipeline
COPY requirements.lock ./
# the CPU build of torch; without this line pip takes the CUDA build, which GPUs need
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --requirement requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && git config --global --add safe.directory /pipeline
CMD ["microgesture", "-h"]
