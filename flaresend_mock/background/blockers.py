"""Libraries by which tests stop or replace HTTP: which one stopped a call, and what lets it through."""

_LETS_THROUGH = {
    "responses": 'responses.add_passthru("http://127.0.0.1")',
    "pook": 'pook.enable_network("127.0.0.1")',
    "pytest_socket": "pytest --disable-socket --allow-hosts=127.0.0.1",
    "vcr": "vcr.VCR(ignore_localhost=True)",
}


def describe_stop(error: BaseException) -> str | None:
    """Return the library that raised an error, its own reason and the line that lets the call through, if one did."""
    cause: BaseException | None = error
    while cause is not None:
        trace, module = cause.__traceback__, ""
        while trace is not None:
            module, trace = str(trace.tb_frame.f_globals.get("__name__")), trace.tb_next
        if line := _LETS_THROUGH.get(library := module.partition(".")[0]):
            reason = " ".join(str(cause).split())[:200]
            return f"{library.replace('_', '-')} stopped the call: {reason}; let it through with {line}"
        cause = cause.__cause__ or cause.__context__
    return None
