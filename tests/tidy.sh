#!/usr/bin/env bash
# tidy.sh: the rules of the house that no compiler knows; see tests/tidy.py.
exec python3 "$(dirname "$0")/tidy.py" "$@"
