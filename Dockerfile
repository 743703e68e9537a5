# The wheel is built in one stage and installed in the next, so that no build tool is in the image.
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY flaresend_mock flaresend_mock
COPY fixtures fixtures
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.13-slim
LABEL org.opencontainers.image.title="flaresend-mock" \
      org.opencontainers.image.description="A local emulator of the Flaresend WhatsApp API" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels flaresend-mock \
    && rm -r /wheels \
    && useradd --create-home --uid 10001 flaresend \
    && install -d -o flaresend /ca
USER flaresend
WORKDIR /home/flaresend
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FLARESEND_MOCK_HOST=0.0.0.0 \
    FLARESEND_MOCK_PORT=3577
EXPOSE 3577
# Large uploads are spooled here; a volume stays writable when the root file system is read-only.
VOLUME /tmp
# A volume at /ca and --tls-ca /ca/ca.pem keep the CA for https. The image has none.
HEALTHCHECK --interval=5s --timeout=6s --start-period=10s --retries=3 \
    CMD ["flaresend-mock", "health"]
ENTRYPOINT ["flaresend-mock"]
