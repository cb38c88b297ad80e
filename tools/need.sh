#!/usr/bin/env bash
# Installs Debian packages for the commands that are named and missing.
set -euo pipefail
declare -A package=([chromium]=chromium [gcc]="gcc libc6-dev" [java]=default-jre-headless [mvn]=maven)
missing=()
for command in "$@"; do
  command -v "$command" >/dev/null || missing+=(${package[$command]:?"tools/need.sh does not know the package of $command"})
done
[ ${#missing[@]} -gt 0 ] || exit 0
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)
if ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]}; install them with this system's package manager and try again" >&2
  exit 1
fi
echo "installing ${missing[*]}"
"${sudo[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
