"""Waitress's own functional tests that speak of HTTP, each with what tests the same here.

That is the id of a row, or a test in test_responses.py. The tests of Unix sockets and of tracebacks in responses are
left out: this server has neither.
"""

from __future__ import annotations

import pytest

from tests.http import test_responses
from tests.http.raw_requests import ROWS

IN_CHUNKS = "test_a_body_of_unknown_length_is_sent_in_chunks"
UNTIL_THE_END = "test_a_body_of_unknown_length_ends_with_the_connection_in_http_1_0"
KNOWN = "test_a_body_of_known_length_keeps_the_connection"
OTHER_LENGTH = "test_a_body_of_another_length_than_announced_ends_the_connection"
FAILS = "test_an_application_that_fails_gets_a_500_in_its_place"
FAILS_LATE = "test_an_application_that_fails_late_leaves_its_response_incomplete"

WAITRESS = {
    "SleepyThreadTests.test_it": "test_a_slow_call_delays_no_other",
    "EchoTests.test_date_and_server": "1.0",
    "EchoTests.test_bad_host_header": "space-before-first-header",
    "EchoTests.test_send_with_body": "1.0-with-a-body",
    "EchoTests.test_send_empty_body": "length-of-zero",
    "EchoTests.test_multiple_requests_with_body": "pipelined",
    "EchoTests.test_multiple_requests_without_body": "kept-in-1.1",
    "EchoTests.test_without_crlf": "body-that-holds-crlf",
    "EchoTests.test_large_body": "body-of-50-kb",
    "EchoTests.test_many_clients": "test_many_clients_at_once_are_served",
    "EchoTests.test_chunking_request_without_content": "chunked-get",
    "EchoTests.test_chunking_request_with_content": "chunked-get-with-content",
    "EchoTests.test_broken_chunked_encoding": "size-of-letters",
    "EchoTests.test_broken_chunked_encoding_invalid_hex": "size-in-0x",
    "EchoTests.test_broken_chunked_encoding_invalid_extension": "extension-without-value",
    "EchoTests.test_broken_chunked_encoding_missing_chunk_end": "data-longer-than-its-size",
    "EchoTests.test_keepalive_http_10": "1.0",
    "EchoTests.test_keepalive_http10_explicit": "1.0-kept",
    "EchoTests.test_keepalive_http_11": "kept-in-1.1",
    "EchoTests.test_keepalive_http11_explicit": "kept-explicitly",
    "EchoTests.test_keepalive_http11_connclose": "close",
    "EchoTests.test_proxy_headers": "test_forwarding_headers_change_nothing",
    "PipeliningTests.test_pipelining": "1.0-kept-three-times",
    "ExpectContinueTests.test_expect_continue": "continue-and-a-body-at-once",
    "BadContentLengthTests.test_short_body": OTHER_LENGTH,
    "BadContentLengthTests.test_long_body": OTHER_LENGTH,
    "NoContentLengthTests.test_http10_generator": UNTIL_THE_END,
    "NoContentLengthTests.test_http10_list": KNOWN,
    "NoContentLengthTests.test_http10_listlentwo": UNTIL_THE_END,
    "NoContentLengthTests.test_http11_generator": IN_CHUNKS,
    "NoContentLengthTests.test_http11_list": KNOWN,
    "NoContentLengthTests.test_http11_listlentwo": IN_CHUNKS,
    "WriteCallbackTests.test_short_body": OTHER_LENGTH,
    "WriteCallbackTests.test_long_body": OTHER_LENGTH,
    "WriteCallbackTests.test_equal_body": KNOWN,
    "WriteCallbackTests.test_no_content_length": UNTIL_THE_END,
    "TooLargeTests.test_request_headers_too_large_http11": "head-of-100-kb",
    "TooLargeTests.test_request_body_too_large_with_wrong_cl_http10": "1.0-with-too-long-a-body",
    "TooLargeTests.test_request_body_too_large_with_wrong_cl_http10_keepalive": "1.0-kept-then-refused",
    "TooLargeTests.test_request_body_too_large_with_no_cl_http10": "1.0-with-a-body-without-length",
    "TooLargeTests.test_request_body_too_large_with_no_cl_http10_keepalive": "1.0-kept-then-refused",
    "TooLargeTests.test_request_body_too_large_with_wrong_cl_http11": "body-longer-than-its-length",
    "TooLargeTests.test_request_body_too_large_with_wrong_cl_http11_connclose": "close-and-a-longer-body",
    "TooLargeTests.test_request_body_too_large_with_no_cl_http11": "large-body-without-length",
    "TooLargeTests.test_request_body_too_large_with_no_cl_http11_connclose": "close-ends-before-more-than-fits",
    "TooLargeTests.test_request_body_too_large_chunked_encoding": "chunks-over-the-limit",
    "InternalServerErrorTests.test_before_start_response_http_10": FAILS,
    "InternalServerErrorTests.test_before_start_response_http_11": FAILS,
    "InternalServerErrorTests.test_before_start_response_http_11_close": FAILS,
    "InternalServerErrorTests.test_after_start_response_http10": FAILS,
    "InternalServerErrorTests.test_after_start_response_http11": FAILS,
    "InternalServerErrorTests.test_after_start_response_http11_close": FAILS,
    "InternalServerErrorTests.test_after_write_cb": FAILS_LATE,
    "InternalServerErrorTests.test_in_generator": FAILS_LATE,
    "FileWrapperTests.test_filelike_http11": KNOWN,
    "FileWrapperTests.test_filelike_nocl_http11": IN_CHUNKS,
    "FileWrapperTests.test_filelike_shortcl_http11": OTHER_LENGTH,
    "FileWrapperTests.test_filelike_longcl_http11": OTHER_LENGTH,
    "FileWrapperTests.test_notfilelike_http11": KNOWN,
    "FileWrapperTests.test_notfilelike_iobase_http11": KNOWN,
    "FileWrapperTests.test_notfilelike_nocl_http11": IN_CHUNKS,
    "FileWrapperTests.test_notfilelike_shortcl_http11": OTHER_LENGTH,
    "FileWrapperTests.test_notfilelike_longcl_http11": OTHER_LENGTH,
    "FileWrapperTests.test_filelike_http10": KNOWN,
    "FileWrapperTests.test_filelike_nocl_http10": UNTIL_THE_END,
    "FileWrapperTests.test_notfilelike_http10": KNOWN,
    "FileWrapperTests.test_notfilelike_nocl_http10": UNTIL_THE_END,
}


@pytest.mark.parametrize("ours", sorted(set(WAITRESS.values())))
def test_each_of_them_has_its_like(ours: str) -> None:
    assert ours in {row.id for row in ROWS} or hasattr(test_responses, ours)
