# A server of an index, as a user without rights, from the wheel that `make build` leaves in dist/. docs/server.md has the commands.
FROM python:3.12-slim

RUN useradd --create-home --uid 10001 bicross
WORKDIR /home/bicross
ENV PATH=/home/bicross/venv/bin:$PATH HF_HUB_OFFLINE=1 PIP_NO_CACHE_DIR=1
USER bicross

COPY --chown=bicross constraints.txt dist/*.whl /tmp/wheel/
# torch for CPUs alone: the usual one brings gigabytes for GPUs.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python -m venv venv \
    && pip install --constraint /tmp/wheel/constraints.txt --index-url "$TORCH_INDEX" torch \
    && pip install --constraint /tmp/wheel/constraints.txt "$(echo /tmp/wheel/bicross-*.whl)[offline,server]"

# The index is mounted there, read-only where nobody may change it; BICROSS_API_KEY is given when it is started.
VOLUME /index
EXPOSE 8080
HEALTHCHECK --start-period=2m CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health/ready')"]
CMD ["bicross", "serve", "served=/index", "--host", "0.0.0.0", "--port", "8080"]
