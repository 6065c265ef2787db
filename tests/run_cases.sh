#!/usr/bin/env bash
# Run each script of ../shared/cases on this project, from a temporary folder: `tests/run_cases.sh PYTHON`.
# A case exits with 0 where the right thing happens; the status is 1 if any does not, or takes more than five minutes.
set -uo pipefail
project=$(cd "$(dirname "$0")/.." && pwd)
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cases=$project/../shared/cases
if [ ! -d "$cases" ]; then
    echo "cases: skipped, there is no ../shared/cases"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failed=0
for case in "$cases"/files/*.py "$cases"/running/*.py; do
    name=${case#"$cases"/}
    if timeout 300 "$python" "$case" "$project" >"$folder/said" 2>&1 </dev/null; then
        echo "case $name: right"
    else
        echo "case $name: FAILED with status $?"
        tail -n 20 "$folder/said" | sed 's/^/    /'
        failed=$((failed + 1))
    fi
done
echo "cases: $failed failed"
[ "$failed" = 0 ]
