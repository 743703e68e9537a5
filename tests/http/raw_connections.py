"""Raw requests that differ in their target, or in what becomes of their connection."""

from __future__ import annotations

from tests.http.raw_row import (
    AS,
    BODY,
    CHUNK,
    CHUNKED,
    END,
    GET,
    HOST,
    KEY,
    LINE,
    POST,
    READ,
    SIZED,
    SMUGGLED,
    Row,
    lines,
)

OLD_GET = f"GET /groups HTTP/1.0\r\n{AS}"


def get(target: str, host: str = "localhost") -> str:
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{KEY}\r\n"


def connected(target: str) -> str:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"


def closing(*fields: str) -> str:
    """Return a request with these lines, and one that must not be served if they close the connection."""
    return f"{LINE}{AS}{lines(*fields)}\r\n{GET}"


def upgrading(protocol: str, *more: str) -> str:
    fields = ["Connection: Upgrade", f"Upgrade: {protocol}", *more]
    return f"{LINE}{AS}{lines(*fields)}\r\n"


TARGETS = [
    Row("target-with-a-query", "llhttp uri.md 'Query URL with question mark'", get("/groups?a=b?c&d="), "200 open"),
    Row("target-with-an-empty-query", "Waitress test_split_url_with_query_empty", get("/groups?"), "200 open"),
    Row("target-with-escapes", "Waitress testComplexGET", get("/group%73?a+%2B%2F%C3%A4%3D%26a%3Aint=1"), "200 open"),
    Row("target-with-a-bad-escape", "Node test-http-malformed-request.js", get("/groups?foo=%99bar%"), "200 open"),
    Row("target-with-an-escaped-slash", "RFC 3986 2.2", get("/groups%2Fa"), "404 open"),
    Row("target-with-an-escaped-nul", "Http11Probe MAL-URL-PERCENT-NULL", get("/groups%00.html"), "404 open"),
    Row(
        "target-with-an-escaped-crlf",
        "Http11Probe MAL-URL-PERCENT-CRLF",
        get("/groups%0d%0aX-Injected:%20true"),
        "404 open",
        lacks="\r\nX-Injected",
    ),
    Row(
        "target-with-two-slashes",
        "Go readrequest_test '//user@host'; Waitress test_split_uri_path",
        get("//user@host/is/actually/a/path/"),
        "404 open",
    ),
    Row("target-with-quotes", "llhttp uri.md 'Quotes in URI'", get('/groups?a="b"'), "200 open"),
    Row("target-with-a-bar", "llhttp uri.md 'Query URL with vertical bar character'", get("/groups?a=|"), "200 open"),
    Row("target-with-a-backslash", "Http11Probe MAL-URL-BACKSLASH", get("/groups\\file"), "404 open"),
    Row(
        "target-of-8-kb",
        "Http11Probe COMP-LONG-URL-OK; RFC 9112 3: at least 8000 bytes",
        get(f"/groups?{'a' * 8000}"),
        "200 open",
    ),
    Row(
        "target-of-100-kb",
        "RFC 9110 15.5.15; Http11Probe MAL-LONG-URL; hyper http_11_uri_too_long",
        get(f"/{'a' * 100_000}"),
        "431 closed",
    ),
    *(
        Row(f"{name.lower()}-of-{size}", "RFC 6585 5", f"{LINE}{AS}{name}: {'a' * size}\r\n\r\n", status)
        for name in ("Content-Type", "If-Match", "If-None-Match")
        for size, status in ((1024, "200 open"), (1025, "431 closed"))
    ),
    Row("query-of-100-kb", "RFC 9110 15.5.15", get(f"/groups?{'a' * 100_000}"), "431 closed"),
    Row("target-of-100-kb-without-end", "RFC 9110 15.5.15", f"GET /{'a' * 100_000}", "431 closed"),
    Row("target-with-a-fragment", "Http11Probe RFC9112-3.2-FRAGMENT-IN-TARGET", get("/groups#frag"), "400 closed"),
    Row(
        "target-with-a-space",
        "Http11Probe COMP-SPACE-IN-TARGET; llhttp uri.md 'Space in URI'",
        get("/gro ups"),
        "400 closed",
    ),
    Row("target-with-a-nul", "Http11Probe MAL-NUL-IN-URL", get("/groups\0"), "400 closed"),
    Row("target-with-an-escape-character", "RFC 9112 3.2", get("/\x1b[31m"), "400 closed"),
    Row("target-with-a-delete", "RFC 9112 3.2", get("/groups\x7f"), "400 closed"),
    Row("target-with-a-tab", "RFC 9112 3.2", get("/gro\tups"), "400 closed"),
    Row(
        "target-beyond-ascii",
        "Http11Probe MAL-NON-ASCII-URL; llhttp uri.md 'Disallow UTF-8 in URI path in strict mode'",
        get("/caf\xc3\xa9"),
        "400 closed",
    ),
    Row("target-of-overlong-utf-8", "Http11Probe MAL-URL-OVERLONG-UTF8", get("/\xc0\xaf"), "400 closed"),
    Row("query-beyond-ascii", "RFC 9112 3.2", get("/groups?\xe9"), "400 closed"),
    Row("target-without-a-slash", "RFC 9112 3.2", get("groups"), "400 closed"),
    Row("target-of-dots", "Go readrequest_test 'bogus absolute-path'", get("../../../../etc/passwd"), "400 closed"),
    Row("target-of-a-query", "RFC 9112 3.2.1", get("?a=b"), "400 closed"),
    Row(
        "asterisk",
        "RFC 9112 3.2.4; Http11Probe COMP-OPTIONS-STAR; Go readrequest_test",
        f"OPTIONS * HTTP/1.1\r\n{AS}\r\n",
        "404 open",
    ),
    Row("asterisk-with-get", "Http11Probe COMP-ASTERISK-WITH-GET", get("*"), "400 closed"),
    Row("asterisk-with-notify", "Go readrequest_test 'NOTIFY *'", f"NOTIFY * HTTP/1.1\r\n{AS}\r\n", "400 closed"),
    Row(
        "absolute-form",
        "RFC 9112 3.2.2; Http11Probe COMP-ABSOLUTE-FORM; Go readrequest_test",
        get("http://localhost:PORT/groups"),
        "200 open",
    ),
    Row(
        "absolute-form-with-a-port",
        "llhttp uri.md 'host:port terminated by a space'",
        get("http://api.flaresend.com:80/groups", "api.flaresend.com"),
        "200 open",
    ),
    Row(
        "absolute-form-of-https",
        "Waitress test_split_url_https, testProxyGET",
        get("https://api.flaresend.com/groups", "api.flaresend.com"),
        "200 open",
    ),
    Row("absolute-form-in-other-case", "RFC 3986 6.2.2.1", get("HTTP://API.Flaresend.COM/groups"), "200 open"),
    Row(
        "absolute-form-beats-the-host",
        "RFC 9112 3.2.2; Http11Probe SMUG-ABSOLUTE-URI-HOST-MISMATCH",
        get("http://api.flaresend.com/groups", "other.example.com"),
        "200 open",
    ),
    Row("absolute-form-of-a-closed-port", "RFC 9110 15.6.3", get("http://localhost:1/groups"), "502 closed"),
    Row(
        "absolute-form-without-a-path",
        "llhttp uri.md 'Host terminated by a query string'",
        get("http://api.flaresend.com?a=b"),
        "404 open",
    ),
    Row("absolute-form-without-a-host", "RFC 9110 4.2.1", get("http:///groups"), "400 closed"),
    Row(
        "absolute-form-with-a-user",
        "RFC 9110 4.2.4; llhttp uri.md 'host:port and basic auth'",
        get("http://me:secret@api.flaresend.com/groups"),
        "400 closed",
        lacks="secret",
    ),
    Row("absolute-form-with-an-open-bracket", "RFC 3986 3.2.2", get("http://[::1/groups"), "400 closed"),
    Row("absolute-form-with-a-bad-port", "RFC 3986 3.2.3", get("http://localhost:8o/groups"), "400 closed"),
    Row(
        "absolute-form-with-a-fragment",
        "Waitress test_split_url_with_fragment",
        get("http://localhost:PORT/groups#foo"),
        "400 closed",
    ),
    Row("absolute-form-with-a-broken-scheme", "hyper test_parse_request_errors", get("htt:p//"), "400 closed"),
    Row("absolute-form-of-ftp", "RFC 9112 3.2.2", get("ftp://localhost/groups"), "400 closed"),
    Row(
        "absolute-form-of-another-host",
        "RFC 9110 7.4",
        get("http://other.example.com/", "other.example.com"),
        "403 closed",
    ),
    Row("authority-with-get", "RFC 9112 3.2.3: only with CONNECT", get("api.flaresend.com:443"), "400 closed"),
]

PROXY = [
    Row(
        "connect",
        "RFC 9110 9.3.6; hyper http_connect",
        (connected("api.flaresend.com:443"), READ, GET),
        "200* 200 open",
    ),
    Row(
        "connect-to-another-port",
        "Go readrequest_test 'CONNECT request with domain name'",
        (connected("api.flaresend.com:8080"), READ, GET),
        "200* 200 open",
    ),
    Row(
        "connect-in-capitals",
        "llhttp method.md 'CONNECT request with CAPS'",
        (connected("API.FLARESEND.COM:443"), READ, GET),
        "200* 200 open",
    ),
    Row(
        "connect-in-1.0",
        "llhttp method.md 'CONNECT request'",
        ("CONNECT api.flaresend.com:443 HTTP/1.0\r\n\r\n", READ, GET),
        "200* 200 open",
    ),
    Row("connect-to-this-address", "RFC 9110 9.3.6", (connected("localhost:PORT"), READ, GET), "200* 200 open"),
    Row(
        "connect-and-a-request-at-once",
        "llhttp method.md 'CONNECT request'",
        f"{connected('api.flaresend.com:443')}{GET}",
        "200* 200 open",
    ),
    Row(
        "connect-with-a-length",
        "RFC 9110 9.3.6: has no content; llhttp method.md 'CONNECT with body'",
        (f"CONNECT api.flaresend.com:443 HTTP/1.1\r\n{HOST}Content-Length: 10\r\n\r\n", READ, GET),
        "200* 200 open",
    ),
    Row("connect-without-a-host", "RFC 9112 3.2", "CONNECT api.flaresend.com:443 HTTP/1.1\r\n\r\n", "400 closed"),
    Row(
        "connect-without-a-port", "RFC 9110 9.3.6; hyper http_connect_new", connected("api.flaresend.com"), "400 closed"
    ),
    Row("connect-with-an-empty-port", "RFC 9110 9.3.6", connected("api.flaresend.com:"), "400 closed"),
    Row("connect-to-port-0", "RFC 9110 9.3.6", connected("api.flaresend.com:0"), "400 closed"),
    Row("connect-to-a-port-too-high", "RFC 9110 9.3.6", connected("api.flaresend.com:65536"), "400 closed"),
    Row("connect-to-a-port-of-letters", "RFC 9110 9.3.6", connected("api.flaresend.com:https"), "400 closed"),
    Row(
        "connect-with-a-user",
        "RFC 9112 3.2.3",
        "CONNECT me:secret@api.flaresend.com:443 HTTP/1.1\r\nHost: api.flaresend.com\r\n\r\n",
        "400 closed",
        lacks="secret",
    ),
    Row(
        "connect-to-a-path",
        "Go readrequest_test 'CONNECT request for RPC'",
        f"CONNECT /_goRPC_ HTTP/1.1\r\n{HOST}\r\n",
        "400 closed",
    ),
    Row("connect-to-an-asterisk", "RFC 9112 3.2.3", f"CONNECT * HTTP/1.1\r\n{HOST}\r\n", "400 closed"),
    Row(
        "connect-to-a-url", "RFC 9112 3.2.3", f"CONNECT http://api.flaresend.com/ HTTP/1.1\r\n{HOST}\r\n", "400 closed"
    ),
    Row("connect-to-brackets-without-an-address", "RFC 3986 3.2.2", connected("[:::]:443"), "400 closed"),
    Row("connect-to-an-ipv4-address-in-brackets", "RFC 3986 3.2.2", connected("[1.2.3.4]:443"), "400 closed"),
    Row("absolute-form-without-an-address", "RFC 3986 3.2.2", get("http://[::::]/groups"), "400 closed"),
    Row("connect-to-a-host-of-300-letters", "RFC 1035 2.3.4", connected(f"{'a' * 300}:443"), "400 closed"),
    Row("connect-to-nothing", "RFC 9112 3.2.3", f"CONNECT :443 HTTP/1.1\r\n{HOST}\r\n", "400 closed"),
    Row(
        "connect-to-escapes",
        "Go badRequestTests 'bad_connect_host'",
        f"CONNECT []%20%48%54%54%50%2f%31%2e%31%0a HTTP/1.1\r\n{HOST}\r\n",
        "400 closed",
    ),
    Row("connect-to-another-host", "Http11Probe COMP-METHOD-CONNECT", connected("other.example.com:443"), "403 closed"),
]

CONNECTIONS = [
    Row("kept-in-1.1", "hyper keep_alive; Waitress EchoTests.test_keepalive_http_11", GET * 3, "200 200 200 open"),
    Row(
        "kept-explicitly",
        "llhttp connection.md 'Restarting when keep-alive is explicitly'; Waitress "
        "EchoTests.test_keepalive_http11_explicit",
        closing("Connection: keep-alive"),
        "200 200 open",
    ),
    Row(
        "close",
        "Http11Probe COMP-CONNECTION-CLOSE; Waitress EchoTests.test_keepalive_http11_connclose; llhttp "
        "connection.md 'CRLF between requests, explicit close'",
        closing("Connection: close"),
        "200 closed",
    ),
    Row("close-in-title-case", "RFC 9110 7.6.1", closing("Connection: Close"), "200 closed"),
    Row("close-in-capitals", "RFC 9110 7.6.1", closing("CONNECTION: CLOSE"), "200 closed"),
    Row(
        "close-before-a-tab",
        "llhttp connection.md 'explicit close followed by tab'",
        closing("Connection: close\t"),
        "200 closed",
    ),
    Row("close-without-a-space", "RFC 9112 5.1", closing("Connection:close"), "200 closed"),
    Row(
        "close-among-tokens",
        "llhttp connection.md 'Parsing multiple tokens'",
        closing("Connection: close, token, upgrade, token, keep-alive"),
        "200 closed",
    ),
    Row("close-as-last-token", "hyper test_decoder_response", closing("Connection: foo, close"), "200 closed"),
    Row("close-after-empty-tokens", "RFC 9110 5.6.1.2", closing("Connection: , ,close"), "200 closed"),
    Row("close-in-a-second-line", "RFC 9110 5.3", closing("Connection: keep-alive", "Connection: close"), "200 closed"),
    Row("close-is-a-whole-token", "RFC 9110 7.6.1", closing("Connection: closed, unclose"), "200 200 open"),
    Row(
        "close-after-a-body",
        "RFC 9112 9.6",
        f"{POST}Connection: close\r\nContent-Length: 26\r\n\r\n{BODY}{GET}",
        "200 closed",
    ),
    Row(
        "close-after-chunks",
        "RFC 9112 9.6",
        f"{POST}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNK}{END}{GET}",
        "200 closed",
    ),
    Row(
        "close-ends-before-more-than-fits",
        "Waitress TooLargeTests.test_request_body_too_large_with_no_cl_http11_connclose",
        f"{LINE}{AS}Connection: close\r\n\r\n{'a' * 100_000}",
        "200 closed",
    ),
    Row(
        "close-and-a-longer-body",
        "Waitress TooLargeTests.test_request_body_too_large_with_wrong_cl_http11_connclose; hyper "
        "get_should_ignore_body",
        f"{LINE}{AS}Connection: close\r\nContent-Length: 5\r\n\r\n{'a' * 100_000}",
        "200 closed",
    ),
    Row(
        "keep-alive-header",
        "llhttp sample.md 'Firefox GET'; Go readrequest_test",
        closing("Keep-Alive: 300", "Connection: keep-alive", "Proxy-Connection: keep-alive"),
        "200 200 open",
    ),
    Row(
        "1.0",
        "Http11Probe COMP-HTTP10-DEFAULT-CLOSE; Node test-http-1.0.js; Waitress EchoTests.test_keepalive_http_10",
        f"{OLD_GET}\r\n{GET}",
        "200 closed",
    ),
    Row(
        "1.0-with-a-body",
        "Waitress EchoTests.test_send_with_body, test_without_crlf",
        SIZED.replace("HTTP/1.1", "HTTP/1.0"),
        "200 closed",
    ),
    Row(
        "1.0-with-too-long-a-body",
        "Waitress TooLargeTests.test_request_body_too_large_with_wrong_cl_http10",
        f"{OLD_GET}Content-Length: 5\r\n\r\n{'a' * 100_000}",
        "200 closed",
    ),
    Row(
        "1.0-with-a-body-without-length",
        "Waitress TooLargeTests.test_request_body_too_large_with_no_cl_http10",
        f"{OLD_GET}\r\n{'a' * 100_000}",
        "200 closed",
    ),
    Row(
        "1.0-kept",
        "hyper http_10_keep_alive; Waitress EchoTests.test_keepalive_http10_explicit; Node test-http-1.0-keep-alive.js",
        f"{OLD_GET}Connection: keep-alive\r\n\r\n",
        "200 open",
        has="Connection: keep-alive",
    ),
    Row(
        "1.0-kept-in-title-case",
        "Waitress EchoTests.test_keepalive_http10_explicit",
        f"{OLD_GET}Connection: Keep-Alive\r\n\r\n",
        "200 open",
        has="Connection: keep-alive",
    ),
    Row(
        "1.0-kept-among-tokens",
        "hyper test_decoder_response",
        f"{OLD_GET}Connection: foo, keep-alive, bar\r\n\r\n",
        "200 open",
    ),
    Row("1.0-kept-and-closed", "RFC 9112 9.3", f"{OLD_GET}Connection: keep-alive, close\r\n\r\n{GET}", "200 closed"),
    Row(
        "1.0-kept-then-refused",
        "Waitress TooLargeTests.test_request_body_too_large_with_wrong_cl_http10_keepalive",
        f"{OLD_GET}Connection: keep-alive\r\nContent-Length: 5\r\n\r\n{'a' * 100_000}",
        "200 431 closed",
    ),
    Row(
        "1.0-kept-three-times",
        "Waitress PipeliningTests.test_pipelining",
        f"{OLD_GET}Connection: keep-alive\r\n\r\n" * 2 + f"{OLD_GET}Connection: close\r\n\r\n",
        "200 200 200 closed",
    ),
    Row(
        "1.0-unlike-apache-bench",
        "llhttp sample.md 'Apache bench GET'",
        f"{OLD_GET}User-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n",
        "200 closed",
    ),
    Row(
        "pipelined",
        "Http11Probe SMUG-PIPELINE-SAFE; hyper pipeline_enabled; llhttp pipelining.md",
        f"{GET}{SIZED}{CHUNKED}{CHUNK}{END}{get('/nowhere')}{GET}",
        "200 200 200 404 200 open",
    ),
    Row(
        "pipelined-after-crlf",
        "llhttp connection.md 'CRLF between requests'; Go TestTolerateCRLFBeforeRequestLine",
        f"{SIZED}\r\n\r\n{GET}",
        "200 200 open",
    ),
    Row("pipelined-before-nonsense", "RFC 9112 9.3", f"{GET}nonsense\r\n\r\n{GET}", "200 400 closed"),
    Row("pipelined-after-a-refusal", "RFC 9112 9.6", f"{GET}{LINE}X-A : 1\r\n\r\n{SMUGGLED}", "200 400 closed"),
    Row(
        "pipelined-after-a-refused-body",
        "RFC 9112 9.6",
        f"{POST}Content-Length: 99999999999\r\n\r\n{SMUGGLED}",
        "413 closed",
    ),
    Row(
        "pipelined-after-a-refused-key",
        "RFC 9112 9.3; Go TestServerExpect 'readBody: false'",
        f"{SIZED.replace('YOUR_API_KEY', '')}{GET}",
        "401 200 open",
    ),
    Row(
        "pipelined-after-404-with-a-body",
        "RFC 9112 9.3",
        f"POST /nowhere HTTP/1.1\r\n{AS}Content-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}{GET}",
        "404 200 open",
    ),
    Row(
        "head",
        "Http11Probe COMP-HEAD-NO-BODY; hyper head_response_doesnt_send_body; Node test-http-head-request.js",
        f"HEAD /groups HTTP/1.1\r\n{AS}\r\n{GET}",
        "200* 200 open",
    ),
    Row(
        "head-names-the-length",
        "RFC 9110 9.3.2; hyper head_response_can_send_content_length",
        f"HEAD /groups HTTP/1.1\r\n{AS}\r\n",
        "200* open",
        has="Content-Length: ",
    ),
    Row("head-of-nowhere", "RFC 9110 9.3.2", f"HEAD /nowhere HTTP/1.1\r\n{AS}\r\n{GET}", "404* 200 open"),
    Row(
        "head-with-a-body",
        "Http11Probe SMUG-HEAD-CL-BODY",
        f"HEAD /groups HTTP/1.1\r\n{AS}Content-Length: 5\r\n\r\nhello{GET}",
        "200* 200 open",
    ),
    Row(
        "head-with-a-length-of-zero",
        "Go readrequest_test 'HEAD with Content-Length 0'",
        f"HEAD /groups HTTP/1.1\r\n{AS}Connection: close\r\nContent-Length: 0\r\n\r\n",
        "200* closed",
    ),
    Row("head-in-1.0", "RFC 9110 9.3.2", f"HEAD /groups HTTP/1.0\r\n{AS}\r\n", "200* closed"),
    Row("head-refused", "RFC 9110 9.3.2", f"HEAD /groups HTTP/1.1\r\n{AS}X-A : 1\r\n\r\n", "400* closed"),
    Row("half-closed", "hyper http1_allow_half_close; Node test-http-server.js", GET, "200 closed", hang_up=True),
    Row("half-closed-after-a-body", "hyper http1_allow_half_close", SIZED, "200 closed", hang_up=True),
    Row(
        "half-closed-after-chunks", "hyper http1_allow_half_close", f"{CHUNKED}{CHUNK}{END}", "200 closed", hang_up=True
    ),
    Row("half-closed-after-three", "Node test-http-server.js", GET * 3, "200 200 200 closed", hang_up=True),
    Row(
        "nothing",
        "Http11Probe MAL-EMPTY-REQUEST; hyper empty_parse_eof_does_not_return_error",
        "",
        "closed",
        hang_up=True,
    ),
    Row("part-of-a-method", "h1spec 'Fragmented method'", "G", "closed", hang_up=True),
    Row(
        "part-of-a-request-line",
        "h1spec 'Fragmented request line'; hyper nonempty_parse_eof_returns_error",
        "GET / HTTP/1.1",
        "closed",
        hang_up=True,
    ),
    Row(
        "part-of-a-header",
        "Http11Probe MAL-INCOMPLETE-REQUEST; llhttp finish.md 'inside of the header'",
        f"{LINE}{HOST}X-Test: value",
        "closed",
        hang_up=True,
    ),
    Row("part-of-a-head", "h1spec 'Fragmented request termination'", f"{LINE}{HOST}\r", "closed", hang_up=True),
    Row("part-of-a-second-request", "RFC 9112 8", f"{GET}GET / HT", "200 closed", hang_up=True),
    Row(
        "head-in-pieces",
        "h1spec 'Fragmented …'",
        (
            "G",
            "ET",
            " ",
            "/gro",
            "ups",
            " ",
            "HTT",
            "P/1",
            ".1",
            "\r",
            "\n",
            "Ho",
            "st",
            ":",
            " ",
            "localhost\r",
            "\n",
            KEY,
            "\r",
            "\n",
        ),
        "200 open",
    ),
]

UPGRADES = [
    Row(
        "websocket",
        "Http11Probe COMP-UPGRADE-POST; llhttp connection.md 'Upgrade GET request'; hyper upgrades_ignored; Node "
        "test-http-upgrade-server.js",
        upgrading("websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13") + GET,
        "200 200 open",
    ),
    Row(
        "websocket-without-connection",
        "Http11Probe COMP-UPGRADE-MISSING-CONN",
        closing("Upgrade: websocket"),
        "200 200 open",
    ),
    Row(
        "websocket-among-tokens",
        "llhttp connection.md 'Multiple tokens with folding and LWS'",
        closing("Connection: keep-alive, upgrade", "Upgrade: WebSocket"),
        "200 200 open",
    ),
    Row(
        "websocket-of-version-99",
        "Http11Probe COMP-UPGRADE-INVALID-VER",
        upgrading("websocket", "Sec-WebSocket-Version: 99") + GET,
        "200 200 open",
    ),
    Row(
        "websocket-in-1.0",
        "RFC 9110 7.8; Http11Probe COMP-UPGRADE-HTTP10",
        f"{OLD_GET}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "200 closed",
    ),
    Row(
        "websocket-and-close",
        "RFC 9110 7.6.1",
        closing("Connection: Upgrade, close", "Upgrade: websocket"),
        "200 closed",
    ),
    Row(
        "upgrade-to-http-2",
        "RFC 9110 7.8; llhttp connection.md 'Upgrade POST request'",
        closing("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        "200 200 open",
    ),
    Row(
        "upgrade-to-something-else",
        "Http11Probe COMP-UPGRADE-UNKNOWN",
        upgrading("totally-made-up/1.0") + GET,
        "200 200 open",
    ),
    Row(
        "upgrade-with-a-body",
        "llhttp connection.md 'Emitting part of body and pausing'",
        f"{POST}Connection: Upgrade\r\nUpgrade: ws\r\nContent-Length: 26\r\n\r\n{BODY}{GET}",
        "200 200 open",
    ),
    Row(
        "upgrade-with-chunks",
        "RFC 9110 7.8",
        f"{POST}Connection: Upgrade\r\nUpgrade: ws\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNK}{END}{GET}",
        "200 200 open",
    ),
    Row(
        "upgrade-with-a-body-in-pieces",
        "llhttp connection.md 'Upgrade POST request'",
        (f"{POST}Connection: Upgrade\r\nUpgrade: ws\r\nContent-Length: 26\r\n\r\n", BODY[:9], BODY[9:], GET),
        "200 200 open",
    ),
    Row(
        "preface-of-http-2",
        "RFC 9113 3.4; Http11Probe MAL-H2-PREFACE; Go TestServerValidatesHostHeader",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "505 closed",
    ),
    Row("preface-with-a-path", "Go TestServerValidatesHostHeader", "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 closed"),
    Row("binary", "Http11Probe MAL-BINARY-GARBAGE", "\x00\x01\x02\xff\xfe\xfd\r\n\r\n", "400 closed"),
    Row("hello-of-sslv2", "RFC 5246 E.2", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\r\n\r\n", "400 closed"),
    Row("response", "llhttp type request", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "400 closed"),
]

CONVERSATIONS = [*TARGETS, *PROXY, *CONNECTIONS, *UPGRADES]
