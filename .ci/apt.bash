# Sourced by the scripts beside it.

# apt_install WHY PACKAGE...: install Debian packages, or say which command would, and fail.
apt_install() {
    local why=$1 ask=()
    shift
    if ! command -v apt-get >/dev/null; then
        echo "What Debian packages as $* is needed $why. Please install it; apt-get is not here." >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            echo "$* is needed $why. Please run: sudo apt-get install --no-install-recommends $*" >&2
            return 1
        fi
        ask=(sudo -n)
    fi
    echo "Installing $* $why ..." >&2
    local log
    log=$(mktemp)
    # Another apt may be at work. The installation waits for its lock; the update cannot, and may fail
    # where old lists are good enough.
    "${ask[@]}" apt-get -qq update </dev/null >"$log" 2>&1 || true
    if ! "${ask[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        -qq -y install --no-install-recommends "$@" </dev/null >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        echo "apt-get failed, as above. Please run: apt-get install --no-install-recommends $*" >&2
        return 1
    fi
    rm -f "$log"
}
