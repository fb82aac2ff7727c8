#!/bin/sh
# Makes ./configure from configure.ac; needed once in a git checkout, never in a release archive.
set -e
cd "$(dirname "$0")"
for tool in autoreconf libtoolize pkg-config; do
  command -v "$tool" >/dev/null || {
    echo "autogen.sh: $tool is missing; on Debian:" \
      "apt-get install autoconf automake libtool pkg-config" >&2
    exit 1
  }
done
exec autoreconf --install --warnings=all,no-portability
