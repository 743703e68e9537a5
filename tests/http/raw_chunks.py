"""Raw requests that differ in their chunks and trailers."""

from __future__ import annotations

from tests.http.raw_row import AS, BODY, CHUNK, CHUNKED, END, GET, HOST, KEY, LINE, SMUGGLED, Row


def chunked(chunks: str) -> str:
    return f"{CHUNKED}{chunks}"


CHUNKS = [
    Row(
        "size-in-lower-case",
        "llhttp transfer-encoding.md 'Parse chunks with lowercase size'",
        chunked(f"1a\r\n{BODY}\r\n{END}"),
        "200 open",
    ),
    Row(
        "size-in-upper-case",
        "Http11Probe COMP-CHUNKED-HEX-UPPERCASE; hyper test_read_chunk_size",
        chunked(f"1A\r\n{BODY}\r\n{END}"),
        "200 open",
    ),
    Row(
        "size-with-leading-zeros",
        "llhttp transfer-encoding.md 'triple zero prefixed end chunk'; Go TestParseHexUint",
        chunked(f"00000000001a\r\n{BODY}\r\n000\r\n\r\n"),
        "200 open",
    ),
    Row(
        "many-chunks",
        "Http11Probe COMP-CHUNKED-MULTI",
        chunked("".join(f"1\r\n{one}\r\n" for one in BODY) + END),
        "200 open",
    ),
    Row(
        "chunks-in-pieces",
        "Waitress EchoTests.test_chunking_request_with_content; Go TestChunkReadPartial",
        (CHUNKED, "1", "a\r", f"\n{BODY[:9]}", BODY[9:], "\r", "\n0", "\r\n\r", "\n"),
        "200 open",
    ),
    Row(
        "chunk-of-70-kb",
        "hyper test_read_chunked_single_read",
        chunked(f"{26 + 70_000:x}\r\n{BODY}{' ' * 70_000}\r\n{END}"),
        "200 open",
    ),
    Row(
        "chunks-over-the-limit",
        "Waitress TooLargeTests.test_request_body_too_large_chunked_encoding",
        chunked(f"2000\r\n{' ' * 0x2000}\r\n" * 40 + END),
        "413 open",
    ),
    Row("chunks-then-a-request", "hyper http1_trailer_recv_keep_alive", chunked(f"{CHUNK}{END}{GET}"), "200 200 open"),
    Row(
        "no-chunks", "Http11Probe COMP-CHUNKED-EMPTY", f"{LINE}{AS}Transfer-Encoding: chunked\r\n\r\n{END}", "200 open"
    ),
    Row(
        "no-last-chunk",
        "Http11Probe COMP-CHUNKED-NO-FINAL; hyper test_read_chunked_early_eof",
        chunked(CHUNK),
        "closed",
        hang_up=True,
    ),
    Row("no-end-of-the-last-chunk", "RFC 9112 8", chunked(f"{CHUNK}0\r\n"), "closed", hang_up=True),
    Row(
        "an-empty-line-for-the-last-chunk",
        "hyper post_with_chunked_missing_final_digit; llhttp transfer-encoding.md 'Missing last-chunk'",
        chunked(f"{CHUNK}\r\n\r\n"),
        "400 closed",
    ),
    Row(
        "size-in-0x",
        "Http11Probe SMUG-CHUNK-HEX-PREFIX; Waitress EchoTests.test_broken_chunked_encoding_invalid_hex",
        chunked(f"0x1a\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row("size-with-a-plus", "Http11Probe SMUG-CHUNK-SIZE-PLUS", chunked(f"+1a\r\n{BODY}\r\n{END}"), "400 closed"),
    Row(
        "size-of-plus-zero",
        "Http11Probe SMUG-CHUNK-INVALID-SIZE-DESYNC",
        chunked(f"+0\r\n\r\nX{SMUGGLED}"),
        "400 closed",
    ),
    Row(
        "size-below-zero",
        "Http11Probe SMUG-CHUNK-NEGATIVE; hyper test_read_chunk_size",
        chunked(f"-1\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row("size-of-a-hyphen", "hyper test_read_chunk_size", chunked(f"-\r\n{BODY}\r\n{END}"), "400 closed"),
    Row(
        "size-with-an-underscore", "Http11Probe SMUG-CHUNK-UNDERSCORE", chunked(f"1_a\r\n{BODY}\r\n{END}"), "400 closed"
    ),
    Row(
        "size-of-letters",
        "hyper test_read_chunk_size; Waitress EchoTests.test_broken_chunked_encoding",
        chunked(f"garbage\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row("size-before-letters", "hyper test_read_chunk_size", chunked(f"1aX\r\n{BODY}\r\n{END}"), "400 closed"),
    Row("empty-size", "hyper test_read_chunk_size", chunked(f"\r\n{BODY}\r\n{END}"), "400 closed"),
    Row("empty-size-with-an-extension", "RFC 9112 7.1", chunked(f";a=b\r\n{BODY}\r\n{END}"), "400 closed"),
    Row(
        "size-over-64-bits",
        "Http11Probe MAL-CHUNK-SIZE-OVERFLOW; hyper post_with_chunked_overflow; Go TestParseHexUint",
        chunked(f"f0000000000000003\r\nabc\r\n{END}{SMUGGLED}"),
        "400 closed",
    ),
    Row("size-of-2-to-the-64", "Go TestParseHexUint", chunked(f"10000000000000000\r\n{BODY}\r\n{END}"), "400 closed"),
    Row("size-of-all-bits", "Go TestParseHexUint", chunked(f"ffffffffffffffff\r\n{BODY}\r\n{END}"), "413 closed"),
    Row("size-after-a-space", "Http11Probe SMUG-CHUNK-LEADING-SP", chunked(f" 1a\r\n{BODY}\r\n{END}"), "400 closed"),
    Row(
        "size-before-a-space",
        "Http11Probe SMUG-CHUNK-SIZE-TRAILING-OWS; llhttp transfer-encoding.md 'Space after chunk header'",
        chunked(f"1a \r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row(
        "size-before-a-word",
        "llhttp transfer-encoding.md 'No semicolon before chunk extensions'; hyper test_read_chunk_size",
        chunked(f"1a erfrfer\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row("size-before-an-lf", "RFC 9112 2.2", chunked(f"1a\n{BODY}\r\n{END}"), "400 closed"),
    Row("size-before-a-cr", "Http11Probe SMUG-CHUNK-BARE-CR-TERM", chunked(f"1a\r{BODY}\r\n{END}"), "400 closed"),
    Row(
        "size-before-two-crs",
        "llhttp transfer-encoding.md 'Chunk header not terminated by CRLF'",
        chunked(f"1a\r\r;ABCD\r\n34\r\nE\r\n{END}{SMUGGLED}"),
        "400 closed",
    ),
    Row(
        "size-before-an-lf-and-more",
        "llhttp transfer-encoding.md 'Validate chunk parameters'",
        chunked(f"1a \n  \r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row(
        "data-without-crlf",
        "Http11Probe SMUG-CHUNK-MISSING-TRAILING-CRLF; llhttp transfer-encoding.md 'Chunk data not terminated by CRLF'",
        chunked(f"1a\r\n{BODY}{END}"),
        "400 closed",
    ),
    Row("data-before-an-lf", "Http11Probe SMUG-CHUNK-LF-TERM", chunked(f"1a\r\n{BODY}\n{END}"), "400 closed"),
    Row("data-before-a-cr", "RFC 9112 7.1", chunked(f"1a\r\n{BODY}\r{END}"), "400 closed"),
    Row(
        "data-longer-than-its-size",
        "Http11Probe SMUG-CHUNK-SPILL; Waitress EchoTests.test_broken_chunked_encoding_missing_chunk_end",
        chunked(f"19\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row("data-shorter-than-its-size", "RFC 9112 7.1", chunked(f"1b\r\n{BODY}\r\n{END}"), "400 closed"),
    Row("last-chunk-before-an-lf", "Http11Probe SMUG-CHUNK-LF-TRAILER", chunked(f"{CHUNK}0\r\n\n"), "400 closed"),
    Row("last-chunk-with-only-lfs", "RFC 9112 7.1", chunked(f"{CHUNK}0\n\n"), "400 closed"),
    Row(
        "extension",
        "Http11Probe COMP-CHUNKED-EXTENSION; RFC 9112 7.1.1",
        chunked(f"1a;a=b\r\n{BODY}\r\n{END}"),
        "200 open",
    ),
    Row(
        "extensions",
        "llhttp transfer-encoding.md 'Chunk extensions'",
        chunked(f"1a;ilovew3;somuchlove=aretheseparametersfor\r\n{BODY}\r\n0;blahblah;blah\r\n\r\n"),
        "200 open",
    ),
    Row(
        "extension-in-quotes",
        "llhttp transfer-encoding.md 'Chunk extensions quoting'; Go TestChunkReadingIgnoresExtensions",
        chunked(f'1a;a="I \\"love\\"; \\\\x"; b="c"\r\n{BODY}\r\n{END}'.replace("; b", ";b")),
        "200 open",
    ),
    Row(
        "extension-with-open-quotes",
        "llhttp transfer-encoding.md 'Unbalanced chunk extensions quoting'",
        chunked(f'1a;a="abc";b="def; ghi\r\n{BODY}\r\n{END}'),
        "400 closed",
    ),
    Row(
        "extension-without-name",
        "Http11Probe SMUG-CHUNK-BARE-SEMICOLON; llhttp transfer-encoding.md 'No extension after semicolon'",
        chunked(f"1a;\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row(
        "extension-without-value",
        "Waitress EchoTests.test_broken_chunked_encoding_invalid_extension",
        chunked(f"1a;invalid=\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row(
        "extension-with-a-bracket",
        "Http11Probe SMUG-CHUNK-EXT-INVALID-TOKEN",
        chunked(f"1a;bad[=x\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row(
        "extension-with-a-nul", "Http11Probe SMUG-CHUNK-EXT-CTRL", chunked(f"1a;a\0b\r\n{BODY}\r\n{END}"), "400 closed"
    ),
    Row(
        "extension-with-an-lf",
        "Http11Probe SMUG-CHUNK-EXT-LF; hyper test_read_chunk_size",
        chunked(f"1a;a\nb\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row("extension-with-a-cr", "Http11Probe SMUG-CHUNK-EXT-CR", chunked(f"1a;a\rX\r\n{BODY}\r\n{END}"), "400 closed"),
    Row("extension-with-an-lf-in-quotes", "RFC 9110 5.6.4", chunked(f'1a;a="b\nc"\r\n{BODY}\r\n{END}'), "400 closed"),
    Row(
        "extension-hides-a-request",
        "Node test-http-chunked-smuggling.js",
        chunked(f"2;\nxx\r\n{len(SMUGGLED) + 5:x}\r\n0\r\n\r\n{SMUGGLED}"),
        "400 closed",
    ),
    Row(
        "extension-of-200-bytes",
        "the documented limit of a chunk-size line is 256 bytes",
        chunked(f"1a;{'a' * 200}\r\n{BODY}\r\n{END}"),
        "200 open",
    ),
    Row(
        "extension-of-300-bytes",
        "hyper test_read_chunked_extensions_over_limit; the documented limit",
        chunked(f"1a;{'a' * 300}\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row(
        "extension-of-64-kb",
        "Http11Probe MAL-CHUNK-EXT-64K; Node test-http-chunk-extensions-limit.js",
        chunked(f"1a;ext={'a' * 65_536}\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
    Row(
        "extension-without-end",
        "Node test-http-chunk-extensions-limit.js",
        (CHUNKED, "1a;", *["a" * 200] * 3),
        "400 closed",
    ),
    Row(
        "extension-at-every-byte",
        "Go internal/chunked_test.go; the documented limit is for each line",
        chunked("".join(f"1;{'a' * 100}\r\n{one}\r\n" for one in BODY) + END),
        "200 open",
    ),
    Row(
        "size-of-300-digits",
        "Go TestParseHexUint; the documented limit",
        chunked(f"{'1a'.zfill(300)}\r\n{BODY}\r\n{END}"),
        "400 closed",
    ),
]

TRAILERS = [
    Row(
        "trailer",
        "Http11Probe COMP-CHUNKED-TRAILER-VALID; llhttp transfer-encoding.md 'Trailing headers'; hyper "
        "http1_trailer_recv_fields; Go readrequest_test",
        chunked(f"{CHUNK}0\r\nVary: *\r\nX-Sum: abc\r\n\r\n{GET}"),
        "200 200 open",
    ),
    Row(
        "trailer-of-a-key",
        "RFC 9110 6.5.1; Http11Probe SMUG-TRAILER-AUTH",
        f"POST /check-number HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"{CHUNK}0\r\n{KEY}\r\n{GET}",
        "401 200 open",
    ),
    Row(
        "trailer-of-another-key",
        "Http11Probe SMUG-TRAILER-AUTH",
        chunked(f"{CHUNK}0\r\nAuthorization: Bearer another\r\n\r\n"),
        "200 open",
        has="254712345678",
    ),
    Row(
        "trailer-of-a-length",
        "Http11Probe SMUG-TRAILER-CL",
        chunked(f"{CHUNK}0\r\nContent-Length: 50\r\n\r\n{GET}"),
        "200 200 open",
    ),
    Row(
        "trailer-of-an-encoding",
        "Http11Probe SMUG-TRAILER-TE",
        chunked(f"{CHUNK}0\r\nTransfer-Encoding: chunked\r\n\r\n{GET}"),
        "200 200 open",
    ),
    Row(
        "trailer-of-a-host",
        "Http11Probe SMUG-TRAILER-HOST",
        chunked(f"{CHUNK}0\r\nHost: evil.example.com\r\n\r\n{GET}"),
        "200 200 open",
    ),
    Row(
        "trailer-of-a-type",
        "Http11Probe SMUG-TRAILER-CONTENT-TYPE",
        chunked(f"{CHUNK}0\r\nContent-Type: text/evil\r\n\r\n"),
        "200 open",
    ),
    Row(
        "trailer-of-a-connection",
        "RFC 9110 6.5.1",
        chunked(f"{CHUNK}0\r\nConnection: close\r\n\r\n{GET}"),
        "200 200 open",
    ),
    Row(
        "trailer-of-an-upgrade",
        "RFC 9110 6.5.1",
        chunked(f"{CHUNK}0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n{GET}"),
        "200 200 open",
    ),
    Row(
        "trailer-of-an-expectation",
        "RFC 9110 6.5.1",
        chunked(f"{CHUNK}0\r\nExpect: 100-continue\r\n\r\n{GET}"),
        "200 200 open",
    ),
    Row("trailer-before-an-lf", "RFC 9112 2.2", chunked(f"{CHUNK}0\r\nX-A: 1\n\r\n"), "400 closed"),
    Row(
        "trailer-before-a-cr",
        "hyper test_read_chunked_trailer_with_missing_lf",
        chunked(f"{CHUNK}0\r\nbad\r\r\n\r\n"),
        "400 closed",
    ),
    Row("trailer-without-colon", "RFC 9112 7.1.2", chunked(f"{CHUNK}0\r\nnonsense\r\n\r\n"), "400 closed"),
    Row("trailer-with-a-space-before-the-colon", "RFC 9112 5.1", chunked(f"{CHUNK}0\r\nX-A : 1\r\n\r\n"), "400 closed"),
    Row("trailer-with-folding", "RFC 9112 5.2", chunked(f"{CHUNK}0\r\nX-A: 1\r\n 2\r\n\r\n"), "400 closed"),
    Row("trailer-with-a-nul", "RFC 9110 5.5", chunked(f"{CHUNK}0\r\nX-A: \0\r\n\r\n"), "400 closed"),
    Row(
        "trailer-of-7-kb", "the documented limit is 8 KB", chunked(f"{CHUNK}0\r\nX-A: {'a' * 7000}\r\n\r\n"), "200 open"
    ),
    Row(
        "trailer-of-9-kb",
        "hyper test_trailer_max_header_size_huge_trailer; the documented limit",
        chunked(f"{CHUNK}0\r\nX-A: {'a' * 9000}\r\n\r\n"),
        "431 closed",
    ),
    Row(
        "trailers-of-9-kb",
        "hyper test_trailer_max_header_size_many_small_trailers",
        chunked(f"{CHUNK}0\r\n" + "X-Trailer: 1\r\n" * 700 + "\r\n"),
        "431 closed",
    ),
    Row("trailer-without-end", "Go TestBodyReadBadTrailer", chunked(f"{CHUNK}0\r\nX-A: 1\r\n"), "closed", hang_up=True),
]

CHUNKED_BODIES = [*CHUNKS, *TRAILERS]
