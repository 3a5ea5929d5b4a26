"""The outside of a rehearsal: a clean environment for its process, and its report put by."""

from __future__ import annotations

import json
import logging
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollouts.models import Rehearsal
from rollouts.pipeline import clock, rehearsing

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[3]
# Real seconds: what the play gets for itself, and after which its process is ended.
PLAYS, ENDS = 1500.0, 1700.0
# A name for the simulated org; nothing listens there, and nothing is sent.
STAGE = "127.0.0.1:9"
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH", "PYTHONPATH")


def environment(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return all that the process knows: nothing of ours, so no credential, broker or database."""
    return {
        **{name: environ[name] for name in _KEPT if name in environ},
        "HOME": str(home),
        "PYTHONWARNINGS": "ignore",
        "DJANGO_SETTINGS_MODULE": "pushboard.settings",
        "PUSHBOARD_MODE": "simulation",
        "PUSHBOARD_SECRET_KEY": secrets.token_urlsafe(64),
        "PUSHBOARD_DATA_DIR": str(home),
        "PUSHBOARD_DATABASE_URL": f"sqlite:///{home}/rehearsal.sqlite3",
        "PUSHBOARD_LOG_LEVEL": "ERROR",
        "PUSHBOARD_DEV_ALLOWED_HOSTS": STAGE,
        "PUSHBOARD_SF_LOGIN_URL": f"http://{STAGE}",
        "PUSHBOARD_SF_CLIENT_ID": "pushboard-demo",
        "PUSHBOARD_SF_CLIENT_SECRET": "simulated-secret",
    }


def perform(rehearsal: Rehearsal, *, plays: float = PLAYS) -> None:
    """Rehearse and store the report, or why there is none. Never raises for the play's troubles."""
    plan = rehearsing.plan_of(rehearsal.rollout, clock.now())
    Rehearsal.objects.filter(pk=rehearsal.pk).update(plan=rehearsing.hash_of(plan))
    report, problem = played(plan, plays=plays)
    rehearsing.keep(rehearsal, report=report, problem=problem, now=clock.now())


def played(plan: Mapping[str, Any], *, plays: float = PLAYS) -> tuple[dict[str, Any] | None, str]:
    """Play a plan in a process and a folder of its own; gives (report, "") or (None, why not)."""
    with tempfile.TemporaryDirectory(prefix="pushboard-rehearsal-") as home:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "rollouts.management.rehearsal", f"{plays:g}"],
                input=json.dumps(plan),
                cwd=ROOT,
                env=environment(Path(home), os.environ),
                capture_output=True,
                text=True,
                timeout=plays + ENDS - PLAYS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, f"It did not end within {plays + ENDS - PLAYS:.0f} seconds."
    if done.returncode:
        log.error("a rehearsal failed: %s", done.stderr[-2000:])
        last = done.stderr.strip().splitlines()
        return None, f"The rehearsal failed: {last[-1] if last else 'it said nothing'}"
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report, ""
