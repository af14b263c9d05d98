#!/bin/bash
# A seed sweep in a shell suite: TAP, one result a seed.
#
#   CHAOS_RULES=chaos.ini CHAOS_SEEDS='1 2 3' ./turncoat.sh ./run-tests ARG...
#
# Or source it and call `chaos_seed SEED COMMAND ARG...`, which is turncoat's exit status. A
# failing seed's folder stays in $CHAOS_OUT (./turncoat-out), with log, result and outputs.
set -u

chaos_turncoat=${TURNCOAT-turncoat}
chaos_rules=${CHAOS_RULES-chaos.ini}
chaos_out=${CHAOS_OUT-turncoat-out}

chaos_seed() {
	local dir=$chaos_out/$1 status

	mkdir -p "$dir" || return 2
	"$chaos_turncoat" run "$chaos_rules" --seed "$1" --own-ports --allow-vacuous \
		--timeout "${CHAOS_TIMEOUT-60s}" --dir "$dir" --log "$dir/run.jsonl" \
		--result "$dir/result.json" -- "${@:2}" >"$dir/output.txt" 2>&1
	status=$?
	[ "$status" -ne 0 ] || rm -rf "$dir"
	return "$status"
}

chaos_main() {
	local failed=0 num=0 seed

	for seed in ${CHAOS_SEEDS-1 2 3 4 5}; do
		num=$((num + 1))
		if chaos_seed "$seed" "$@"; then
			echo "ok $num - seed $seed"
		else
			echo "not ok $num - seed $seed"
			sed 's/^/# /' "$chaos_out/$seed/output.txt"
			failed=1
		fi
	done
	echo "1..$num"
	return "$failed"
}

if [ "$0" = "${BASH_SOURCE[0]}" ]; then
	[ $# -gt 0 ] || {
		sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" >&2
		exit 2
	}
	chaos_main "$@"
fi
