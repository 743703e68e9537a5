"""redirect(): code with the host hard-coded reaches an emulator, in this process and its children."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator

import aiohttp
import certifi
import httpx
import pytest
import requests
import urllib3

import flaresend_mock
from flaresend_mock import FlaresendMock
from flaresend_mock.testing import Flaresend, serving
from tests.redirection.programs.client import KEY, TEXT, URL

OTHER = "https://other.example/charge"


@pytest.fixture
def redirected(flaresend: FlaresendMock) -> Iterator[FlaresendMock]:
    with flaresend_mock.redirect(flaresend) as same:
        assert same is flaresend
        yield flaresend


def _texts(url: str) -> list[str]:
    found = requests.get(f"{url}/_mock/messages", timeout=10).json()["messages"]
    return [one["text"] for one in found if one["direction"] == "outbound"]


async def with_aiohttp(**options: bool) -> int:
    async with aiohttp.ClientSession(**options) as session, session.post(URL, json=TEXT, headers=KEY) as response:
        return response.status


def with_urllib() -> int:
    body = b'{"recipients":["254712345678"],"type":"text","text":"Hello"}'
    request = urllib.request.Request(URL, body, {**KEY, "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status


def without_environment() -> int:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(URL, json=TEXT, headers=KEY, timeout=10).status_code


CLIENTS = {
    "requests": lambda: requests.post(URL, json=TEXT, headers=KEY, timeout=10).status_code,
    "requests without the environment": without_environment,
    "requests with certifi": lambda: (
        requests.post(URL, json=TEXT, headers=KEY, timeout=10, verify=certifi.where()).status_code
    ),
    "httpx": lambda: httpx.post(URL, json=TEXT, headers=KEY).status_code,
    "httpx without the environment": lambda: httpx.post(URL, json=TEXT, headers=KEY, trust_env=False).status_code,
    "urllib3": lambda: urllib3.request("POST", URL, json=TEXT, headers=KEY, retries=False).status,
    "urllib": with_urllib,
    "aiohttp": lambda: asyncio.run(with_aiohttp()),
    "aiohttp with the environment": lambda: asyncio.run(with_aiohttp(trust_env=True)),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_for_python_reaches_the_emulator(client: str, redirected: FlaresendMock) -> None:
    assert CLIENTS[client]() == 200
    assert _texts(redirected.url) == ["Hello"]


def test_a_client_that_was_made_before_reaches_the_emulator(flaresend: FlaresendMock) -> None:
    with requests.Session() as session, httpx.Client() as client, flaresend_mock.redirect(flaresend):
        assert session.post(URL, json=TEXT, headers=KEY, timeout=10).status_code == 200
        assert client.post(URL, json=TEXT, headers=KEY).status_code == 200


def test_aiohttp_reads_the_variables_while_redirected(flaresend: FlaresendMock) -> None:
    """aiodns and uvloop find addresses without Python."""

    async def trusts(**options: bool) -> bool:
        async with aiohttp.ClientSession(**options) as session:
            return session.trust_env

    with flaresend_mock.redirect(flaresend):
        assert asyncio.run(trusts())
        assert not asyncio.run(trusts(trust_env=False))
        script = "import aiohttp.client as c; print(c.ClientSession.__init__.__kwdefaults__['trust_env'])"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == "True\n"
    assert not asyncio.run(trusts())


def test_programs_without_aiohttp_are_redirected_too(flaresend: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "aiohttp.client")

    with flaresend_mock.redirect(flaresend):
        assert requests.post(URL, json=TEXT, headers=KEY, timeout=10).status_code == 200


def test_children_reach_the_emulator(redirected: FlaresendMock) -> None:
    script = f"import requests; print(requests.post({URL!r}, json={TEXT!r}, headers={KEY!r}, timeout=10).status_code)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "200\n"


def test_https_calls_of_other_hosts_are_refused_and_recorded(redirected: FlaresendMock) -> None:
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        requests.get(OTHER, timeout=10)
    with pytest.raises(httpx.ProxyError, match="403"):
        httpx.get(OTHER)
    with pytest.raises(urllib3.exceptions.HTTPError, match="flaresend-mock refuses calls of other hosts"):
        urllib3.request("GET", OTHER, retries=False)
    with pytest.raises(aiohttp.ClientHttpProxyError, match="403"):
        asyncio.run(_get(OTHER))
    with pytest.raises(aiohttp.ClientConnectorError, match=r"other\.example"):
        asyncio.run(_get(OTHER, trust_env=False))

    assert redirected.others == {("other.example:443", False): 5}


async def _get(url: str, **options: bool) -> None:
    async with aiohttp.ClientSession(**options) as session, session.get(url):
        pass


def test_the_emulator_itself_and_local_servers_are_reached_directly(redirected: FlaresendMock) -> None:
    assert requests.get(f"{redirected.url}/_mock/health", timeout=10).status_code == 200
    assert redirected.others == {}


def test_the_proxy_leads_programs_of_this_machine_to_it(redirected: FlaresendMock) -> None:
    """PHP's streams know no exceptions from the proxy. The server is another emulator."""
    with FlaresendMock() as other, requests.Session() as session:
        session.trust_env = False
        found = session.get(f"{other.url}/_mock/health", proxies={"http": redirected.url}, timeout=10)
        assert found.status_code == 200
        refused = session.get("http://0.0.0.0:1/", proxies={"http": redirected.url}, timeout=10)
        assert refused.status_code == 403
    assert redirected.others == {("0.0.0.0:1", False): 1}


def test_everything_is_as_before_afterwards(flaresend: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_OPTIONS", "--no-warnings")
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    before = dict(os.environ)
    finders = list(sys.meta_path)
    functions = (socket.getaddrinfo, socket.create_connection, ssl.SSLContext.wrap_socket, ssl.SSLContext.wrap_bio)

    with flaresend_mock.redirect(flaresend):
        folder = os.path.dirname(os.environ["SSL_CERT_FILE"])
        assert os.environ["NODE_OPTIONS"] == f"--no-warnings --require {folder}/node.cjs"

    assert dict(os.environ) == before
    assert not os.path.exists(folder)
    assert sys.meta_path == finders
    assert functions == (
        socket.getaddrinfo,
        socket.create_connection,
        ssl.SSLContext.wrap_socket,
        ssl.SSLContext.wrap_bio,
    )


def test_without_an_emulator_a_new_one_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    with flaresend_mock.redirect() as emulator:
        assert requests.post(URL, json=TEXT, headers=emulator.headers, timeout=10).status_code == 200
        url = emulator.url
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/_mock/health", timeout=10)


def test_an_inner_redirection_uses_the_emulator_of_the_outer_one(redirected: FlaresendMock) -> None:
    variables = dict(os.environ)
    with flaresend_mock.redirect() as inner:
        assert inner is redirected
        assert without_environment() == 200
    assert dict(os.environ) == variables
    assert without_environment() == 200


def test_the_last_redirection_counts_and_they_may_end_in_any_order(flaresend: FlaresendMock) -> None:
    before = dict(os.environ)
    with FlaresendMock() as other:
        first, second = flaresend_mock.redirect(flaresend), flaresend_mock.redirect(other)
        first.__enter__()
        second.__enter__()
        assert {CLIENTS["requests"](), without_environment()} == {200}
        assert (_texts(flaresend.url), _texts(other.url)) == ([], ["Hello", "Hello"])
        first.__exit__(None, None, None)
        assert CLIENTS["requests"]() == 200
        assert len(_texts(other.url)) == 3
        second.__exit__(None, None, None)
    assert dict(os.environ) == before


def test_parallel_tests_are_apart_by_their_api_keys(flaresend: FlaresendMock) -> None:
    before, seen = dict(os.environ), {}

    def send(text: str) -> None:
        with serving(flaresend.url) as server, server.world(text) as mock:
            mock.redirect()
            requests.post(URL, json={**TEXT, "text": text}, headers=mock.headers, timeout=10).raise_for_status()
            seen[text] = [one.text for one in mock.messages()]

    threads = [threading.Thread(target=send, args=(f"thread {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == {f"thread {number}": [f"thread {number}"] for number in range(4)}
    assert dict(os.environ) == before


def test_the_kit_redirects_until_the_test_ends(kit: Flaresend) -> None:
    before = dict(os.environ)
    assert kit.redirect() is kit
    requests.post(URL, json=TEXT, headers=kit.headers, timeout=10).raise_for_status()
    kit.expect_message(text="Hello")
    kit.close()
    assert dict(os.environ) == before


def test_an_emulator_that_is_not_started_is_refused() -> None:
    before = dict(os.environ)
    with pytest.raises(flaresend_mock.CannotStart), flaresend_mock.redirect(FlaresendMock()):
        pass
    assert dict(os.environ) == before


def test_a_program_gets_the_variables_of_an_emulator_in_this_process(flaresend: FlaresendMock) -> None:
    script = f"import requests; print(requests.post({URL!r}, json={TEXT!r}, headers={KEY!r}, timeout=10).status_code)"
    variables = {**os.environ, **flaresend.env()}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=variables)

    assert done.stdout == "200\n"
    assert flaresend.env()["HTTPS_PROXY"] == flaresend.proxy_url == flaresend.url


def test_the_bundle_of_an_emulator_verifies_its_https(flaresend: FlaresendMock) -> None:
    found = requests.get(
        "https://api.flaresend.com/groups",
        headers=KEY,
        proxies={"https": flaresend.proxy_url},
        verify=flaresend.ca_bundle,
        timeout=10,
    )
    assert found.status_code == 200
    flaresend.stop()
    assert not os.path.exists(flaresend.ca_bundle)
