# The program alone, from locked packages with hashes; without a compiler, pip, a shell for its user, or tests.
#
# To pin the base images by digest, put what `docker buildx imagetools inspect python:3.11-slim-bookworm` prints as
# "Digest" behind each tag, as `@sha256:...`: it is that of the index, which fits both amd64 and arm64.
FROM python:3.11-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/run.txt requirements/build.txt requirements/sources.txt requirements/
# One package has no wheel for arm64: what builds it is locked, too, and nothing is fetched beside it.
RUN pip install --require-hashes -r requirements/build.txt \
 && pip install --require-hashes -r requirements/sources.txt \
 && pip wheel --require-hashes --no-build-isolation -w /wheels -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY stream_app/ stream_app/
COPY producers/ producers/
RUN python -m hatchling build -t wheel -d /wheels \
 && python -m venv --without-pip /opt/streamgauge \
 && pip --python /opt/streamgauge install --no-deps --no-index /wheels/*.whl
# Tests of libraries and symbols for debuggers: a fifth of all.
RUN find /opt/streamgauge -type d -name tests -prune -exec rm -rf {} + \
 && find /opt/streamgauge -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} +
# Machine code that any processor of this family can run, because the image may run on another than it is made on.
ENV NUMBA_CPU_NAME=generic
RUN /opt/streamgauge/bin/streamgauge compile

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin streamgauge \
 && install -d -o 10001 -g 10001 /state
COPY --from=build /opt/streamgauge /opt/streamgauge
ENV PATH=/opt/streamgauge/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CPU_NAME=generic HOME=/tmp XDG_STATE_HOME=/state
USER 10001:10001
WORKDIR /tmp
VOLUME /state
ENTRYPOINT ["streamgauge"]
CMD ["worker"]
