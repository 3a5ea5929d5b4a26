"""Scripts name each other by their hash, and carry no comments to a browser."""

from __future__ import annotations

import re
from pathlib import Path

from django.core.files.base import File

from pushboard.storage import HashedFiles
from tests.conventions.sources import ROOT

SCRIPTS = ROOT / "static" / "js"


def test_scripts_load_each_other_by_hashed_names_without_comments(tmp_path: Path) -> None:
    storage = HashedFiles(location=tmp_path, base_url="/static/")
    names = [f"js/{path.name}" for path in SCRIPTS.glob("*.js")]
    for name in names:
        with (ROOT / "static" / name).open("rb") as source:
            storage.save(name, File(source))

    list(storage.post_process({name: (storage, name) for name in names}))

    entry = (tmp_path / storage.stored_name("js/pushboard.js")).read_text(encoding="utf-8")
    loaded = re.findall(r'"(\./[^"]+\.js)"', entry)
    assert loaded
    for name in loaded:
        assert re.fullmatch(r"\./\w+\.[0-9a-f]{12}\.js", name)
        assert (tmp_path / "js" / name).exists()
    assert not re.search(r"^\s*//", entry, re.MULTILINE)
    assert "Behaviour hangs on data-" in (SCRIPTS / "pushboard.js").read_text(encoding="utf-8")
