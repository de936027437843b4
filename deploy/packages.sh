# SPDX-License-Identifier: Apache-2.0
# Debian's packages that the suite needs, for the scripts beside this file to read.

# shellcheck disable=SC2034
build_packages=(git libcrypt-dev libedit-dev libqrencode-dev libsqlite3-dev zlib1g-dev curl)
# For the tests of the built programs, which other people's clients, browsers and tools talk to.
# shellcheck disable=SC2034
test_packages=(
    apache2-utils chromium iproute2 libprotobuf-dev netcat-openbsd openssl procps protobuf-compiler python3-venv
    tmux whois
)

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Installs those of the packages named that are not there yet.
install_missing() {
    local package missing=()
    for package in "$@"; do
        if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
            missing+=("$package")
        fi
    done
    if ((${#missing[@]} == 0)); then
        echo "All packages are there."
        return
    fi
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}
