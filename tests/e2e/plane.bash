# shellcheck shell=bash
# plane.bash: what the tests of socket behaviour share. Source it in place of tap.bash.
#
# `wire` is one process with the sockets of both ends (tests/e2e/wire.c), so that a test is a
# sequence of steps and each step waits for what it names. Nothing has a fixed port.

# shellcheck source=tests/e2e/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

mkfifo "$scratch/wire.in" "$scratch/wire.out"
# Opened both ways, so that neither side waits for the other; and by a shell, as spawn gives
# its children no standard input.
exec {wire_in}<>"$scratch/wire.in" {wire_out}<>"$scratch/wire.out"
spawn bash -c 'exec "$0" <"$1" >"$2"' "$top_builddir/tests/e2e/wire" \
	"$scratch/wire.in" "$scratch/wire.out"

# wire STEP...: takes each step, an argument one; prints the last one's result. Stops at the
# first that fails.
wire() {
	local step line

	for step in "$@"; do
		printf '%s\n' "$step" >&"$wire_in"
		if ! IFS= read -r -t 60 -u "$wire_out" line; then
			echo "$step: wire does not answer"
			return 1
		fi
		if [ "${line%% *}" != ok ]; then
			echo "$step: ${line#no }"
			return 1
		fi
	done
	line=${line#ok}
	echo "${line# }"
}

# clean NAME: a result: turncoat said nothing that only sanitizers or assertions say.
clean() {
	nothing "$1: no complaints of sanitizers" \
		"$(grep -aE 'Sanitizer|runtime error|Assertion' "$scratch/$1.out")"
}

# has NAME FILTER: jq's filter holds of a line of the log, which may still be written to.
has() {
	jq -Rcn "[inputs | fromjson? | select($2)] | length > 0" "$scratch/$1.jsonl" |
		grep -qx true
}

# logged NAME FILTER: as a result.
logged() {
	wait_for "a line with $2" has "$1" "$2" || {
		tail -n 5 "$scratch/$1.jsonl"
		return 1
	}
}

rss_kb() {
	sed -nE 's/^VmRSS:[^0-9]*([0-9]+) kB/\1/p' "/proc/$1/status"
}
