"""An application in a container beside the emulator's: a webhook reaches it, and it reaches the media in the event."""

import http.server
import json
import queue
import threading
from urllib.request import Request, urlopen

events: queue.Queue = queue.Queue()


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        events.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()


threading.Thread(target=http.server.HTTPServer(("", 8000), Webhook).serve_forever, daemon=True).start()
headers = {"Content-Type": "application/json", "Authorization": "Bearer YOUR_API_KEY"}
call = Request("http://flaresend:3577/check-number", b'{"number": "254712345678"}', headers)  # it tells the host
assert urlopen(call, timeout=10).status == 200
body = json.dumps({"from": "254712345678", "media": {"sample": "jpeg"}}).encode()
call = Request("http://flaresend:3577/_mock/inbound", body, headers)
assert urlopen(call, timeout=10).status == 201
url = events.get(timeout=10)["data"]["message"]["imageMessage"]["url"]
assert len(urlopen(url, timeout=10).read()) > 1000, url
print("media at", url)
