# The playground in a container; playground/hosting/README.md says how to build and start it.
FROM python:3.11-slim
WORKDIR /app

# The small CPU build of torch. Where its index cannot be reached, the next line takes torch from PyPI.
COPY requirements.txt playground/hosting/torch-cpu.txt ./
RUN pip install --no-cache-dir --no-deps --retries 0 --timeout 10 -r torch-cpu.txt || true
RUN pip install --no-cache-dir -r requirements.txt

COPY . .
# Tiny Shakespeare. Without a network the playground trains on plays that it generates itself.
ENV XDG_CACHE_HOME=/app/.cache
RUN python -m lm corpora tiny_shakespeare || true

RUN useradd --create-home learner && mkdir /runs && chown -R learner /runs
USER learner
VOLUME /runs
EXPOSE 7860
HEALTHCHECK CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/health')"]
CMD ["python", "-m", "playground", "--no-browser", "--host", "0.0.0.0", "--runs", "/runs"]
