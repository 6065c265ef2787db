"""Stage: the pages of a report at an address of this machine alone, with TensorBoard beside them; labels saved."""

from __future__ import annotations

import hmac
import html
import json
import multiprocessing
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hscd.reports.page.found import read_run
from hscd.reports.page.render import SERVED, TOKEN
from hscd.system import messages
from hscd.system.errors import InputError, brief
from hscd.system.processes import ctrl_c_held_back, die_with_parent
from pipeline import labelling, pages

_HOST = "127.0.0.1"
# Bytes of a request with labels, at most.
_MOST = 2**20


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
    """Serve the pages of a folder, and save the labels that they send, until Ctrl-C."""
    labels = _Labels()
    with (
        ThreadingHTTPServer((_HOST, port), partial(_Pages, folder=folder, labels=labels)) as server,
        tensorboard(folder / "logs") as beside,
    ):
        server.beside = beside  # type: ignore[attr-defined]
        messages.result(f"http://{_HOST}:{server.server_address[1]}/{pages.INDEX}; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    for record in labels.changed:
        pages.add(record)  # what is opened from the disk from now on has the labels too


class _Labels:
    """Labels that pages send, saved in their samples one request after the other.

    Whoever sends some has to know the `token`, which is in the pages that this server hands out and nowhere else: a
    page from elsewhere cannot read it. `changed` are the records of the samples that got any.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self.changed: set[Path] = set()
        self._lock = threading.Lock()

    def answer(self, page: Path, content: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
        """Save what was sent to a page; the status, and what to answer: all labels of its sample, or an error."""
        try:
            sent = json.loads(content)["labels"]
            if not isinstance(sent, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            return HTTPStatus.BAD_REQUEST, {"error": "these are no labels"}
        record = page.with_suffix(".json")
        try:
            sample = labelling.sample_of(read_run(record))
            if sample is None:
                return HTTPStatus.NOT_FOUND, {"error": "its sample is gone"}
            with self._lock:
                labelling.save(sample, sent)
                if sent:
                    self.changed.add(record)
                return HTTPStatus.OK, {"labels": labelling.labels_of(sample)}
        except (InputError, OSError) as error:
            messages.warn(f"labels were not saved: {brief(error)}")
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"error": brief(error)}


class _Pages(SimpleHTTPRequestHandler):
    """Hands out pages, and nothing else of the folder; takes labels of samples."""

    def __init__(self, *given: Any, folder: Path, labels: _Labels) -> None:
        self._folder, self._labels = folder, labels
        super().__init__(*given, directory=str(folder))

    def do_GET(self) -> None:
        page = self._page()
        if page is not None:
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self._completed(page.read_bytes()))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        content = self.rfile.read(int(size)) if size.isdecimal() and int(size) <= _MOST else None
        origin = self.headers.get("Origin", f"http://{self.headers.get('Host')}")
        if origin != f"http://{self.headers.get('Host')}" or not hmac.compare_digest(
            self.headers.get("X-Token", "").encode(), self._labels.token.encode()
        ):
            self.close_connection = True
            self.send_error(HTTPStatus.FORBIDDEN)
        elif content is None:
            self.close_connection = True
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif (page := self._page()) is not None:
            status, reply = self._labels.answer(page, content)
            self._send(status, "application/json", json.dumps(reply).encode())

    def _page(self) -> Path | None:
        """The file of the page that is asked for; None where that has been refused."""
        # A page elsewhere may have its name lead here, and must not read what is here.
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in (_HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN)
            return None
        asked = urlsplit(self.path).path
        path = self._folder / pages.INDEX if asked in ("", "/") else Path(self.translate_path(asked))
        inside = "\0" not in str(path) and path.resolve().is_relative_to(self._folder.resolve())
        if not inside or path.suffix != ".html" or not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return path

    def _completed(self, page: bytes) -> bytes:
        """A page with what only a server can give it."""
        beside = getattr(self.server, "beside", [])
        link = "".join(f'<a href="{html.escape(url)}" target="_blank">TensorBoard</a>' for url in beside)
        page = page.replace(SERVED.encode(), link.encode(), 1)
        return page.replace(TOKEN.encode(), f'data-token="{self._labels.token}"'.encode(), 1)

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        messages.detail(f"served: {format % args}")


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
