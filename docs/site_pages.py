"""Hook of MkDocs: pages and pictures outside of docs/ belong to the site, and links lead to them.

Links are written for the files of the project, so that they can be followed in an editor and on a code host.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

PROJECT = Path(__file__).parent.parent
OUTSIDE = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md")
_LINK = re.compile(r"(\]\()([^)#:\s]+)(#[^)\s]*)?(\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and pictures outside of docs/."""
    resources = [path for suffix in ("md", "png") for path in sorted((PROJECT / "res").glob(f"*.{suffix}"))]
    for path in [*(PROJECT / name for name in OUTSIDE), *resources]:
        if path.name == "README.md" and path.parent != PROJECT:
            continue  # of the folder, not of the site
        place = _place(path.relative_to(PROJECT).as_posix())
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, files: Files, **_: Any) -> str:
    """Have the links of a page lead to the pages of the site."""
    source = Path(page.file.abs_src_path).parent.relative_to(PROJECT).as_posix()
    here = posixpath.dirname(page.file.src_uri) or "."

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(source, found[2]))
        return f"{found[1]}{posixpath.relpath(_place(target), here)}{found[3] or ''}{found[4]}"

    return _LINK.sub(link, markdown)


def _place(path: str) -> str:
    """The place in the site of a file of the project."""
    return "index.md" if path == "README.md" else path.removeprefix("docs/")
