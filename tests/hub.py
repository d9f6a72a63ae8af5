"""A small hub on localhost: enough of the Hugging Face hub's protocol for its client to download.

It serves repositories made of bytes, under the addresses and with the headers that the real hub
uses, and can misbehave on request: break a transfer off, send other bytes than it promised, ask
for a licence, or refuse.
"""

import hashlib
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

BIG = 4096
"""Files from this size on are stored as the hub stores large files: by their SHA-256."""


@dataclass
class Repository:
    """A repository of the hub and how it misbehaves.

    `breaks` counts how many transfers of the weights are still to be cut off (-1: all of them),
    each after `after` bytes; `corrupt` sends other bytes of the same length.
    """

    files: dict[str, bytes]
    gated: bool = False
    private: bool = False
    refused: bool = False
    breaks: int = 0
    after: int = 1000
    corrupt: bool = False
    served: list[str] = field(default_factory=list)

    @property
    def commit(self) -> str:
        return hashlib.sha1("".join(sorted(self.files)).encode()).hexdigest()


def checksum(content: bytes) -> str:
    if len(content) >= BIG:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class LocalHub:
    """A hub with these repositories, while the `with` block runs.

    A `portal` answers whatever is asked with a page for people, as hotels' networks do.
    """

    def __init__(self, repositories: dict[str, Repository], portal: bool = False) -> None:
        self.repositories = repositories
        hub = self

        class Handler(_Handler):
            repositories = hub.repositories
            is_portal = portal

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> "LocalHub":
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    repositories: dict[str, Repository]
    is_portal: bool
    protocol_version = "HTTP/1.1"

    def log_message(self, *given: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        if self.is_portal:
            self.page(body)
            return
        path = unquote(urlsplit(self.path).path)
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"] and len(parts) >= 4:
            self.model("/".join(parts[2:4]), body)
        elif len(parts) >= 5 and parts[2] == "resolve":
            self.file("/".join(parts[:2]), "/".join(parts[4:]), body)
        else:
            self.refuse(404, "", "no such page")

    def page(self, body: bool) -> None:
        content = b"<html>Welcome! Please log in.</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def find(self, name: str) -> Repository | None:
        repository = self.repositories.get(name)
        if repository is None:
            self.refuse(404, "RepoNotFound", "Repository not found")
        elif repository.private:
            self.refuse(401, "RepoNotFound", "Repository not found")
            return None
        elif repository.refused:
            self.refuse(403, "", "Forbidden")
            return None
        return repository

    def model(self, name: str, body: bool) -> None:
        repository = self.find(name)
        if repository is None:
            return
        siblings = []
        for file, content in repository.files.items():
            entry = {"rfilename": file, "size": len(content), "blobId": checksum(content)[:40]}
            if len(content) >= BIG:
                sha = checksum(content)
                entry["lfs"] = {"sha256": sha, "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        answer = {
            "id": name,
            "modelId": name,
            "sha": repository.commit,
            "private": False,
            "gated": "manual" if repository.gated else False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": siblings,
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def file(self, name: str, file: str, body: bool) -> None:
        repository = self.find(name)
        if repository is None:
            return
        if repository.gated:
            self.refuse(403, "GatedRepo", f"Access to model {name} is restricted")
            return
        if file not in repository.files:
            self.refuse(404, "EntryNotFound", "Entry not found")
            return
        content = repository.files[file]
        begin = 0
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            begin = int(wanted.removeprefix("bytes=").split("-")[0])
        self.send_response(206 if begin else 200)
        etag = checksum(content)
        self.send_header("ETag", f'"{etag}"')
        if len(content) >= BIG:
            self.send_header("X-Linked-Etag", f'"{etag}"')
            self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("X-Repo-Commit", repository.commit)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if body:
            repository.served.append(f"{file}@{begin}")
            self.send(repository, content, begin)

    def send(self, repository: Repository, content: bytes, begin: int) -> None:
        big = len(content) >= BIG
        if big and repository.corrupt:
            content = content[:-64] + bytes(byte ^ 1 for byte in content[-64:])
        if big and repository.breaks:
            repository.breaks -= 1
            # The cut comes at one place: a transfer that is resumed there gets nothing more.
            stop = repository.after if repository.breaks < 0 else begin + repository.after
            self.wfile.write(content[begin : max(begin, stop)])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(content[begin:])
