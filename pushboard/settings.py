"""Settings, one file for every installation.

What differs is an environment variable with the prefix PUSHBOARD_ (all of them: `.env.example`).
A value that can't be right stops the start with one sentence, see `env` and `startup`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key

from pushboard.database import database_settings
from pushboard.env import Environment, with_password
from pushboard.keys import encryption_keys
from pushboard.logs import logging_settings
from pushboard.startup import Plan, refuse_unsafe_start

env = Environment(os.environ)

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.path("PUSHBOARD_DATA_DIR", BASE_DIR / "var")
DATA_DIR.mkdir(parents=True, exist_ok=True)

# --- Mode -----------------------------------------------------------------------------------

# Simulation is not Django's DEBUG: pages, errors and security are those of production. What
# differs is whom it may talk to (loopback only) and how fast its clock runs.
SIMULATION = (
    env.choice("PUSHBOARD_MODE", "production", ("production", "simulation")) == "simulation"
)
DEBUG = False

# --- Time -----------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"

# now = anchor_sim + (wall - anchor_wall) * factor. Both anchors default to the same instant, so a
# factor of 1 leaves the wall's time as it is.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_wall = env.moment("PUSHBOARD_CLOCK_ANCHOR_WALL", _EPOCH)
CLOCK: dict[str, Any] = {
    "factor": env.number("PUSHBOARD_CLOCK_FACTOR", 1, least=1, most=3600),
    "anchor_wall": _wall,
    "anchor_sim": env.moment("PUSHBOARD_CLOCK_ANCHOR_SIM", _wall),
}

# How often the bells ring, in seconds of the wall. Bells only hasten: a missed one costs a delay.
TICK_SECONDS = env.number("PUSHBOARD_TICK_SECONDS", 5, least=0.2, most=60)
SYNC_SECONDS = env.number("PUSHBOARD_SYNC_SECONDS", 900, least=5, most=86400)
# How long a worker that died keeps others from its work. Only a delay: what makes a second push
# impossible is the fence on the row, not the lease.
LEASE_SECONDS = env.number("PUSHBOARD_LEASE_SECONDS", 180, least=3, most=900)

# --- Salesforce -----------------------------------------------------------------------------

DEV_ALLOWED_HOSTS = env.names("PUSHBOARD_DEV_ALLOWED_HOSTS")
SALESFORCE: dict[str, Any] = {
    # The packaging org's own address; empty until somebody connects one.
    "login_url": env.text("PUSHBOARD_SF_LOGIN_URL").rstrip("/"),
    "auth": env.choice("PUSHBOARD_SF_AUTH", "client-credentials", ("client-credentials", "jwt")),
    "client_id": env.text("PUSHBOARD_SF_CLIENT_ID"),
    "client_secret": env.secret("PUSHBOARD_SF_CLIENT_SECRET"),
    "username": env.text("PUSHBOARD_SF_USERNAME"),
    "key_file": env.text("PUSHBOARD_SF_KEY_FILE"),
    "api_version": env.text("PUSHBOARD_SF_API_VERSION", "67.0"),
    "name": env.text("PUSHBOARD_SF_NAME", "Packaging org"),
    # Seconds to wait for an answer. The longest Celery step is 75 s, so 60 leaves room to record
    # that no answer came.
    "timeout": env.number("PUSHBOARD_SF_TIMEOUT", 60, least=1, most=65),
    # API calls of the day that only stopping may use: a cancel and its read for each armed batch.
    "calls_reserve": int(env.number("PUSHBOARD_SF_CALLS_RESERVE", 50, least=50, most=10_000)),
    "ca_bundle": env.text("PUSHBOARD_CA_BUNDLE"),
    # Salesforce's public calendar of maintenance; empty means that it is never asked.
    "trust_url": env.text("PUSHBOARD_TRUST_URL").rstrip("/"),
}

# --- Web ------------------------------------------------------------------------------------

# A simulation without a key of its own gets one per process, which only costs a sign-in.
SECRET_KEY = env.secret("PUSHBOARD_SECRET_KEY") or (get_random_secret_key() if SIMULATION else "")
BASE_URL = env.text("PUSHBOARD_BASE_URL", "http://127.0.0.1:8000" if SIMULATION else "").rstrip("/")
_hosts = env.names("PUSHBOARD_ALLOWED_HOSTS")
# Seal the secrets of connections; the highest version is the one in use.
ENCRYPTION_KEYS = encryption_keys(env.secret("PUSHBOARD_ENCRYPTION_KEYS"))

refuse_unsafe_start(
    Plan(
        simulation=SIMULATION,
        secret_key=SECRET_KEY,
        has_encryption_key=bool(ENCRYPTION_KEYS),
        allowed_hosts=_hosts,
        base_url=BASE_URL,
        clock_factor=CLOCK["factor"],
        clock_anchored=_wall != _EPOCH,
        dev_allowed_hosts=DEV_ALLOWED_HOSTS,
        salesforce_login_url=SALESFORCE["login_url"],
        salesforce_client_id=SALESFORCE["client_id"],
        salesforce_client_secret=SALESFORCE["client_secret"],
    )
)

# Loopback is always let in: health checks ask from inside the machine or container.
ALLOWED_HOSTS = [*_hosts, "127.0.0.1", "localhost", "[::1]"]
HTTPS = urlsplit(BASE_URL).scheme == "https"

ROOT_URLCONF = "pushboard.urls"
ASGI_APPLICATION = "pushboard.asgi.application"
WSGI_APPLICATION = "pushboard.wsgi.application"

INSTALLED_APPS = [
    "rollouts",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "pushboard.headers.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Closed unless a view says otherwise: a forgotten decorator must not open a page.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "rollouts.views.shell.shell",
            ],
        },
    },
]

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
# In simulation files are served from where they lie, so a clone needs no collecting and an edited
# style sheet shows at once. In production they carry their hash in the name and never expire.
WHITENOISE_USE_FINDERS = SIMULATION
WHITENOISE_AUTOREFRESH = SIMULATION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if SIMULATION
        else "pushboard.storage.HashedFiles"
    },
}

# --- Browser's rules ------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
# Health checks come from inside, in the clear.
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# Believed only where an operator says that a proxy sets it: elsewhere a client could forge it.
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https")
    if env.choice("PUSHBOARD_BEHIND_PROXY", "no", ("no", "yes")) == "yes"
    else None
)

# `__Host-` binds a cookie to this very host, but browsers take it over https only.
_COOKIE_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}sessionid"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 3600
# In the database, so that a sign-out or a lost role ends it everywhere at once.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}csrftoken"
CSRF_COOKIE_SECURE = HTTPS
# Scripts take the token from the page.
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [BASE_URL]

# --- People ---------------------------------------------------------------------------------

AUTH_USER_MODEL = "rollouts.Person"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 15},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

# --- Data, queue, log -----------------------------------------------------------------------

DATABASES = database_settings(env, BASE_DIR)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Read by pushboard.celery, which holds the reasons for everything else about the queue.
REDIS_URL = with_password(
    env.secret("PUSHBOARD_REDIS_URL", "redis://127.0.0.1:6379/0"),
    env.secret("PUSHBOARD_REDIS_PASSWORD"),
)

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_settings(
    level=env.choice("PUSHBOARD_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    lines="human" if SIMULATION else "json",
)
