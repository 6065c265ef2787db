"""Hook of MkDocs: pages and pictures outside of docs/ and the notebooks belong to the site, and links lead to them.

Links are written for the files of the project, so that they can be followed in an editor and on a code host.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

PROJECT = Path(__file__).parent.parent
OUTSIDE = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md")
_LINK = re.compile(r"(\]\()([^)#:\s]+)(#[^)\s]*)?(\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and pictures outside of docs/, and a page of each notebook."""
    resources = [path for suffix in ("md", "png") for path in sorted((PROJECT / "res").glob(f"*.{suffix}"))]
    for path in [*(PROJECT / name for name in OUTSIDE), *resources]:
        if path.name == "README.md" and path.parent != PROJECT:
            continue  # of the folder, not of the site
        place = _place(path.relative_to(PROJECT).as_posix())
        files.append(File.generated(config, place, abs_src_path=str(path)))
    for path in sorted((PROJECT / "docs" / "notebooks").glob("*.ipynb")):
        place = _place(path.relative_to(PROJECT).as_posix())
        text, pictures = _notebook(path)
        files.append(File.generated(config, place, content=text))
        for name, content in pictures.items():
            files.append(File.generated(config, f"{posixpath.dirname(place)}/{name}", content=content))
    return files


def _notebook(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown, and its pictures by their names."""
    parts, pictures = [], dict[str, bytes]()
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            data = output.get("data", {"text/plain": output.get("text", "")})
            if "image/png" in data:
                name = f"{path.stem}_{len(pictures) + 1}.png"
                pictures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![Output of the cell above]({name})")
            else:
                parts.append(f"```\n{''.join(data['text/plain']).rstrip()}\n```")
    parts.append(f"[Download this notebook]({path.name})")
    return "\n\n".join(parts) + "\n", pictures


def on_page_markdown(markdown: str, *, page: Any, files: Files, **_: Any) -> str:
    """Have the links of a page lead to the pages of the site."""
    if page.file.abs_src_path is None:  # of a notebook
        return markdown
    source = Path(page.file.abs_src_path).parent.relative_to(PROJECT).as_posix()
    here = posixpath.dirname(page.file.src_uri) or "."

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(source, found[2]))
        return f"{found[1]}{posixpath.relpath(_place(target), here)}{found[3] or ''}{found[4]}"

    return _LINK.sub(link, markdown)


def _place(path: str) -> str:
    """The place in the site of a file of the project."""
    if path == "README.md":
        return "index.md"
    path = path.removeprefix("docs/")
    return path.removesuffix(".ipynb") + ".md" if path.startswith("notebooks/") else path
