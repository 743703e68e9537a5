"""flaresend-mock run: a command reaches the emulator, gets its signals, and gives its exit status."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.cli import main, redirection
from tests.live.commands import CLEAN, COMMAND, Done, at, control, run
from tests.redirection.programs.client import KEY, TEXT, URL
from tests.support import REPOSITORY

SEND = f"import requests; print(requests.post({URL!r}, json={TEXT!r}, headers={KEY!r}, timeout=20).status_code)"

ENVIRONMENT = {**CLEAN, "PYTHONPATH": str(REPOSITORY)}


Run = Callable[..., Done]


@pytest.fixture(autouse=True)
def kept_signals() -> Iterator[None]:
    """Restore the handlers of signals, which the command sets for good."""
    numbers = [getattr(signal, name) for name in redirection._FORWARDED if hasattr(signal, name)]
    handlers = [(number, signal.getsignal(number)) for number in numbers]
    yield
    for number, handler in handlers:
        signal.signal(number, handler)


@pytest.fixture
def done(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the command in this process, on a free port."""

    def run_here(*arguments: str, **variables: str) -> Done:
        with monkeypatch.context() as changed:
            for name in os.environ.keys() - ENVIRONMENT.keys():
                changed.delenv(name)
            for name, value in (ENVIRONMENT | variables).items():
                changed.setenv(name, value)
            capfd.readouterr()
            with pytest.raises(SystemExit) as ended:
                main(["--port", "0", *arguments])
            return Done(ended.value.code, *capfd.readouterr())

    return run_here


def end(process: subprocess.Popen[str]) -> None:
    """End a command and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@contextmanager
def running(*arguments: str, **options: bool) -> Iterator[subprocess.Popen[str]]:
    """Run a command that prints `ready`."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "run", "--", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
        **options,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        end(process)


def test_a_command_reaches_an_emulator_that_is_started_for_it(done: Run) -> None:
    found = done("run", "--", sys.executable, "-c", SEND)

    assert (found.status, found.out) == (0, "200\n")
    started, ended = found.err.splitlines()
    assert re.match(r"flaresend-mock: the emulator runs at http://127\.0\.0\.1:\d+, its dashboard at ", started)
    assert ended == "flaresend-mock: passed on 0 connections to other hosts"


def test_a_command_reaches_the_emulator_that_runs(flaresend: FlaresendMock, done: Run) -> None:
    found = done("run", "--url", flaresend.url, "--", sys.executable, "-c", SEND)

    assert (found.status, found.out) == (0, "200\n")
    assert found.err.splitlines() == [
        f"flaresend-mock: uses the emulator that runs at {flaresend.url}",
        "flaresend-mock: passed on 0 connections to other hosts",
    ]
    assert [one["text"] for one in control(flaresend, "GET", "/messages")["messages"]] == ["Hello"]


def test_options_that_do_not_apply_to_a_running_emulator_are_named(flaresend: FlaresendMock, done: Run) -> None:
    found = done("--world", "demo", "--api-key", "sk-1", "run", "--url", flaresend.url, "--", "true")

    assert found.status == 0
    first = f"flaresend-mock: uses the emulator that runs at {flaresend.url}; these do not apply to it: "
    assert found.err.splitlines()[0] == first + "--api-key, --world"


def test_the_transcript_has_what_the_command_did(flaresend: FlaresendMock, done: Run) -> None:
    control(flaresend, "POST", "/inbound", {"from": "254712345678", "text": "before"})
    found = done("run", "--transcript", "--url", flaresend.url, "--", sys.executable, "-c", SEND)

    assert found.out.startswith("200\n")
    assert "Hello" in found.out
    assert "before" not in found.out


def test_the_command_has_its_input_and_output() -> None:
    found = subprocess.run(
        [*COMMAND, "--port", "0", "run", "sh", "-c", "cat; echo error >&2", "--flag"],
        input="typed",
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=50,
    )
    assert found.stdout == "typed"
    assert "error\n" in found.stderr


def test_the_command_gets_the_address_and_the_api_key_of_the_emulator(done: Run) -> None:
    script = 'echo "$FLARESEND_MOCK_URL $HTTPS_PROXY $FLARESEND_API_KEY ${FLARESEND_MOCK_CONTROL_TOKEN-}"'
    url, proxy, key = done("run", "--", "sh", "-c", script).out.split()
    *_, token = done("--control-token", "open-sesame", "run", "--", "sh", "-c", script).out.split()
    theirs = done("run", "--", "sh", "-c", 'echo "$FLARESEND_API_KEY"', FLARESEND_API_KEY="sk-theirs")

    assert url == proxy
    assert (key, theirs.out, token) == ("YOUR_API_KEY", "sk-theirs\n", "open-sesame")


@pytest.mark.parametrize("before", [True, False])
def test_the_command_gets_the_control_token_of_the_emulator_that_runs(before: bool, done: Run) -> None:
    script = 'echo "${FLARESEND_MOCK_CONTROL_TOKEN-}"'
    token = ("--control-token", "open-sesame")
    with FlaresendMock(control_token=token[1]) as emulator:
        run_of = (*token, "run") if before else ("run", *token)
        found = done(*run_of, "--url", emulator.url, "--", "sh", "-c", script)

    assert (found.status, found.out) == (0, "open-sesame\n"), found.err


def test_the_api_key_of_the_command_is_one_of_the_emulator(done: Run) -> None:
    script = SEND.replace("YOUR_API_KEY", "sk-theirs")

    assert done("run", "--", sys.executable, "-c", script, FLARESEND_API_KEY="sk-theirs").out == "200\n"
    assert done("--api-key", "other", "run", "--", sys.executable, "-c", script).out == "401\n"


@pytest.mark.parametrize("status", [0, 77])
def test_the_exit_status_is_that_of_the_command(status: int, done: Run) -> None:
    assert done("run", "--", "sh", "-c", f"exit {status}").status == status


def test_a_command_that_a_signal_ends_gives_128_and_its_number(done: Run) -> None:
    assert done("run", "--", "sh", "-c", "kill -TERM $$").status == 128 + signal.SIGTERM


def test_a_command_that_does_not_exist_has_status_127(tmp_path: Path, done: Run) -> None:
    found = done("run", "--", "no-such-command")

    assert found.status == 127
    assert "flaresend-mock: no-such-command: No such file or directory\n" in found.err

    (tmp_path / "script").write_text("echo no")
    assert done("run", "--", str(tmp_path / "script")).status == 126


def test_a_command_is_needed() -> None:
    run("run").failed("Missing argument 'COMMAND...'", status=2)
    run("run", "--").failed("Missing argument 'COMMAND...'", status=2)


def test_a_server_that_is_no_emulator_is_refused() -> None:
    import http.server
    import threading

    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        found = run("run", "--url", url, "--", "true")
        server.shutdown()
    assert found.status == 2
    assert "is not a flaresend-mock emulator" in found.err


def test_no_emulator_is_started_on_another_machine() -> None:
    run("run", "--url", "http://[100::1]:1", "--", "true").failed("annot", status=2)


def test_a_world_that_cannot_be_read_is_refused_before_the_command_runs(done: Run) -> None:
    found = done("--world", "missing.json", "run", "--", "echo", "ran")

    assert (found.status, found.out) == (2, "")
    assert "missing.json" in found.err


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_reach_the_command(name: str) -> None:
    number = getattr(signal, name)
    script = (  # it waits for a blocked signal: one that came just before a pause would be missed
        f"import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [{int(number)}]); print('ready', flush=True);"
        f"signal.sigwait([{int(number)}]); sys.exit(40)"
    )
    with running(sys.executable, "-c", script) as process:
        process.send_signal(number)
        assert process.wait(20) == 40


def test_a_signal_while_the_command_is_started_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            try:
                signal.raise_signal(signal.SIGTERM)
            except SystemExit:
                self.kill()
                self.wait()
                pytest.fail("the command would be left")

    monkeypatch.setattr(redirection.subprocess, "Popen", Interrupted)
    with redirection._Signals() as signals:
        assert redirection._run(["sleep", "60"], ENVIRONMENT, signals) == 128 + signal.SIGTERM


def test_a_signal_that_the_command_does_not_handle_ends_both() -> None:
    with running("sh", "-c", "echo ready; exec sleep 60") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM


def test_ctrl_c_reaches_the_command_once() -> None:
    """The terminal sends the signal to all its processes."""
    script = (
        "import signal, sys, time; got = []; signal.signal(signal.SIGINT, lambda *_: got.append(1));"
        "print('ready', flush=True)\n"
        "while not got: time.sleep(0.05)\n"
        "time.sleep(0.5); print('got', len(got), flush=True)"
    )
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(COMMAND[0], [*COMMAND, "--port", "0", "run", "--", sys.executable, "-c", script], ENVIRONMENT)
    shown = b""
    try:
        while not re.search(rb"got \d", shown):
            assert select.select([terminal], [], [], 30)[0], shown
            before, shown = shown, shown + os.read(terminal, 1000)
            if b"ready" in shown and b"ready" not in before:
                os.write(terminal, b"\x03")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    assert b"got 1" in shown


def test_what_is_started_is_stopped(tmp_path: Path, done: Run) -> None:
    export = tmp_path / "world.json"
    script = f"{SEND}; import os; print(os.environ['FLARESEND_MOCK_URL'], os.environ['SSL_CERT_FILE'])"
    found = done("--export-on-exit", str(export), "run", "--", sys.executable, "-c", script)
    url, bundle = found.out.split()[1:]

    assert found.status == 0
    assert "Hello" in export.read_text()
    assert not Path(bundle).exists()
    run("health", "--url", url).failed("Connection refused")


def test_other_hosts_are_passed_on_and_counted(flaresend: FlaresendMock, done: Run) -> None:
    """The other host is the emulator that the test runs, by a name that is not loopback."""
    port = flaresend.url.rpartition(":")[2]
    script = (
        "import os, socket; host, port = os.environ['HTTPS_PROXY'][7:].split(':');"
        "s = socket.create_connection((host, int(port))); name = '0.0.0.0:' + os.environ['OTHER'];"
        "s.sendall(f'CONNECT {name} HTTP/1.1\\r\\nHost: {name}\\r\\n\\r\\n'.encode()); s.recv(1000);"
        "s.sendall(b'GET /_mock/health HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n'); print(s.recv(12).decode())"
    )
    found = done("run", "--", sys.executable, "-c", script, OTHER=port)

    assert found.out == "HTTP/1.1 200\n", found
    assert found.err.endswith(f"passed on 1 connection to other hosts: 0.0.0.0:{port} (1)\n")


@pytest.mark.parametrize("is_running", [False, True])
def test_a_hermetic_run_refuses_other_hosts(is_running: bool, flaresend: FlaresendMock, done: Run) -> None:
    script = "import requests\ntry: requests.get('https://other.example', timeout=20)\nexcept OSError as e: print(e)"
    options = ["--url", flaresend.url] if is_running else []
    found = done("run", "--hermetic", *options, "--", sys.executable, "-c", script)

    assert "403" in found.out
    assert found.err.endswith("refused 1 connection to other hosts: other.example (1)\n")


def test_other_hosts_go_through_the_proxy_that_the_environment_named(flaresend: FlaresendMock, done: Run) -> None:
    """The proxy is the emulator that the test runs, which refuses and records."""
    script = "import requests\ntry: requests.get('https://other.example', timeout=20)\nexcept OSError as e: print(e)"
    found = done("run", "--", sys.executable, "-c", script, HTTPS_PROXY=flaresend.url, NO_PROXY="localhost")

    assert "502" in found.out
    assert flaresend.others == {("other.example:443", False): 1}


def test_a_running_emulator_that_refuses_other_hosts_still_does(flaresend: FlaresendMock, done: Run) -> None:
    at(flaresend, "health")
    script = "import requests\ntry: requests.get('https://0.0.0.0:1', timeout=20)\nexcept OSError as e: print(e)"
    found = done("run", "--url", flaresend.url, "--", sys.executable, "-c", script)

    assert "502" in found.out or "refused" in found.out
    assert flaresend.others == {}


def test_a_sitecustomize_of_the_program_still_runs(tmp_path: Path, done: Run) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('theirs')")
    variables = {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(tmp_path)])}

    assert done("run", "--", sys.executable, "-c", SEND, **variables).out.splitlines()[-2:] == ["theirs", "200"]
