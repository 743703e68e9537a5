# Dependencies have stages and a layer of their own, so that a change of the source fetches nothing.
FROM python:3.13-slim AS requirements
COPY pyproject.toml /
RUN python -c "import tomllib; print(*tomllib.load(open('/pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
    >/requirements.txt

FROM python:3.13-slim AS dependencies
COPY --from=requirements /requirements.txt /
RUN pip install --no-cache-dir "hatchling>=1.26" \
    && pip wheel --no-cache-dir --wheel-dir /dependencies --requirement /requirements.txt

FROM dependencies AS build
WORKDIR /source
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY flaresend_mock flaresend_mock
COPY fixtures fixtures
COPY docs docs
RUN pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheel .

FROM python:3.13-slim
# Group 0, and a folder that every user may write to, are for platforms that pick the user, and for --user.
RUN useradd --no-log-init --create-home --uid 10001 --gid 0 flaresend \
    && chmod 0770 /home/flaresend \
    && install -d -o 10001 -g 0 -m 0777 /data
RUN --mount=type=bind,from=dependencies,source=/dependencies,target=/wheels \
    pip install --no-cache-dir --no-index /wheels/*.whl
RUN --mount=type=bind,from=build,source=/wheel,target=/wheels \
    pip install --no-cache-dir --no-index --no-deps /wheels/*.whl

USER 10001
WORKDIR /data
# /dev/shm is writable with --read-only, too, and the health check reads there where the emulator listens.
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FLARESEND_MOCK_HOST=0.0.0.0 \
    FLARESEND_MOCK_PORT=3577 \
    FLARESEND_MOCK_URL_FILE=/dev/shm/flaresend-mock.url
EXPOSE 3577
# Large uploads are spooled here; a volume stays writable when the root file system is read-only.
VOLUME /tmp
# The first check comes after 2 s. Later ones last 2 s longer, so that an idle container uses less of the processor.
HEALTHCHECK --interval=2s --timeout=8s --start-period=10s --retries=3 \
    CMD ["sh", "-c", "flaresend-mock health && if [ -e /dev/shm/healthy ]; then sleep 2; else touch /dev/shm/healthy || true; fi"]
ENTRYPOINT ["flaresend-mock"]

ARG VERSION=1.0.0
ARG REVISION=
ARG SOURCE=
ARG DOCUMENTATION=
LABEL org.opencontainers.image.title="flaresend-mock" \
      org.opencontainers.image.description="A local emulator of the Flaresend WhatsApp API" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.documentation="$DOCUMENTATION"
