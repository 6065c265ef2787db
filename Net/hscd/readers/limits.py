"""What readers check before they take memory for what a file declares."""

from __future__ import annotations

from pathlib import Path

from hscd.system.errors import InputError

_MEBIBYTE = 2**20


def check_size(path: Path, size: int, limit: int) -> None:
    """Refuse an array of more bytes than the limit.

    Raises:
        InputError: naming the file, what it declares, and the limit.
    """
    if size > limit:
        declared, available = -(-size // _MEBIBYTE), limit // _MEBIBYTE
        raise InputError(
            f"{path}: declares {declared:,} MB, more than the {available:,} MB that are available (memory_limit)"
        )
