# Every command of Bellhop's in one image: `docker run bellhop worker`, `docker run bellhop status`, `docker run bellhop demo --once`.

# The version that the tests run on.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# This stage's pip installs into the environment, which needs none of its own.
RUN python -m venv --without-pip /opt/bellhop
# Dependencies first: this layer is made again only when they change.
# `--build-arg REQUIREMENTS=pictures` adds what draws the metric into notifications, and 150 MB.
ARG REQUIREMENTS=runtime
COPY requirements/runtime.txt requirements/pictures.txt requirements/
RUN pip --python /opt/bellhop install --only-binary :all: --require-hashes -r requirements/${REQUIREMENTS}.txt
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY worker worker
RUN pip --python /opt/bellhop install --no-deps --no-build-isolation .

FROM python:${PYTHON}-slim
RUN groupadd --gid 10001 bellhop \
 && useradd --uid 10001 --gid bellhop --no-log-init --no-create-home --home-dir /var/lib/bellhop bellhop \
 && install --directory --owner=bellhop --group=bellhop --mode=0700 /var/lib/bellhop
COPY --from=build /opt/bellhop /opt/bellhop
# What a named volume on this folder keeps: generated keys, and the embedded Redis' data where `up` or `demo` starts it.
ENV BELLHOP_STATE_DIR=/var/lib/bellhop \
    PATH=/opt/bellhop/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /var/lib/bellhop
# By number, so that Kubernetes' runAsNonRoot can tell.
USER 10001:10001
# For the worker: that Redis answers, and that a process of this very container reads the events stream.
# Other commands that stay (Flower, the sandbox) need their own; docker-compose.yml has them.
HEALTHCHECK --interval=60s --timeout=20s --start-period=30s --retries=3 \
    CMD bellhop status --json | grep -qF "\"$HOSTNAME-"
ENTRYPOINT ["bellhop"]
CMD ["worker"]
