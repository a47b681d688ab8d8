# docker build -t dbhygiene . && docker run --rm -v "$PWD:/src:ro" dbhygiene check
FROM python:3.13-slim AS build
COPY pyproject.toml hatch_build.py README.md LICENSE /project/
COPY dbhygiene /project/dbhygiene
RUN python -m venv /opt/dbhygiene && /opt/dbhygiene/bin/pip install --no-cache-dir --disable-pip-version-check /project \
    && /opt/dbhygiene/bin/pip uninstall --yes --quiet pip

# git lists the files of a project, and provides earlier commits for --since
FROM python:3.13-slim
LABEL org.opencontainers.image.title="dbhygiene" \
      org.opencontainers.image.description="Find database connections that are leaked, kept idle too long or configured badly" \
      org.opencontainers.image.licenses="MIT"
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*' \
    && useradd --create-home --uid 1000 dbhygiene
COPY --from=build /opt/dbhygiene /opt/dbhygiene
ENV PATH=/opt/dbhygiene/bin:$PATH
USER dbhygiene
WORKDIR /src
ENTRYPOINT ["dbhygiene"]
CMD ["check"]
