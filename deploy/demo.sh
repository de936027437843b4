#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Shows the suite at its main job with real programs: a signaling server, a relay with accounts, two devices that find
# and greet each other, and a chat. With a terminal it ends in a chat with you; without one it prints the same and exits.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=deploy/packages.sh
source "$top/deploy/packages.sh"

say() { printf '\n\033[1m== %s\033[0m\n' "$1" | if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi; }
run() { printf '$ %s\n' "$*"; }

say "Set-up"
install_missing "${build_packages[@]}"
echo "Building; the first time takes some minutes."
swift build --package-path "$top" --quiet 2>&1 | grep -v 'unhandled; explicitly' | grep -v CMakeLists || true
bin=$(swift build --package-path "$top" --show-bin-path)
PATH="$bin:$PATH"

state=$(mktemp -d)
started=()
# Starts a program in the background; what it says goes to a file of that name.
start() {
    local name=$1
    shift
    run "$@"
    "$@" >"$state/$name.out" 2>"$state/$name.log" </dev/null &
    started+=($!)
}
clean_up() {
    trap - EXIT
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$state"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Waits until a file has a line that matches, for 20 seconds at the most.
await() {
    local file=$1 pattern=$2
    for _ in $(seq 1 200); do
        if grep -qE "$pattern" "$file" 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "demo.sh: waited in vain for '$pattern'; $(basename "$file") says:" >&2
    cat "$file" >&2
    exit 70
}
# The address that a server says it listens on.
address() { grep -oE 'address=[0-9.:]+' "$1" | head -1 | cut -d= -f2; }

say "A signaling server, where devices find each other"
start signaling signaling_server --port 0 --state-dir "$state/signaling"
await "$state/signaling.log" 'address='
signaling=http://$(address "$state/signaling.log")
echo "It listens at $signaling."

say "Two devices find each other there, and talk over mutual TLS"
start kitchen device --name kitchen --signaling "$signaling" --state-dir "$state/kitchen" --no-prompt
start garden device --name garden --signaling "$signaling" --state-dir "$state/garden" --no-prompt
await "$state/kitchen.out" 'connected to garden'
await "$state/garden.out" 'connected to kitchen'
grep 'connected to' "$state/kitchen.out"
run device list --signaling "$signaling"
device list --signaling "$signaling" --state-dir "$state/visitor"
run "echo 'send kitchen The kettle is on.' | device --name visitor"
echo 'send kitchen The kettle is on.' |
    device --name visitor --signaling "$signaling" --state-dir "$state/visitor" | grep 'delivered'
await "$state/kitchen.out" 'visitor: The kettle is on'
echo "and the kitchen shows:"
grep 'visitor: ' "$state/kitchen.out"
run "curl $signaling/devices"
curl -fsS "$signaling/devices"
echo

say "A relay with three accounts, for people"
for name in alice bob you; do
    password=$(head -c 9 /dev/urandom | base64)
    echo "$password" >"$state/$name.password"
    run "tcp_server user add $name"
    echo "$password" | tcp_server user add "$name" --state-dir "$state/relay"
done
start relay tcp_server --port 0 --state-dir "$state/relay"
await "$state/relay.log" 'address='
relay=$(address "$state/relay.log")
port=${relay##*:}

# A chat client for one of the accounts.
client() { tcp_client --port "$port" --user "$1" --password-file "$state/$1.password" --state-dir "$state/client-$1" "${@:2}"; }

say "A chat: bob speaks JSON over a bare socket, alice uses the client"
# Bob answers what others say, three times at the most, in the JSON dialect, with nothing but bash.
bob() {
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    echo "{\"login\":{\"user\":\"bob\",\"password\":\"$(cat "$state/bob.password")\"}}" >&3
    while IFS= read -r line <&3; do
        case $line in
            *'"welcome"'*) echo "bob is in" ;;
            *'"message"'*) echo '{"publish":{"text":"I hear you."}}' >&3 ;;
        esac
    done
}
bob >"$state/bob.out" 2>&1 </dev/null &
started+=($!)
await "$state/bob.out" 'bob is in'
run "tcp_client --user alice"
client alice < <(echo 'Hello, is anybody there?'; for _ in $(seq 1 100); do
    if grep -q 'I hear you' "$state/alice.out" 2>/dev/null; then break; fi
    sleep 0.1
done) >"$state/alice.out" 2>"$state/alice.log"
echo "> Hello, is anybody there?"
cat "$state/alice.out"

if [ -t 0 ] && [ -t 1 ]; then
    say "Now you: type something; bob answers. exit leaves."
    client you
else
    say "Now you, without a terminal: a line in, and what was said before"
    run "echo 'Good morning!' | tcp_client --user you"
    echo 'Good morning!' | client you
fi

say "That was it: everything that was started is stopped again"
