#!/usr/bin/env bash
# Builds the image from a checkout and checks it as a user would: each function check_* is one check.
#
#     check.sh [CHECKOUT [CHECK...]]
#
# It needs root, and Debian's packages, which it installs. It needs no registry of images: the base image is made of
# packages, too. The docker daemon runs in a network namespace of its own, so the machine's own network stays the same.
# BASE, if it is set, is a file that keeps the base image from run to run.
#
# It prints "ok NAME" or "failed NAME" for each check, with what the check printed above it. Exit status 77 means that
# it cannot run here; the last line says why.
# shellcheck disable=SC2317,SC2329 # the checks are called by their names
set -euo pipefail
checkout=$(cd "${1:-.}" && pwd)
only=("${@:2}")
work=$(mktemp -d)
space=flaresend-mock-$$
python=$(command -v python || command -v python3) || python=
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$work/config DOCKER_BUILDKIT=1
export COMPOSE_DOCKER_CLI_BUILD=1 BUILDKIT_PROGRESS=plain
url=http://127.0.0.1:3577
key='Authorization: Bearer YOUR_API_KEY'
json='Content-Type: application/json'
message='{"recipients":["254712345678"],"type":"text","text":"Hello"}'
labels=(version=9.8.7 revision=0123abcd source=https://source.test documentation=https://docs.test)
started=()

step() { printf '== %3d s  %s\n' "$SECONDS" "$*"; }
impossible() {
    printf 'impossible here: %s\n' "$*"
    exit 77
}
cleanup() {
    set +e
    [ ! -S "$work/docker.sock" ] || docker ps -aq 2>/dev/null | xargs -r docker rm -f >/dev/null 2>&1
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        kill "${started[i]}" && wait "${started[i]}"
    done 2>/dev/null
    ip netns delete "$space" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# --- a docker daemon -------------------------------------------------------------------------------------------------

packages() {
    local wanted=() policy=/usr/sbin/policy-rc.d
    for pair in dockerd:docker.io docker:docker-cli docker-compose:docker-compose mmdebstrap:mmdebstrap curl:curl \
        slirp4netns:slirp4netns iptables:iptables ip:iproute2; do
        [ -n "$(command -v "${pair%%:*}")" ] || wanted+=("${pair#*:}")
    done
    [ ${#wanted[@]} -gt 0 ] || return 0
    apt-get update -qq || true
    wanted+=(docker-buildx) # where it is a package of its own; older clients have it
    mapfile -t wanted < <(for one in "${wanted[@]}"; do apt-cache show "$one" >/dev/null 2>&1 && echo "$one"; done)
    if [ ! -e $policy ]; then # else Debian starts the daemon, on the machine's own network
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    else
        policy=
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends \
        "${wanted[@]}" >"$work/apt.log" 2>&1 || true
    [ -z "$policy" ] || rm -f $policy
    for program in dockerd docker mmdebstrap slirp4netns iptables ip curl; do
        [ -n "$(command -v $program)" ] || impossible "$program cannot be installed"
    done
}

inside() { nsenter --net="/run/netns/$space" "$@"; }

daemon() {
    ip netns add "$space" 2>"$work/netns.log" || impossible "no network namespaces: $(tail -1 "$work/netns.log")"
    inside ip link set lo up
    nsenter --net="/run/netns/$space" sleep infinity &
    started+=($!)
    sleep 0.3
    slirp4netns --configure --mtu=65520 --disable-host-loopback $! tap0 >"$work/slirp.log" 2>&1 &
    started+=($!)
    # shellcheck disable=SC2016 # the shell in the namespace expands it; a containerd of the machine is not for us
    nsenter --net="/run/netns/$space" unshare --mount sh -c \
        '[ ! -d /run/containerd ] || mount -t tmpfs tmpfs /run/containerd; exec "$@"' - \
        dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" --host "$DOCKER_HOST" \
        --dns 10.0.2.3 >"$work/dockerd.log" 2>&1 &
    started+=($!)
    for _ in $(seq 150); do
        ! docker version >/dev/null 2>&1 || return 0
        sleep 0.2
    done
    impossible "no docker daemon: $(tail -1 "$work/dockerd.log")"
}

# Makes python:3.13-slim of Debian's packages, with the certificates and the index that pip has on this machine.
base_image() {
    local certificates index mirror
    "$python" -m pip download -q --no-deps --dest "$work/pip" pip
    certificates=$("$python" -m pip config get global.cert 2>/dev/null || true)
    index=$("$python" -m pip config get global.index-url 2>/dev/null || true)
    cp "${certificates:-${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}}" "$work/of-the-host.crt"
    {
        printf '[global]\ncert = /etc/ssl/certs/of-the-host.crt\n'
        [ -z "${index:-${PIP_INDEX_URL:-}}" ] || echo "index-url = ${index:-$PIP_INDEX_URL}"
    } >"$work/pip.conf"
    # shellcheck disable=SC2016 # apt-get expands it
    mirror=$(apt-get indextargets --format '$(SITE)' "Created-By: Packages" | head -1)
    # shellcheck disable=SC2016 # mmdebstrap expands $1
    mmdebstrap --quiet --variant=essential --include=python3,ca-certificates,netbase,tzdata,passwd \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
        --aptopt='Acquire::Languages "none"' \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook="copy-in $work/of-the-host.crt /etc/ssl/certs" --customize-hook="copy-in $work/pip.conf /etc" \
        --customize-hook="copy-in $work/pip /root" \
        --customize-hook='rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED; ln -s python3 "$1/usr/bin/python"' \
        --customize-hook='chroot "$1" sh -c "cd /root/pip; wheel=\$(ls); python3 \$wheel/pip install -q --no-index \$wheel"' \
        --customize-hook='rm -r "$1/root/pip"' \
        trixie "$work/base.tar" "$mirror" 2>"$work/mmdebstrap.log" && mv "$work/base.tar" "$base"
}

build() { # [OPTION...] CONTEXT
    local label name arguments=()
    for label in "${labels[@]}"; do
        name=${label%%=*}
        arguments+=(--build-arg "${name^^}=${label#*=}")
    done
    docker build "${arguments[@]}" "$@" >"$work/build.log" 2>&1
}

# --- what the checks use ---------------------------------------------------------------------------------------------

ms() { echo $(($(date +%s%N) / 1000000)); }
until_true() { # SECONDS COMMAND...
    local end=$(($(ms) + $1 * 1000))
    until "${@:2}"; do
        [ "$(ms)" -lt "$end" ] || return 1
        sleep 0.02
    done
}
responds() { inside curl -sf -o /dev/null "$url/_mock/health"; }
is_healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "${1:-fs}")" = "${2:-healthy}" ]; }
has_ended() { [ "$(docker inspect -f '{{.State.Running}}' fs)" = false ]; }
ask() { inside curl -sS --fail-with-body "$@"; }
start() { docker run -d --name fs -p 127.0.0.1:3577:3577 "$@" >/dev/null; }
stop() {
    docker stop -t 10 fs >/dev/null
    [ "$(docker inspect -f '{{.State.ExitCode}}' fs)" = 0 ]
    docker rm -v fs >/dev/null
}
up() { start "$@" && until_true 20 responds; }
fails() { if "$@"; then return 1; fi; }
no_more() { # NAME NUMBER MOST: a figure that is too high fails the check
    printf '%s: %s, at most %s\n' "$@"
    [ "$2" -le "$3" ]
}
no_slower() { # NAME NUMBER MOST: the same, but up to three times as much where other programs use the processors
    local percent
    percent=$(awk -v cores="$(nproc)" '{ busy = $1 / cores; print int(100 * (busy < 1 ? 1 : busy > 3 ? 3 : busy)) }' \
        /proc/loadavg)
    no_more "$1 (load $(cut -d' ' -f1 /proc/loadavg), $(nproc) cores)" "$2" $(($3 * percent / 100))
}

# --- the checks ------------------------------------------------------------------------------------------------------

check_the_readme_builds_and_runs_it() {
    local command container
    command=$(sed -n 's/^docker build .* && \(docker run .*\)/\1/p' "$checkout/README.md")
    bash -c "$command" >"$work/readme.log" 2>&1 &
    until_true 20 responds
    ask "$url/send-message" -H "$key" -H "$json" -d "$message" | grep '"success":true'
    container=$(docker ps -q)
    [ "$(docker exec "$container" id -u)" = 10001 ]
    docker stop "$container"
}

check_it_responds_within_800_ms_and_is_healthy_within_3_s() {
    local began first=99999 healthy=99999 now
    for _ in 1 2 3; do # the best
        began=$(ms)
        up flaresend-mock
        now=$(($(ms) - began))
        first=$((now < first ? now : first))
        until_true 20 is_healthy
        now=$(($(ms) - began))
        healthy=$((now < healthy ? now : healthy))
        stop
        [ "$first" -gt 800 ] || [ "$healthy" -gt 3000 ] || break
    done
    no_slower "ms until the first response" "$first" 800
    no_slower "ms until it is healthy" "$healthy" 3000
}

check_stopping_it_ends_calls_that_wait() {
    local began
    up flaresend-mock
    inside curl -s "$url/_mock/messages/wait" -H "$json" -d '{"match":{"number":"254700000000"},"timeout":60}' &
    sleep 1
    began=$(ms)
    stop
    no_more "ms until it stopped" $(($(ms) - began)) 6000
    wait $!
}

check_an_early_signal_is_not_lost() {
    for delay in 0 0.05 0.1 0.15 0.2; do
        start flaresend-mock
        sleep "$delay"
        docker kill --signal TERM fs >/dev/null
        until_true 5 has_ended || { echo "it runs on after a signal at $delay s"; return 1; }
        [ "$(docker inspect -f '{{.State.ExitCode}}' fs)" = 0 ]
        docker rm -v fs >/dev/null
    done
}

check_another_user_with_nothing_to_write_to() {
    up --user 12345:12345 --read-only --cap-drop ALL --security-opt no-new-privileges \
        -e FLARESEND_MOCK_WORLD=/world.json -v "$checkout/fixtures/worlds/demo.json:/world.json:ro" flaresend-mock
    ask "$url/_mock/groups" | grep -q '"groups":\[{'
    until_true 10 is_healthy
    stop
    up --ipc none flaresend-mock # without a /dev/shm of its own
    until_true 10 is_healthy
    stop
}

check_96_mb_are_enough_for_an_upload_of_40_mb() {
    head -c 40000000 /dev/urandom >"$work/large"
    up --memory 96m --memory-swap 96m --read-only flaresend-mock
    ask "$url/send-message" -H "$key" -F recipients=254712345678 -F type=document -F "file=@$work/large"
    until_true 10 is_healthy
    [ "$(docker inspect -f '{{.State.OOMKilled}}' fs)" = false ]
    docker stats --no-stream --format '{{.MemUsage}}' fs
    stop
}

check_health_is_asked_where_it_listens() {
    local names=(port free-port every-address its-own-address tls token init shared-1 shared-2)
    {
        docker run -d --name port flaresend-mock --port 8080
        docker run -d --name free-port flaresend-mock --port 0
        docker run -d --name every-address flaresend-mock --host ::
        docker run -d --name its-own-address --hostname mock flaresend-mock --host mock
        docker run -d --name tls flaresend-mock --tls-port 443 --tls-name wa.test --tls-ca /data/ca.pem
        docker run -d --name token -e FLARESEND_MOCK_CONTROL_TOKEN=t0ken flaresend-mock
        docker run -d --name init --init flaresend-mock --port 8080
        docker run -d --name shared-1 --network host flaresend-mock --port 4001
        docker run -d --name shared-2 --network host --user 12345 --read-only flaresend-mock --port 4002 --host 127.0.0.1
    } >/dev/null
    for one in "${names[@]}"; do
        until_true 20 is_healthy "$one" || { docker inspect -f '{{json .State.Health}}' "$one"; return 1; }
    done
    docker exec port flaresend-mock messages # other commands find it, too
    docker rm -fv shared-1
    docker exec shared-2 flaresend-mock health | grep '"status":"ok"'
    docker rm -fv "${names[@]}" 2>/dev/null || true
}

check_it_is_unhealthy_when_it_hangs() {
    up --health-retries 1 --health-timeout 3s flaresend-mock
    until_true 10 is_healthy
    kill -STOP "$(docker inspect -f '{{.State.Pid}}' fs)"
    until_true 20 is_healthy fs unhealthy
    kill -CONT "$(docker inspect -f '{{.State.Pid}}' fs)"
    until_true 20 is_healthy
    stop
}

check_an_idle_container_takes_at_most_1_percent_of_a_core() {
    local least=999999 before after
    used() {
        curl -sS --unix-socket "$work/docker.sock" "http://docker/containers/fs/stats?stream=false&one-shot=true" |
            grep -o '"total_usage":[0-9]*' | head -1 | tr -dc 0-9
    }
    up flaresend-mock
    until_true 10 is_healthy
    sleep 5
    for _ in 1 2 3; do # the best
        before=$(used)
        sleep 12
        after=$(used)
        before=$(((after - before) / 12000))
        least=$((before < least ? before : least))
        [ "$least" -gt 10000 ] || break
    done
    no_slower "µs of a core in a second" "$least" 10000
    stop
}

check_data_is_kept_in_a_fresh_volume_by_every_user() {
    local user
    for user in 10001 12345:12345 1000680000:0; do
        docker volume create kept >/dev/null
        up --user "$user" --read-only -v kept:/data flaresend-mock --export-on-exit /data/world.json --tls-ca /data/ca.pem \
            --transcript-on-exit /data/transcript.txt
        ask "$url/send-message" -H "$key" -H "$json" -d "$message" >/dev/null
        ask "$url/_mock/ca.pem" >"$work/ca.pem"
        stop
        docker run --rm --user "$user" -v kept:/data --entrypoint cat flaresend-mock /data/world.json | grep -q '"Hello"'
        docker run --rm --user 2000:2000 -v kept:/data --entrypoint cat flaresend-mock /data/transcript.txt | grep -q '"Hello"'
        # the certificate is for every other user, too
        docker run --rm --user 2000:2000 -v kept:/data --entrypoint cat flaresend-mock /data/ca-certificate.pem |
            cmp - "$work/ca.pem"
        docker volume rm kept >/dev/null
    done
}

check_a_sibling_gets_webhooks_and_media() {
    docker network create siblings >/dev/null
    up --network siblings --network-alias flaresend --read-only \
        -e FLARESEND_MOCK_WEBHOOK_URL=http://app:8000/webhook flaresend-mock
    docker run --rm --network siblings --network-alias app -v "$checkout/tests/container/sibling.py:/app.py:ro" \
        --entrypoint python flaresend-mock -u /app.py
    stop
    docker network rm siblings >/dev/null
}

check_media_is_reached_through_another_port_of_the_host() {
    local link
    docker run -d --name fs -p 127.0.0.1:8080:3577 flaresend-mock >/dev/null
    until_true 20 ask http://127.0.0.1:8080/check-number -H "$key" -H "$json" -d '{"number":"254712345678"}'
    link=$(ask http://127.0.0.1:8080/_mock/inbound -H "$json" -d '{"from":"254712345678","media":{"sample":"jpeg"}}' |
        grep -o 'http://127.0.0.1:8080/v/[^"]*' | head -1)
    ask "$link" | head -c 1000 | wc -c | grep -qx 1000
    stop
}

check_testcontainers_start_it() {
    cd "$checkout"
    inside "$python" -m pytest -q -rs -m slow -p no:cacheprovider tests/testing/test_container_in_docker.py
}

check_json_logs_have_no_plain_line() {
    up -e FLARESEND_MOCK_LOG_FORMAT=json flaresend-mock
    ask "$url/groups" -H "$key" >/dev/null
    docker kill --signal TERM fs >/dev/null
    until_true 10 has_ended
    docker logs fs >"$work/log" 2>&1
    docker rm -v fs >/dev/null
    fails docker run --rm -e FLARESEND_MOCK_LOG_FORMAT=json flaresend-mock --world nowhere.json >>"$work/log" 2>&1
    grep -c . "$work/log"
    "$python" -c 'import json, sys; [json.loads(line) for line in sys.stdin]' <"$work/log"
}

check_size_user_and_labels() {
    local label
    for label in "${labels[@]}"; do
        docker inspect -f '{{json .Config.Labels}}' flaresend-mock | grep -F "\"org.opencontainers.image.${label/=/\":\"}\""
    done
    docker inspect -f '{{.Config.User}}' flaresend-mock | grep -x '[0-9]*'
    fails docker run --rm --entrypoint ls flaresend-mock /wheels /dependencies
    no_more "bytes of the image with its base, gzipped" "$(docker save flaresend-mock | gzip | wc -c)" 85000000
}

check_a_change_of_the_source_fetches_nothing() {
    local layers='{{join .RootFS.Layers "\n"}}'
    mkdir "$work/changed"
    (cd "$checkout" && tar -c --exclude=__pycache__ Dockerfile .dockerignore pyproject.toml README.md CHANGELOG.md LICENSE \
        flaresend_mock fixtures docs) |
        tar -x -C "$work/changed"
    echo '# changed' >>"$work/changed/flaresend_mock/version.py"
    build -t changed "$work/changed"
    fails grep -E 'Downloading|Collecting' "$work/build.log"
    docker inspect -f "$layers" flaresend-mock >"$work/layers"
    docker inspect -f "$layers" changed | diff "$work/layers" - | grep '^>' >"$work/new-layers" || true
    [ "$(wc -l <"$work/new-layers")" -le 2 ] # the package, and the empty one of WORKDIR
}

check_the_compose_example_is_green() {
    local compose=(docker-compose)
    ! docker compose version >/dev/null 2>&1 || compose=(docker compose)
    cd "$checkout/docs/examples/compose"
    "${compose[@]}" -p example up --build --exit-code-from tests
    "${compose[@]}" -p example down -v
}

# --- main ------------------------------------------------------------------------------------------------------------

[ "$(id -u)" -eq 0 ] || impossible "it needs root"
[ -n "$python" ] || impossible "it needs Python"
step packages
packages
step "a docker daemon"
daemon
step "a base image"
base=${BASE:-$work/base}
[ -s "$base" ] || base_image || base_image || impossible "no base image: $(tail -1 "$work/mmdebstrap.log")"
docker import --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV PIP_ROOT_USER_ACTION=ignore' --change 'CMD ["python3"]' "$base" python:3.13-slim >/dev/null
step "docker build"
build -t flaresend-mock "$checkout" || build -t flaresend-mock "$checkout" || {
    tail -40 "$work/build.log"
    exit 1
}
failed=0
mapfile -t names < <(sed -n 's/^check_\(.*\)() {$/\1/p' "$0")
for name in "${names[@]}"; do
    [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " == *" $name "* ]] || continue
    began=$SECONDS
    set +e
    (
        set -eE
        trap 'echo "line $LINENO: $BASH_COMMAND: exit status $?"' ERR
        "check_$name"
    ) </dev/null >"$work/check.log" 2>&1
    status=$?
    set -e
    if [ $status -eq 0 ]; then
        grep ', at most ' "$work/check.log" || true
        printf 'ok %s (%d s)\n' "$name" $((SECONDS - began))
    else
        failed=1
        cat "$work/check.log"
        docker logs --tail 20 fs 2>&1 || true
        printf 'failed %s (%d s)\n' "$name" $((SECONDS - began))
    fi
    docker ps -aq | xargs -r docker rm -fv >/dev/null 2>&1 || true
    docker volume prune -f >/dev/null
    docker network prune -f >/dev/null
done
step "the end"
exit $failed
