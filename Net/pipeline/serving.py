"""Stage: the pages of a report at an address of this machine alone, with TensorBoard beside them."""

from __future__ import annotations

import html
import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hscd.reports.page.render import SERVED
from hscd.system import messages
from hscd.system.errors import InputError
from hscd.system.processes import ctrl_c_held_back, die_with_parent
from pipeline import pages

_HOST = "127.0.0.1"


def publish(folder: Path, port: int | None) -> None:
    """Write the report of a folder of results anew, and serve it.

    Args:
        folder: of the results.
        port: of the address at which it is served, 0 for a free one; None for not at all.

    Raises:
        InputError: if there is no such folder.
        OSError: if the port is taken, or the disk does not take a page.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    runs = pages.rebuild(folder)
    messages.result(f"{len(runs)} run{'' if len(runs) == 1 else 's'}: {folder / pages.INDEX}")
    if port is not None:
        _serve(folder, port)


def _serve(folder: Path, port: int) -> None:
    """Serve the pages of a folder until Ctrl-C."""
    with ThreadingHTTPServer((_HOST, port), _handler(folder)) as server, tensorboard(folder / "logs") as beside:
        server.beside = beside  # type: ignore[attr-defined]
        messages.result(f"http://{_HOST}:{server.server_address[1]}/{pages.INDEX}; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _handler(folder: Path) -> type[SimpleHTTPRequestHandler]:
    class Pages(SimpleHTTPRequestHandler):
        """Hands out pages, and nothing else of the folder."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, directory=str(folder), **named)

        def do_GET(self) -> None:
            # A page elsewhere may have its name lead here, and must not read what is here.
            if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in (_HOST, "localhost"):
                self.send_error(HTTPStatus.FORBIDDEN)
                return
            asked = urlsplit(self.path).path
            path = folder / pages.INDEX if asked in ("", "/") else Path(self.translate_path(asked))
            inside = "\0" not in str(path) and path.resolve().is_relative_to(folder.resolve())
            if not inside or path.suffix != ".html" or not path.is_file():
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            self._send(path.read_bytes())

        def do_HEAD(self) -> None:
            self.do_GET()

        def _send(self, page: bytes) -> None:
            beside = getattr(self.server, "beside", [])
            link = "".join(f'<a href="{html.escape(url)}" target="_blank">TensorBoard</a>' for url in beside)
            page = page.replace(SERVED.encode(), link.encode(), 1)
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(page)

        def log_message(self, format: str, *args: Any) -> None:
            messages.detail(f"served: {format % args}")

    return Pages


@contextmanager
def tensorboard(logs: Path) -> Iterator[list[str]]:
    """TensorBoard on a folder of records during the block, if there are any; its address, as soon as it has one."""
    found: list[str] = []
    if not logs.is_dir() or not any(logs.rglob("events.out.tfevents.*")):
        messages.tell(f"{logs}: no records for TensorBoard")
        yield found
        return
    context = multiprocessing.get_context("spawn")
    told, tells = context.Pipe(duplex=False)
    process = context.Process(target=_run_tensorboard, args=(str(logs), tells), daemon=True)
    with ctrl_c_held_back():
        process.start()
    tells.close()

    def listen() -> None:
        try:
            found.append(told.recv())
            messages.result(f"TensorBoard: {found[0]}")
        except (EOFError, OSError):
            messages.warn(f"{logs}: TensorBoard does not start")

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield found
    finally:
        process.terminate()
        process.join()


def _run_tensorboard(logs: str, tells: Connection) -> None:
    """Serve records until the process that asked for it ends."""
    die_with_parent()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # its notes are about itself
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(argv=["tensorboard", "--logdir", logs, "--host", _HOST, "--port", "0"])
    tells.send(server.launch())
    threading.Event().wait()
