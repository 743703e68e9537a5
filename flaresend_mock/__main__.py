"""The command flaresend-mock, which python -m flaresend_mock is as well.

It imports little before it knows what to do: a container's health check runs it every 2 seconds.
"""

import _socket  # socket imports enum and selectors, which take as long as all the rest
import os
import sys

SECONDS = 5.0
SIZE = 65536


def main() -> None:
    if sys.argv[1:] == ["health"] and "FLARESEND_MOCK_URL" not in os.environ and _print_health():
        return
    import signal

    if os.getpid() == 1:
        for number in (signal.SIGTERM, signal.SIGINT):  # which the kernel keeps from a container's first process
            signal.signal(number, lambda *_: os._exit(0))
    elif signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # imports turn a KeyboardInterrupt into other errors

    from flaresend_mock import cli

    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


def _print_health() -> bool:
    """Print the health of the emulator whose URL --url-file has, if it is ready."""
    try:
        with open(os.environ["FLARESEND_MOCK_URL_FILE"]) as file:
            host, _, port = file.read().removeprefix("http://").rpartition(":")
        connection = _socket.socket(_socket.AF_INET6 if "[" in host else _socket.AF_INET)
        connection.settimeout(SECONDS)
        connection.connect((host.strip("[]"), int(port)))
        connection.sendall(f"GET /_mock/health HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        told = b""
        while len(told) < SIZE and (part := connection.recv(SIZE)):
            told += part
        head, _, body = told.partition(b"\r\n\r\n")
    except (KeyError, OSError, ValueError, OverflowError, TypeError):  # also for an odd port or host in the file
        return False
    if not (head[8:13] == b" 200 " and b'"status":"ok"' in body and body.isascii() and body.decode().isprintable()):
        return False
    print(body.decode())
    return True


if __name__ == "__main__":
    main()
