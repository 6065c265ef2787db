"""Stage: the pages of a report at an address of this machine alone, with TensorBoard beside them; labels saved."""

from __future__ import annotations

import hmac
import html
import json
import multiprocessing
import os
import secrets
import sys
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
from hscd.system.errors import InputError, brief, counted
from hscd.system.processes import ctrl_c_held_back, die_with_parent
from pipeline import labelling, pages

_HOST = "127.0.0.1"
# Bytes of a request with labels, at most.
_MOST = 2**20


def publish(folder: Path) -> None:
    """Write the report of a folder of results anew.

    Raises:
        InputError: if there is no such folder, or no page could be written, nor one is there.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    runs = pages.rebuild(folder)
    if not (folder / pages.INDEX).is_file():
        raise InputError(f"{folder}: no page could be written, as the warning says")
    messages.result(f"{counted(len(runs), 'run')}: {folder / pages.INDEX}")


def serve(folder: Path, port: int) -> None:
    """Serve the pages of a folder, and save the labels that they send, until Ctrl-C, which is no interruption here.

    Args:
        folder: of the results.
        port: of the address, 0 for a free one.

    Raises:
        OSError: if the port is taken, or the disk does not take a page.
    """
    with Server(folder, port) as server, tensorboard(folder / "logs") as server.beside:
        messages.result(f"{server.address}{pages.INDEX} (Ctrl-C ends it)")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    for record in server.labels.changed:
        pages.add(record)  # what is opened from the disk from now on has the labels too


class Server(ThreadingHTTPServer):
    """Serves the pages of a folder below an `address` with a secret in it, which other users do not know.

    `beside` are addresses that each page links to.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.labels, self.beside = _Labels(), list[str]()
        super().__init__((_HOST, port), partial(_Pages, directory=str(folder)))

    @property
    def address(self) -> str:
        return f"http://{_HOST}:{self.server_address[1]}/{self.labels.token}/"

    def handle_error(self, request: object, client_address: object) -> None:
        messages.detail(f"a request was not answered: {sys.exc_info()[1]!r}")  # a client hung up, for example


class _Labels:
    """Labels that pages send, saved in their samples one request after the other.

    Whoever sends some has to know the `token`, which is in the address and the pages of this server and nowhere else: a
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

    server: Server
    timeout = 30  # seconds without a byte

    def do_GET(self) -> None:
        if (asked := self._asked()) is not None and (page := self._page(asked)) is not None:
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self._completed(page.read_bytes()))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        if (asked := self._asked()) is None:
            return
        size = self.headers.get("Content-Length", "")
        origin = self.headers.get("Origin", f"http://{self.headers.get('Host')}")
        if origin != f"http://{self.headers.get('Host')}" or not self._is_secret(self.headers.get("X-Token", "")):
            self.send_error(HTTPStatus.FORBIDDEN)
        elif not size.isdecimal() or len(size) > len(str(_MOST)) or int(size) > _MOST:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            content = self.rfile.read(int(size))
            if (page := self._page(asked)) is not None:
                status, reply = self.server.labels.answer(page, content)
                self._send(status, "application/json", json.dumps(reply).encode())

    def _asked(self) -> str | None:
        """What is asked for below the address with the secret; None where that has been refused."""
        try:
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
            secret, slash, asked = urlsplit(self.path).path[1:].partition("/")
        except ValueError:  # no addresses at all
            host = None
        # A page elsewhere may have its name lead here, and must not read what is here.
        if host not in (_HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN)
        elif not slash or not self._is_secret(secret):
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            return asked
        return None

    def _is_secret(self, word: str) -> bool:
        return hmac.compare_digest(word.encode(errors="replace"), self.server.labels.token.encode())

    def _page(self, asked: str) -> Path | None:
        """The file of the page that is asked for; None where that has been refused."""
        folder, path = Path(self.directory), Path(self.translate_path(f"/{asked or pages.INDEX}"))
        try:
            inside = path.resolve().is_relative_to(folder.resolve())
            if inside and path.suffix == ".html" and path.is_file() and os.access(path, os.R_OK):
                return path
        except (OSError, ValueError, RuntimeError) as error:  # too long a name, links in a circle
            messages.detail(f"{brief(asked)}: {brief(error)}")
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

    def _completed(self, page: bytes) -> bytes:
        """A page with what only a server can give it."""
        beside = self.server.beside
        link = "".join(f'<a href="{html.escape(url)}" target="_blank">TensorBoard</a>' for url in beside)
        page = page.replace(SERVED.encode(), link.encode(), 1)
        return page.replace(TOKEN.encode(), f'data-token="{self.server.labels.token}"'.encode(), 1)

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
        messages.detail(f"{logs}: no records of trainings, so no TensorBoard")
        yield found
        return
    context = multiprocessing.get_context("spawn")
    told, tells = context.Pipe(duplex=False)
    process = context.Process(target=_run_tensorboard, args=(str(logs), secrets.token_urlsafe(24), tells), daemon=True)
    with ctrl_c_held_back():
        process.start()
    tells.close()

    def listen() -> None:
        try:
            found.append(told.recv())
            messages.tell(f"TensorBoard, to which the pages link: {found[0]}")
        except (EOFError, OSError):
            messages.warn(f"{logs}: TensorBoard does not start")

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield found
    finally:
        process.terminate()
        process.join()


def _run_tensorboard(logs: str, secret: str, tells: Connection) -> None:
    """Serve records, below an address with a secret in it, until the process that asked for it ends."""
    die_with_parent()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # its notes are about itself
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(argv=["tensorboard", "--logdir", logs, "--host", _HOST, "--port", "0", f"--path_prefix=/{secret}"])
    tells.send(server.launch())
    threading.Event().wait()
