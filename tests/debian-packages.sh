#!/usr/bin/env bash
# What the tests use from Debian beyond Python: Nagios' own NSCA daemon, a Redis that knows TLS (redis-tools has its program
# without starting it), and a browser with a font; or the packages that it is called with, as the benchmark does for Alertmanager. Installs what is missing where it may (root, or sudo without a password), and says what is skipped where not. Never fails a test run.
set -uo pipefail

as_root=()
reason=""
wanted=("$@")
purpose=""
if [[ $# == 0 ]]; then
  wanted=(nsca redis-tools chromium fonts-dejavu-core)
  purpose=" for the tests"
fi
log=$(mktemp) || exit 0
policy=/usr/sbin/policy-rc.d
policy_is_ours=no

present() {
  command -v "$1" >/dev/null || [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

skipped() {
  case $1 in
    nsca) echo "tests against Nagios' own NSCA daemon" ;;
    redis-tools) echo "tests of Redis over TLS" ;;
    chromium) echo "tests in a browser" ;;
    prometheus-alertmanager) echo "the comparison with Alertmanager" ;;
    *) echo "nothing" ;;
  esac
}

may_install() {
  if ! command -v apt-get >/dev/null; then
    reason="there is no apt-get here"
    return 1
  fi
  if [[ $(id -u) != 0 ]]; then
    as_root=(sudo -n)
    if ! sudo -n true 2>/dev/null; then
      reason="that needs root, or sudo without a password"
      return 1
    fi
  fi
}

apt() {
  # The lock: another apt may be at work. The time-outs: without a network this must not hold the tests up.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq \
    -o DPkg::Lock::Timeout=120 -o Acquire::Retries=1 -o Acquire::http::Timeout=20 "$@" >"$log" 2>&1 </dev/null
}

# A package may start a daemon (nsca does where Nagios is installed, Alertmanager always). Debian asks this file first:
# https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt . It says no only while this script runs,
# so that it does no harm if it should stay behind.
start_no_daemons() {
  [[ -e $policy ]] && return
  printf '#!/bin/sh\nkill -0 %s 2>/dev/null && exit 101\nexit 0\n' $$ | "${as_root[@]}" tee "$policy" >/dev/null \
    && policy_is_ours=yes && "${as_root[@]}" chmod 755 "$policy"
}

# shellcheck disable=SC2317 # called by the trap
clean_up() {
  rm -f "$log"
  [[ $policy_is_ours == no ]] || "${as_root[@]}" rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

missing=()
for package in "${wanted[@]}"; do
  present "$package" || missing+=("$package")
done
[[ ${#missing[@]} == 0 ]] && exit 0

if may_install; then
  echo "installing$purpose: ${missing[*]} …"
  start_no_daemons
  apt update
  for package in "${missing[@]}"; do
    apt install -y --no-install-recommends "$package" || reason="apt-get: $(grep '^E:' "$log" | tail -n 1)"
  done
fi

for package in "${missing[@]}"; do
  [[ $(skipped "$package") == nothing ]] || present "$package" \
    || echo "skipped without $package: $(skipped "$package") (not installed: $reason)"
done
exit 0
