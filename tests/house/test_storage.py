"""Scripts name each other by their hash, carry no comments, and stay small."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from django.core.files.base import File

from pushboard.storage import HashedFiles
from tests.conventions.sources import ROOT

SCRIPTS = ROOT / "static" / "js"
VENDORED = ROOT / "static" / "vendor"
# What a page's scripts may weigh, compressed: read on a slow line before anything moves.
BUDGET = 30 * 1024


@pytest.fixture
def collected(tmp_path: Path) -> HashedFiles:
    """Our scripts, as production serves them."""
    storage = HashedFiles(location=tmp_path, base_url="/static/")
    names = [f"js/{path.name}" for path in SCRIPTS.glob("*.js")]
    for name in names:
        with (ROOT / "static" / name).open("rb") as source:
            storage.save(name, File(source))
    list(storage.post_process({name: (storage, name) for name in names}))
    return storage


def test_scripts_load_each_other_by_hashed_names_without_comments(collected: HashedFiles) -> None:
    entry = Path(collected.path(collected.stored_name("js/pushboard.js"))).read_text("utf-8")
    loaded = re.findall(r'"\./([^"]+\.js)"', entry)

    assert loaded
    for name in loaded:
        assert re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name)
        assert collected.exists(f"js/{name}")
    assert not re.search(r"^\s*//", entry, re.MULTILINE)
    assert "Behaviour hangs on data-" in (SCRIPTS / "pushboard.js").read_text("utf-8")


def test_all_scripts_together_keep_their_budget(collected: HashedFiles) -> None:
    ours = [
        Path(collected.path(collected.stored_name(f"js/{path.name}")))
        for path in SCRIPTS.glob("*.js")
    ]
    weights = {
        path.name: len(gzip.compress(path.read_bytes(), 9))
        for path in [*ours, *VENDORED.glob("*.js")]
    }

    assert sum(weights.values()) <= BUDGET, weights
