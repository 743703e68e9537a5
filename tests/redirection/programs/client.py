"""A client of Flaresend that hard-codes its host: sends, uploads, receives over https, and downloads media."""

import asyncio
import json
import ssl
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

URL = "https://api.flaresend.com/send-message"
KEY = {"Authorization": "Bearer YOUR_API_KEY"}
TEXT = {"recipients": ["254712345678"], "type": "text", "text": "Hello"}
FORM = [("recipients[]", "254712345678"), ("type", "document")]
FILE = ("menu.pdf", b"%PDF-1.7 menu", "application/pdf")


def with_requests():
    import requests

    requests.post(URL, json=TEXT, headers=KEY, timeout=20).raise_for_status()
    requests.post(URL, data=FORM, files={"file": FILE}, headers=KEY, timeout=20).raise_for_status()


def with_session():
    import requests

    with requests.Session() as session:
        session.headers.update(KEY)
        session.post(URL, json=TEXT, timeout=20).raise_for_status()
        session.post(URL, data=FORM, files={"file": FILE}, timeout=20).raise_for_status()


def with_deaf_session():
    """Read no variables."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.post(URL, json=TEXT, headers=KEY, timeout=20).raise_for_status()
        session.post(URL, data=FORM, files={"file": FILE}, headers=KEY, timeout=20).raise_for_status()


def with_httpx():
    import httpx

    httpx.post(URL, json=TEXT, headers=KEY).raise_for_status()
    httpx.post(URL, data=dict(FORM), files={"file": FILE}, headers=KEY).raise_for_status()


def with_aiohttp():
    import aiohttp

    async def send():
        async with aiohttp.ClientSession(headers=KEY, raise_for_status=True) as session:
            async with session.post(URL, json=TEXT):
                pass
            form = aiohttp.FormData(FORM)
            form.add_field("file", FILE[1], filename=FILE[0], content_type=FILE[2])
            async with session.post(URL, data=form):
                pass

    asyncio.run(send())


def with_urllib3():
    import urllib3

    assert urllib3.request("POST", URL, json=TEXT, headers=KEY, retries=False).status == 200
    fields = [*FORM, ("file", FILE)]
    assert urllib3.request("POST", URL, fields=fields, headers=KEY, retries=False).status == 200


def with_urllib():
    request = urllib.request.Request(URL, json.dumps(TEXT).encode(), {**KEY, "Content-Type": "application/json"})
    assert urllib.request.urlopen(request, timeout=20).status == 200
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in FORM
    ]
    head = (
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{FILE[0]}"\r\nContent-Type: {FILE[2]}\r\n\r\n'
    )
    body = b"".join(parts) + head.encode() + FILE[1] + b"\r\n--b--\r\n"
    request = urllib.request.Request(URL, body, {**KEY, "Content-Type": "multipart/form-data; boundary=b"})
    assert urllib.request.urlopen(request, timeout=20).status == 200


def receive(certificate):
    """Return the event of the first webhook."""
    events = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        print("PORT", server.server_address[1], flush=True)
        while not events:
            server.handle_request()
    return events[0]


if __name__ == "__main__":
    globals()[f"with_{sys.argv[2]}"]()
    media = receive(f"{sys.argv[1]}/server.pem")["data"]["message"]["imageMessage"]["url"]
    print("MEDIA", len(urllib.request.urlopen(media, timeout=20).read()))
