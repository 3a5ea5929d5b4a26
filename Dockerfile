# Two stages: pip and its caches stay in the first, the second holds what runs.
FROM python:3.13-slim-bookworm AS build
WORKDIR /app
COPY requirements/production.txt requirements/
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary=:all: \
    -r requirements/production.txt
COPY manage.py ./
COPY pushboard pushboard
COPY rollouts rollouts
COPY templates templates
COPY static static
# Collecting only needs settings that start; these keys and names end with the layer.
RUN PUSHBOARD_SECRET_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(64))') \
    PUSHBOARD_ENCRYPTION_KEYS=1:$(python -c 'import secrets; print(secrets.token_urlsafe(32))') \
    PUSHBOARD_ALLOWED_HOSTS=build.invalid PUSHBOARD_BASE_URL=https://build.invalid \
    /venv/bin/python manage.py collectstatic --no-input

FROM python:3.13-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=pushboard.settings
RUN useradd --system --uid 10001 --no-create-home pushboard \
 && install --directory --owner pushboard --mode 0700 /data
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
USER pushboard
ENV PUSHBOARD_DATA_DIR=/data
EXPOSE 8000
CMD ["uvicorn", "pushboard.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--lifespan", "off", "--timeout-graceful-shutdown", "3", "--no-server-header", \
     "--no-access-log", "--log-config", "pushboard/uvicorn-log.json"]
