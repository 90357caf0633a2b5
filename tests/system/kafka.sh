#!/usr/bin/env bash
# The broker of the tests is the demo's.
exec "$(dirname "$0")/../../deploy/kafka.sh" "$@"
