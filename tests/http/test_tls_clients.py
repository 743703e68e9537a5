"""What the TLS of each runtime makes of the CA for https, as docs/tls.md tells it to be trusted."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flaresend_mock.cli.redirection import TRUST
from flaresend_mock.http import tls
from flaresend_mock.http.tls import Authority, certificate_file, names

GO = """package main
import ("fmt"; "io"; "net/http"; "os")
func main() {
    response, problem := http.Get(os.Args[1])
    if problem != nil { fmt.Println(problem); os.Exit(1) }
    io.Copy(os.Stdout, response.Body)
}
"""
JAVA = """import java.net.URI; import java.net.http.*;
class Get {
    public static void main(String[] arguments) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(arguments[0])).build();
        System.out.print(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
}
"""
NODE = """require('https').get(process.argv[1], (response) => response.pipe(process.stdout))
    .on('error', (problem) => { console.log(problem.message); process.exit(1); })"""
PYTHON = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=30).read().decode())"
PHP = "$c = curl_init($argv[1]); if (!curl_exec($c)) { echo curl_error($c); exit(1); }"
RUBY = "require 'net/http'; print Net::HTTP.get(URI(ARGV[0]))"

PROGRAMS = {
    "Node": ["node", "-e", NODE],
    "Python": [sys.executable, "-c", PYTHON],
    "PHP": ["-r", PHP, "--"],
    "Java": ["java", "-Djavax.net.ssl.trustStore=store.p12", "-Djavax.net.ssl.trustStorePassword=changeit", "Get.java"],
    "curl": ["-sS"],
    "Ruby": ["ruby", "-e", RUBY],
    "Go": ["go", "run", "get.go"],
}
"""The commands that get a URL, by the runtime; the documented command goes before the arguments of PHP and curl."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that refuse the certificate


@contextmanager
def serving(context: ssl.SSLContext, host: str) -> Iterator[int]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = type("Server", (QuietServer,), {"address_family": family})
    with kind((host, 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str], str]]:
    """A CA in a folder, the URLs of servers that it may sign for, and that of one that it may not."""
    folder = tmp_path_factory.mktemp("ca")
    authority = Authority.open(folder / "ca.pem")
    with ExitStack() as running, pytest.MonkeyPatch.context() as patched:
        good = running.enter_context(serving(authority.context(names()), "127.0.0.1"))
        there = [f"https://127.0.0.1:{good}/", f"https://localhost:{good}/"]
        if socket.has_ipv6:
            there.append(f"https://[::1]:{running.enter_context(serving(authority.context(names()), '::1'))}/")
        patched.setattr(tls, "_may_sign", lambda *_: True)
        forged = authority.context(["127.0.0.1", "evil.example"])
        yield folder, there, f"https://127.0.0.1:{running.enter_context(serving(forged, '127.0.0.1'))}/"


def command(runtime: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command that gets a URL with a runtime, and its environment, after what the documentation says."""
    documented = next(words for name, words in TRUST.items() if runtime in name.split(", "))
    words = shlex.split(documented.format(file=shlex.quote(str(certificate_file(folder / "ca.pem")))))
    program = PROGRAMS[runtime]
    if words[0] == "export":
        return program, dict(word.split("=", 1) for word in words[1:])
    if runtime != "Java":
        return [*words, *program], {}
    place = words.index("-cacerts")
    words[place : place + 1] = ["-keystore", str(folder / "store.p12")]
    subprocess.run(words, check=True, capture_output=True)
    return program, {}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("runtime", PROGRAMS)
def test_a_runtime_trusts_the_names_of_the_emulator_and_no_others(
    urls: tuple[Path, list[str], str], runtime: str
) -> None:
    folder, there, forged = urls
    if shutil.which(runtime.lower()) is None and runtime != "Python":
        pytest.skip(f"there is no {runtime} here")
    (folder / "get.go").write_text(GO)
    (folder / "Get.java").write_text(JAVA)
    words, variables = command(runtime, folder)
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}

    def get(url: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*words, url], env={**clean, **variables}, cwd=folder, capture_output=True, text=True, check=False
        )

    for url in there:
        done = get(url)
        assert (done.returncode, done.stdout.strip()) == (0, "hello"), done
    done = get(forged)
    assert done.returncode != 0
    assert re.search(r"permitted|constraints", done.stdout + done.stderr), done
