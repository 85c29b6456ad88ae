#!/bin/sh
# Runs targets one after the other, each for some seconds: ./run.sh SECONDS TARGET...
# What it finds lies in artifacts/, what it says in corpus/TARGET.log.
set -eu
cd "$(dirname "$0")"
seconds=$1
shift
for target in "$@"; do
    mkdir -p "artifacts/$target" "corpus/$target"
    echo "$target: $seconds seconds"
    nice -n 19 cargo fuzz run "$target" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="artifacts/$target/" >"corpus/$target.log" 2>&1 || echo "$target: look at corpus/$target.log"
    grep -E "^(Done|stat::)|DONE" "corpus/$target.log" | tail -n 3 || true
done
