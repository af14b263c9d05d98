# shellcheck shell=bash
# lib.bash: what the tests against real services share. Source it in place of tap.bash.
#
# Nothing here has a fixed port or a file outside $scratch, so tests may run side by side.

# shellcheck source=tests/tap.bash
. "$(dirname "${BASH_SOURCE[0]}")/../tap.bash"
turncoat=${TURNCOAT-$top_builddir/src/turncoat}
peer=$top_builddir/tests/e2e/peer

# need PROGRAM...: skips the test, loudly, where one is missing.
need() {
	local program missing=()

	for program in "$@"; do
		command -v "$program" >/dev/null || missing+=("$program")
	done
	if [ "${#missing[@]}" -gt 0 ]; then
		skip_all "NOT INSTALLED: ${missing[*]} (contrib/packages install test)"
	fi
}

exec {tap_out}>&1

# give_up TEXT: what the test stands on is not there.
give_up() {
	{
		diag "$1"
		echo "Bail out! ${1%%$'\n'*}"
	} >&"$tap_out"
	exit 1
}

# ok_here NAME COMMAND...: `ok` runs its command in a subshell, whose children would not end
# with the test; this one does not.
ok_here() {
	local name=$1 status

	shift
	"$@" >"$scratch/here.out" 2>&1
	status=$?
	ok "$name" here_ended "$status"
}

here_ended() {
	cat "$scratch/here.out"
	return "$1"
}

# wait_for WHAT COMMAND...: until it succeeds, 20 s at most.
wait_for() {
	local what=$1 deadline=$((SECONDS + 20))

	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "waited in vain for $what: $*"
			return 1
		fi
		sleep 0.02 # between two looks
	done
}

alive() {
	kill -0 "$1" 2>/dev/null
}

up_or_gone() {
	local pid=$1

	shift
	! alive "$pid" || "$@"
}

# start_server NAME RUN PROBE: RUN, a function that execs the server, in the background until
# PROBE, another, succeeds; for both $port is a free port, and $pid the server's process id.
# Somebody else may take the port first, so there is more than one try.
start_server() {
	local name=$1 run=$2 probe=$3 try

	[ "$BASH_SUBSHELL" -eq 0 ] || give_up "a server in a subshell would outlive the test"
	for try in {1..5}; do
		# shellcheck disable=SC2034
		port=$("$peer" port) || give_up "no free port"
		pid=
		spawn "$run" >"$scratch/$name.out" 2>&1 </dev/null
		pid=$!
		if wait_for "$name" up_or_gone "$pid" "$probe" && alive "$pid"; then
			return
		fi
		diag "$name, try $try: $(tail -n 5 "$scratch/$name.out")"
		stop "$pid"
	done
	give_up "$name does not start"
}

# stop PID: ends a child of this test; its exit status is the result.
stop() {
	local pid status others=()

	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	status=$?
	# Its number may be somebody else's by the end of the test.
	for pid in "${tap_children[@]}"; do
		[ "$pid" = "$1" ] || others+=("$pid")
	done
	tap_children=(${others[@]+"${others[@]}"})
	return "$status"
}

# proxy_start NAME [OPTION...] <RULES: turncoat with those rules, up and listening. Leaves its
# process id in $proxy, and sets the ready file's TURNCOAT_* variables. NAME.jsonl is the log.
proxy_start() {
	local name=$1

	shift
	cat >"$scratch/$name.ini"
	proxy_again "$name" "$name" "$@"
}

# proxy_again NAME RULES [OPTION...]: the rule file of an earlier start once more.
proxy_again() {
	local name=$1 rules=$2

	shift 2
	[ "$BASH_SUBSHELL" -eq 0 ] || give_up "a proxy in a subshell would outlive the test"
	rm -f "$scratch/$name.ready"
	spawn "$turncoat" run "$scratch/$rules.ini" --log "$scratch/$name.jsonl" \
		--ready "$scratch/$name.ready" --seed 42 "$@" \
		>"$scratch/$name.out" 2>&1 </dev/null
	proxy=$!
	if ! wait_for "$name" up_or_gone "$proxy" test -e "$scratch/$name.ready" ||
		! [ -e "$scratch/$name.ready" ]; then
		give_up "turncoat does not start: $(tail -n 20 "$scratch/$name.out")"
	fi
	# shellcheck source=/dev/null
	. "$scratch/$name.ready"
}

# proxy_stop NAME WANTED: asks it to end; a result of its own.
proxy_stop() {
	local name=$1 wanted=$2 status

	stop "$proxy"
	status=$?
	ok "$name: turncoat's exit status is $wanted" proxy_ended "$name" "$status" "$wanted"
}

proxy_ended() {
	if [ "$2" -ne "$3" ]; then
		echo "exit status $2; it said:"
		tail -n 40 "$scratch/$1.out"
		return 1
	fi
}

# log_has NAME PATTERN: a line of the log matches; the log may still be written to.
log_has() {
	grep -qE -e "$2" "$scratch/$1.jsonl"
}

# closed NAME NUM: so many lanes have ended.
closed() {
	[ "$(grep -c '"type":"close"' "$scratch/$1.jsonl")" -ge "$2" ]
}

# query NAME FILTER: what jq makes of all lines of the log.
query() {
	jq -cn "$2" "$scratch/$1.jsonl"
}

# conserved NAME: a result: what came in went out or is accounted for.
conserved() {
	ok "$1: bytes and units are conserved" "$turncoat" log stats "$scratch/$1.jsonl"
}

# accounted NAME RULE [SIDE]: a result: every unit of the side (both) has exactly one line, the
# rule considered each of them, lane totals count them, and the ordinals of each lane, side
# and class have no gap.
accounted() {
	ok "$1: the log accounts for every unit" log_accounts "$@"
}

log_accounts() {
	local name=$1 rule=$2 side=${3-} report

	report=$(jq -nr --arg rule "$rule" --arg side "$side" '
		def mine: $side == "" or .side == $side;
		def count_unit($l):
			"\($l.lane) \($l.side) \($l.class)" as $id
			| .units += 1
			| .bytes += ($l.len // 0)
			| if (.next[$id] // 0) != $l.k then .gaps += ["\($id) \($l.k)"] else . end
			| .next[$id] = $l.k + 1;
		def count_side($stats):
			.in += ($stats.units_in // 0) | .bytes_in += ($stats.bytes_in // 0);
		def count_close($l):
			if $side != "reply" then count_side($l.request) else . end
			| if $side != "request" then count_side($l.reply) else . end;
		reduce inputs as $l ({units: 0, bytes: 0, in: 0, bytes_in: 0, next: {}, gaps: []};
			if $l.type == "unit" and ($l | mine) then count_unit($l)
			elif $l.type == "cell-end" and ($l | mine) then .bytes += $l.len
			elif $l.type == "close" then count_close($l)
			elif $l.type == "summary" then .considered = $l.rules[$rule].considered
			else . end)
		| if .units > 0 and .units == .considered and .units == .in
			and .bytes == .bytes_in and .gaps == []
		then empty
		else "lines \(.units), considered \(.considered), units in \(.in);"
			+ " bytes in lines \(.bytes), bytes in \(.bytes_in); gaps: \(.gaps[:5])"
		end' "$scratch/$name.jsonl") || return 1
	tap_nothing "$report"
}

# fired NAME RULE: how often it did, as the summary counts.
fired() {
	jq -n --arg rule "$2" 'last(inputs | select(.type == "summary")).rules[$rule].fired' \
		"$scratch/$1.jsonl"
}

now_ms() {
	local now=${EPOCHREALTIME/[.,]/}

	echo "$((now / 1000))"
}
