"""Raw requests that differ in how their bodies are framed: lengths, transfer encodings and expectations."""

from __future__ import annotations

from tests.http.raw_row import AS, BODY, CHUNK, END, GET, LINE, POST, READ, SIZED, SMUGGLED, Row, lines

OLD = POST.replace("HTTP/1.1", "HTTP/1.0")
SMUGGLED_CHUNK = f"0\r\n\r\n{SMUGGLED}"


def sized(length: str) -> str:
    """Return a request whose Content-Length is written so."""
    return f"{POST}Content-Length:{length}\r\n\r\n{BODY}"


def encoded(encoding: str, *more: str) -> str:
    """Return a request with a chunked body whose Transfer-Encoding is written so, and more headers."""
    return f"{POST}Transfer-Encoding:{encoding}\r\n{lines(*more)}\r\n{CHUNK}{END}"


LENGTHS = [
    Row("length", "Http11Probe COMP-POST-CL-BODY; hyper post_with_content_length_body", SIZED, "200 open"),
    Row(
        "length-of-zero",
        "Http11Probe COMP-POST-CL-ZERO; Waitress EchoTests.test_send_empty_body",
        f"{LINE}{AS}Content-Length: 0\r\n\r\n{GET}",
        "200 200 open",
    ),
    Row(
        "length-of-zero-and-a-body",
        "Http11Probe SMUG-CL0-BODY-POISON",
        f"{LINE}{AS}Content-Length: 0\r\n\r\nX{GET}",
        "200 405 open",
    ),
    Row(
        "length-of-two-zeros",
        "Http11Probe SMUG-CL-DOUBLE-ZERO",
        f"{LINE}{AS}Content-Length: 00\r\n\r\n{GET}",
        "200 200 open",
    ),
    Row(
        "length-with-leading-zeros",
        "Http11Probe SMUG-CL-LEADING-ZEROS; llhttp content-length.md 'with zeroes'",
        sized(" 0026"),
        "200 open",
    ),
    Row("length-is-decimal-with-leading-zeros", "Http11Probe SMUG-CL-LEADING-ZEROS-OCTAL", sized(" 026"), "200 open"),
    Row("length-without-a-space", "RFC 9112 5.1", sized("26"), "200 open"),
    Row("length-after-spaces", "Http11Probe SMUG-CL-EXTRA-LEADING-SP", sized("  26"), "200 open"),
    Row("length-before-a-space", "Http11Probe SMUG-CL-TRAILING-SPACE", sized(" 26 "), "200 open"),
    Row(
        "length-between-tabs",
        "Http11Probe MAL-CL-TAB-BEFORE-VALUE; llhttp content-length.md 'Tabs'",
        sized("\t26\t  "),
        "200 open",
    ),
    Row(
        "length-in-other-case",
        "llhttp content-length.md 'Funky Content-Length'",
        f"{POST}conTENT-Length: 26\r\n\r\n{BODY}",
        "200 open",
    ),
    Row(
        "length-of-other-headers-between",
        "llhttp content-length.md 'with follow-up headers'",
        f"{POST}Content-Length: 26\r\nOhai: world\r\n\r\n{BODY}",
        "200 open",
    ),
    Row(
        "length-with-a-plus",
        "Http11Probe RFC9112-6.1-CL-PLUS-SIGN; Go TestParseContentLength; Waitress "
        "test_parse_header_bad_content_length_plus",
        sized(" +26"),
        "400 closed",
    ),
    Row(
        "length-below-zero",
        "h1spec 'Negative Content-Length header'; Go TestParseContentLength; Waitress "
        "test_parse_header_bad_content_length_minus",
        sized(" -26"),
        "400 closed",
    ),
    Row("length-of-minus-zero", "Http11Probe SMUG-CL-NEGATIVE-ZERO", sized(" -0"), "400 closed"),
    Row(
        "length-far-below-zero",
        "h1spec 'Overflowing negative Content-Length header'",
        sized(" -123456789123456789123456789"),
        "400 closed",
    ),
    Row(
        "length-of-letters",
        "h1spec 'Non-numeric Content-Length header'; hyper illegal_request_length_returns_400_"
        "response; Waitress test_parse_header_bad_content_length",
        sized(" abc"),
        "400 closed",
    ),
    Row("length-before-letters", "Http11Probe SMUG-CLTE-SMUGGLED-GET-CL-NON-NUMERIC", sized(" 26x"), "400 closed"),
    Row("length-in-hexadecimal", "Http11Probe SMUG-CL-HEX-PREFIX", sized(" 0x1a"), "400 closed"),
    Row("length-in-octal", "Http11Probe SMUG-CL-OCTAL", sized(" 0o32"), "400 closed"),
    Row("length-with-an-underscore", "Http11Probe SMUG-CL-UNDERSCORE", sized(" 2_6"), "400 closed"),
    Row(
        "length-with-a-space",
        "Http11Probe SMUG-CL-INTERNAL-SPACE; llhttp content-length.md 'Spaces #2'",
        sized(" 2 6"),
        "400 closed",
    ),
    Row("length-with-a-point", "RFC 9110 8.6", sized(" 26.0"), "400 closed"),
    Row("length-with-an-exponent", "RFC 9110 8.6", sized(" 1e3"), "400 closed"),
    Row("length-of-other-digits", "RFC 9110 8.6", sized(" \xb2\xb6"), "400 closed"),
    Row(
        "empty-length",
        "Http11Probe MAL-CL-EMPTY; llhttp content-length.md 'Empty Content-Length'; Go TestParseContentLength",
        sized(" "),
        "400 closed",
    ),
    Row(
        "length-over-64-bits",
        "Http11Probe MAL-CL-OVERFLOW; llhttp content-length.md 'overflow'",
        sized(" 1000000000000000000000"),
        "400 closed",
    ),
    Row("length-of-2-to-the-64", "Go TestParseContentLength", sized(" 18446744073709551616"), "400 closed"),
    Row("length-of-5000-digits", "Go TestParseContentLength", sized(f" {'9' * 5000}"), "400 closed"),
    Row("length-over-the-limit", "Http11Probe MAL-POST-CL-HUGE-NO-BODY", sized(" 99999999999"), "413 closed"),
    Row(
        "two-lengths",
        "RFC 9112 6.3; Http11Probe SMUG-DUPLICATE-CL; Node test-http-double-content-length.js; Waitress "
        "test_received_duplicate_content_length_header",
        sized(" 26\r\nContent-Length: 27"),
        "400 closed",
    ),
    Row(
        "two-lengths-with-a-request-between",
        "Http11Probe SMUG-DUPLICATE-CL-SMUGGLED-GET",
        f"{POST}Content-Length: 4\r\nContent-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
        "400 closed",
    ),
    Row(
        "two-lengths-of-head",
        "Go badRequestTests 'smuggle_two_content_len_head'",
        f"HEAD / HTTP/1.1\r\n{AS}Content-Length: 4\r\nContent-Length: 5\r\n\r\n1234",
        "400* closed",
    ),
    Row(
        "two-same-lengths", "RFC 9112 6.3; hyper test_decoder_request", sized(" 26\r\nContent-Length: 26"), "400 closed"
    ),
    Row("two-lengths-in-one", "Http11Probe SMUG-CL-COMMA-DIFFERENT", sized(" 26, 27"), "400 closed"),
    Row("two-same-lengths-in-one", "Http11Probe SMUG-CL-COMMA-SAME", sized(" 26, 26"), "400 closed"),
    Row("three-same-lengths-in-one", "Http11Probe SMUG-CL-COMMA-TRIPLE", sized(" 26, 26, 26"), "400 closed"),
    Row("length-and-a-comma", "RFC 9110 8.6", sized(" 26,"), "400 closed"),
    Row("no-length", "Http11Probe COMP-POST-NO-CL-NO-TE; RFC 9112 6.3: no body", f"{POST}\r\n{GET}", "400 200 open"),
    Row(
        "body-without-length",
        "RFC 9112 6.3: what follows is the next request",
        f"{LINE}{AS}\r\nhello world",
        "200 closed",
        hang_up=True,
    ),
    Row(
        "large-body-without-length",
        "Waitress TooLargeTests.test_request_body_too_large_with_no_cl_http11",
        f"{GET}{'a' * 100_000}",
        "200 431 closed",
    ),
    Row(
        "body-longer-than-its-length",
        "Waitress TooLargeTests.test_request_body_too_large_with_wrong_cl_http11",
        f"{SIZED}{{\r\n\r\n",
        "200 400 closed",
    ),
    Row(
        "body-shorter-than-its-length",
        "Http11Probe COMP-POST-CL-UNDERSEND; hyper post_with_incomplete_body",
        f"{POST}Content-Length: 500\r\n\r\n{BODY}",
        "closed",
        hang_up=True,
    ),
    Row(
        "body-that-never-comes",
        "llhttp finish.md 'unsafe to finish after incomplete PUT request'",
        f"{POST}Content-Length: 26\r\n\r\n",
        "closed",
        hang_up=True,
    ),
    Row(
        "body-that-holds-crlf",
        "Waitress EchoTests.test_without_crlf",
        f"{POST}Content-Length: 32\r\n\r\n\r\n\r\n{BODY}\r\n{GET}",
        "200 200 open",
    ),
    Row(
        "body-that-holds-a-request",
        "RFC 9112 6.3",
        f"{LINE}{AS}Content-Length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}{GET}",
        "200 200 open",
    ),
    Row(
        "body-of-50-kb",
        "Waitress EchoTests.test_large_body",
        f"{POST}Content-Length: {26 + 50_000}\r\n\r\n{BODY}{' ' * 50_000}",
        "200 open",
    ),
    Row(
        "body-in-pieces",
        "Waitress EchoTests.test_send_with_body",
        (f"{POST}Content-Length: 26\r\n\r\n", BODY[:1], BODY[1:13], BODY[13:]),
        "200 open",
    ),
]

ENCODINGS = [
    Row(
        "chunked",
        "h1spec 'Chunked Transfer-Encoding'; Http11Probe COMP-CHUNKED-BODY; hyper post_with_chunked_body",
        encoded(" chunked"),
        "200 open",
    ),
    Row(
        "length-and-chunked",
        "RFC 9112 6.1; Http11Probe SMUG-CL-TE-BOTH, SMUG-CLTE-PIPELINE; Node test-http-server-"
        "reject-chunked-with-content-length.js; Waitress test_parse_header_11_te_chunked_with_cl_close_connection",
        encoded(" chunked", "Content-Length: 26"),
        "400 closed",
    ),
    Row(
        "length-before-chunked",
        "Http11Probe SMUG-CLTE-DESYNC",
        f"{POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX{SMUGGLED}",
        "400 closed",
    ),
    Row(
        "chunked-before-length",
        "Http11Probe SMUG-TECL-DESYNC, SMUG-TECL-SMUGGLED-GET",
        f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 30\r\n\r\n0\r\n\r\nX{SMUGGLED}",
        "400 closed",
    ),
    Row(
        "length-and-chunked-in-varying-case",
        "h1spec 'Conflicting Transfer-Encoding and Content-Length in varying case'",
        f"{POST}content-LengtH: 5\r\nTransFer-Encoding: chunked\r\n\r\n{CHUNK}{END}",
        "400 closed",
    ),
    Row(
        "length-of-letters-and-chunked",
        "Go TestServerValidatesHeaders",
        encoded(" chunked", "Content-Length: notdigits"),
        "400 closed",
    ),
    Row(
        "length-and-a-request-after-chunked",
        "Http11Probe SMUG-CLTE-SMUGGLED-GET",
        f"{POST}Content-Length: {len(SMUGGLED_CHUNK)}\r\nTransfer-Encoding: chunked\r\n\r\n{SMUGGLED_CHUNK}",
        "400 closed",
    ),
    Row(
        "length-and-close-and-chunked",
        "Http11Probe SMUG-CLTE-CONN-CLOSE",
        f"{POST}Connection: close\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{SMUGGLED_CHUNK}",
        "400 closed",
    ),
    Row(
        "length-and-identity",
        "llhttp content-length.md 'simultaneous Content-Length and Transfer-Encoding: identity'; "
        "Http11Probe SMUG-TE-IDENTITY",
        f"{POST}Content-Length: 26\r\nTransfer-Encoding: identity\r\n\r\n{BODY}",
        "400 closed",
    ),
    Row(
        "length-and-empty-encodings",
        "llhttp transfer-encoding.md 'POST with empty Transfer-Encoding'",
        f"{POST}Content-Length: 10\r\nTransfer-Encoding:\r\n\r\n2\r\nAA\r\n0\r\n\r\n",
        "400 closed",
    ),
    Row(
        "chunked-in-other-case",
        "Waitress test_parse_header_11_te_chunked; RFC 9112 7: case-insensitive",
        encoded(" ChUnKed"),
        "200 open",
    ),
    Row(
        "chunked-in-other-case-and-length",
        "Http11Probe SMUG-TE-CASE-MISMATCH",
        encoded(" Chunked", "Content-Length: 5"),
        "400 closed",
    ),
    Row("chunked-before-a-space", "Http11Probe SMUG-TE-TRAILING-SPACE", encoded(" chunked "), "200 open"),
    Row("chunked-after-a-tab", "Http11Probe SMUG-TE-TAB-BEFORE-VALUE", encoded("\tchunked"), "200 open"),
    Row("chunked-after-a-comma", "Http11Probe SMUG-TE-LEADING-COMMA", encoded(" , chunked"), "400 closed"),
    Row("chunked-before-a-comma", "Http11Probe SMUG-TE-TRAILING-COMMA", encoded(" chunked,"), "400 closed"),
    Row(
        "chunked-twice", "RFC 9112 6.1; Http11Probe SMUG-TE-DOUBLE-CHUNKED", encoded(" chunked, chunked"), "400 closed"
    ),
    Row(
        "chunked-twice-in-two-lines",
        "Waitress test_parse_header_transfer_encoding_invalid_multiple_chunked",
        encoded(" chunked", "Transfer-Encoding: chunked"),
        "400 closed",
    ),
    Row(
        "chunked-not-last",
        "RFC 9112 6.3; Http11Probe SMUG-TE-NOT-FINAL-CHUNKED; llhttp transfer-encoding.md 'chunked "
        "before other transfer coding names'; hyper test_decoder_request",
        encoded(" chunked, gzip"),
        "400 closed",
    ),
    Row(
        "chunked-not-last-in-two-lines",
        "Http11Probe SMUG-TE-DUPLICATE-HEADERS; llhttp transfer-encoding.md 'duplicate transfer-encoding'",
        encoded(" chunked", "Transfer-Encoding: identity"),
        "400 closed",
    ),
    Row(
        "chunked-and-almost",
        "Node test-http-transfer-encoding-smuggling.js",
        encoded(" chunked", "Transfer-Encoding: chunked-false", "Connection: upgrade") + SMUGGLED,
        "400 closed",
    ),
    Row(
        "chunked-with-parameters",
        "Http11Probe SMUG-CHUNKED-WITH-PARAMS; RFC 9112 7",
        encoded(" chunked;a=b"),
        "400 closed",
    ),
    Row("chunked-in-quotes", "RFC 9112 7", encoded(' "chunked"'), "400 closed"),
    Row(
        "encoding-before-chunked",
        "hyper test_decoder_request; Waitress test_parse_header_transfer_encoding_invalid_multiple",
        encoded(" gzip, chunked"),
        "501 closed",
    ),
    Row(
        "encoding-before-chunked-in-two-lines",
        "llhttp transfer-encoding.md 'chunked as last transfer-encoding'",
        encoded(" deflate", "Transfer-Encoding: chunked"),
        "501 closed",
    ),
    Row(
        "unknown-encoding",
        "RFC 9112 6.1; Http11Probe COMP-UNKNOWN-TE-501; Go TestUnsupportedTransferEncodingsReturn501; "
        "Waitress test_parse_header_transfer_encoding_invalid",
        encoded(" gzip"),
        "400 closed",
    ),
    Row(
        "encoding-of-pigeons",
        "llhttp transfer-encoding.md 'Ignoring pigeons'; Go TestParseTransferEncoding; Waitress "
        "test_received_bad_transfer_encoding",
        encoded(" pigeons"),
        "400 closed",
    ),
    Row(
        "encoding-of-identity",
        "Go TestParseTransferEncoding; RFC 9112 7: no longer defined",
        encoded(" identity"),
        "400 closed",
    ),
    Row("encoding-xchunked", "Http11Probe SMUG-TE-XCHUNKED", encoded(" xchunked"), "400 closed"),
    Row(
        "encoding-chunkedchunked",
        "llhttp transfer-encoding.md 'chunkedchunked'",
        encoded(" chunkedchunked"),
        "400 closed",
    ),
    Row("empty-encoding", "Http11Probe SMUG-TE-EMPTY-VALUE; Go TestParseTransferEncoding", encoded(" "), "400 closed"),
    Row(
        "encoding-after-a-vertical-tab",
        "Http11Probe SMUG-TE-VTAB; Go TestParseTransferEncoding",
        encoded("\x0bchunked"),
        "400 closed",
    ),
    Row("encoding-after-a-form-feed", "Http11Probe SMUG-TE-FORMFEED", encoded(" \x0cchunked"), "400 closed"),
    Row("encoding-with-a-nul", "Http11Probe SMUG-TE-NULL", encoded(" chunked\0"), "400 closed"),
    Row(
        "encoding-after-other-white-space",
        "Waitress test_parse_header_transfer_encoding_invalid_whitespace",
        encoded("\x85chunked"),
        "400 closed",
    ),
    Row(
        "encoding-with-a-kelvin-sign",
        "Waitress test_parse_header_transfer_encoding_invalid_unicode",
        encoded(" chun\xe2\x84\xaaed"),
        "400 closed",
    ),
    Row(
        "chunked-in-1.0",
        "RFC 9112 6.1; Http11Probe SMUG-TE-HTTP10; hyper test_decoder_request",
        f"{OLD}Transfer-Encoding: chunked\r\n\r\n{CHUNK}{END}",
        "400 closed",
    ),
    Row(
        "chunked-in-1.0-with-keep-alive",
        "RFC 9112 6.1",
        f"{OLD}Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNK}{END}{SMUGGLED}",
        "400 closed",
    ),
    Row(
        "chunked-get",
        "Waitress EchoTests.test_chunking_request_without_content",
        f"{LINE}{AS}Transfer-Encoding: chunked\r\n\r\n{END}{GET}",
        "200 200 open",
    ),
    Row(
        "chunked-get-with-content",
        "Waitress EchoTests.test_chunking_request_with_content",
        f"{LINE}{AS}Transfer-Encoding: chunked\r\n\r\n20\r\n{'x' * 32}\r\n{END}{GET}",
        "200 200 open",
    ),
]

EXPECTATIONS = [
    Row(
        "continue",
        "h1spec 'Request with Expect header'; hyper expect_continue_sends_100; Node test-http-expect-continue.js; "
        "Waitress ExpectContinueTests.test_expect_continue",
        (f"{POST}Content-Length: 26\r\nExpect: 100-continue\r\n\r\n", READ, BODY),
        "100* 200 open",
    ),
    Row(
        "continue-in-other-case",
        "hyper expect_continue_accepts_upper_cased_expectation; Go TestServerExpect",
        (f"{POST}Content-Length: 26\r\nExpect: 100-cOntInUE\r\n\r\n", READ, BODY),
        "100* 200 open",
    ),
    Row(
        "continue-with-chunks",
        "Go TestServerExpect",
        (f"{POST}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n", READ, f"{CHUNK}{END}"),
        "100* 200 open",
    ),
    Row(
        "continue-and-a-body-at-once",
        "Http11Probe SMUG-EXPECT-100-CL-DESYNC; Go TestIssue13893_Expect100",
        f"{POST}Content-Length: 26\r\nExpect: 100-continue\r\n\r\n{BODY}{GET}",
        "100?* 200 200 open",
    ),
    Row(
        "continue-without-a-body",
        "hyper expect_continue_but_no_body_is_ignored; Go TestServerExpect",
        f"{LINE}{AS}Expect: 100-continue\r\n\r\n{GET}",
        "200 200 open",
    ),
    Row(
        "continue-with-a-length-of-zero",
        "Go TestServerExpect",
        f"{LINE}{AS}Expect: 100-continue\r\nContent-Length: 0\r\n\r\n{GET}",
        "200 200 open",
    ),
    Row(
        "continue-in-1.0",
        "RFC 9110 10.1.1; Http11Probe COMP-NO-1XX-HTTP10; hyper expect_continue_but_http_10_is_ignored",
        f"{OLD}Content-Length: 26\r\nExpect: 100-continue\r\n\r\n{BODY}",
        "200 closed",
    ),
    Row(
        "continue-with-too-much",
        "RFC 9110 10.1.1; hyper expect_continue_waits_for_body_poll",
        f"{POST}Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n",
        "413 closed",
    ),
    Row(
        "continue-then-nothing",
        "RFC 9110 10.1.1",
        (f"{POST}Content-Length: 26\r\nExpect: 100-continue\r\n\r\n", READ),
        "100* closed",
        hang_up=True,
    ),
    Row(
        "continue-with-a-refused-key",
        "Go TestServerExpect 'readBody: false'",
        (f"{POST}Content-Length: 26\r\nExpect: 100-continue\r\n\r\n".replace("YOUR_API_KEY", ""), READ, f"{BODY}{GET}"),
        "100* 401 200 open",
    ),
    Row(
        "continue-twice",
        "RFC 9110 10.1.1",
        (f"{POST}Content-Length: 26\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n", READ, BODY),
        "100* 200 open",
    ),
    Row(
        "unknown-expectation",
        "RFC 9110 10.1.1; Http11Probe COMP-EXPECT-UNKNOWN; Go TestServerExpect; Node test-http-expect-handling.js",
        f"{LINE}{AS}Expect: a-pony\r\n\r\n",
        "417 closed",
    ),
    Row(
        "unknown-expectation-with-a-body",
        "Node test-http-expect-handling.js",
        f"{POST}Expect: 200-ok\r\nContent-Length: 26\r\n\r\n{BODY}{SMUGGLED}",
        "417 closed",
    ),
    Row(
        "unknown-expectation-in-1.0",
        "RFC 9110 10.1.1: a 1.0 request's is ignored",
        f"GET /groups HTTP/1.0\r\n{AS}Expect: a-pony\r\n\r\n",
        "200 closed",
    ),
]

BODIES = [*LENGTHS, *ENCODINGS, *EXPECTATIONS]
