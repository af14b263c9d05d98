#!/bin/bash
# parallel.sh: a seed sweep in shards, by GNU parallel: on this machine, or on several.
#
#   contrib/ci/parallel.sh SHARDS FILE.ini... --seeds 1-1000 [OPTION...] -- CMD ARG...
#
# What stands behind SHARDS is what `turncoat test` takes. Shard N leaves its seeds' folders
# in $OUT/shard-N, and its JUnit report as $OUT/shard-N.xml.
#
#   OUT       where results go (./turncoat-out)
#   TURNCOAT  the program (turncoat)
#   PARALLEL  options for GNU parallel itself, which reads them; such as
#             "-S 4/alpha,4/beta --workdir /shared/checkout" for four shards at a time on each
#             of two machines that share a file system
#
# Exit status: 2 when a shard could not run, else 1 when a seed failed, else 3 when a shard
# was vacuous, else 0.
set -euo pipefail

if [ $# -lt 2 ] || ! [[ $1 =~ ^[1-9][0-9]*$ ]]; then
	sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" >&2
	exit 2
fi
shards=$1
shift
out=${OUT-turncoat-out}
mkdir -p "$out"
log=$out/parallel.log
rm -f "$log"

# Its own exit status counts jobs that failed; the log has each one's.
seq "$shards" | parallel --quote -I '<shard>' --line-buffer --tagstring 'shard <shard>' \
	--joblog "$log" "${TURNCOAT-turncoat}" test --shard "<shard>/$shards" \
	--out "$out/shard-<shard>" --junit "$out/shard-<shard>.xml" "$@" || true

# Columns 7 and 8: exit status and signal.
awk -v shards="$shards" '
	NR > 1 {
		num++
		seen[$8 == 0 && ($7 == 0 || $7 == 1 || $7 == 3) ? $7 : 2]++
	}
	END {
		exit num != shards || seen[2] ? 2 : seen[1] ? 1 : seen[3] ? 3 : 0
	}' "$log"
