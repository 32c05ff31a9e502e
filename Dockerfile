# The program alone, from locked packages with hashes; without a compiler, a shell for its user, or the tests.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/run.txt requirements/build.txt requirements/
RUN python -m venv /opt/streamgauge \
 && /opt/streamgauge/bin/pip install --require-hashes -r requirements/run.txt \
 && pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY stream_app/ stream_app/
COPY producers/ producers/
RUN python -m hatchling build -t wheel -d /dist \
 && /opt/streamgauge/bin/pip install --no-deps --no-index /dist/*.whl
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
