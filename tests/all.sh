#!/bin/sh
# all.sh - every test there is, in two builds: the one users run, and one under the sanitizers. The last line counts them.
set -u
cd "$(dirname "$0")/.." || exit 1
log=$(mktemp)
trap 'rm -f "$log" "$log.failed"' EXIT

# meson test, seen and noted.
tests()
{
    { meson test "$@" --print-errorlogs || touch "$log.failed"; } 2>&1 | tee -a "$log"
}

tests -C build --timeout-multiplier 2

# AddressSanitizer and UndefinedBehaviorSanitizer, for what runs in one process. Without --werror: their checks make gcc see paths that are none.
[ -f build-asan/build.ninja ] || meson setup build-asan --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false || exit 1
tests -C build-asan --timeout-multiplier 4 --suite unit --suite kernels --suite runs-single

awk '/^(Ok|Expected Fail): +[0-9]+/ {passed += $NF}
     /^(Fail|Unexpected Pass|Timeout): +[0-9]+/ {failed += $NF}
     /^Skipped: +[0-9]+/ {skipped += $NF}
     END {printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped}' "$log"
[ ! -f "$log.failed" ]
