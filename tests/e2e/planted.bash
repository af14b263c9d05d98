# shellcheck shell=bash
# planted.bash: what the tests on the programs of tests/planted share. Source it in place of
# lib.bash.
#
# shellcheck disable=SC2034  # what is set here is for those who source it

# shellcheck source=tests/e2e/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
export PLANTED=$top_builddir/tests/planted
# These sweeps are not to be reported to the pipeline that runs the tests.
unset GITHUB_ACTIONS GITHUB_STEP_SUMMARY GITLAB_CI

# A row a program: its name; the verdict that its bug brings; the finding's name; the fewest
# faults that bring it, as its head comment says; the client's arguments.
planted_rows=(
	'ack-before-write   safety   confirmed-is-kept 1 $TURNCOAT_PUTS_PORT'
	'double-charge      safety   charged-once      1 $TURNCOAT_PAY_PORT'
	'lost-retry         liveness all-puts-arrive   2 $TURNCOAT_PUTS_PORT'
	'missing-timeout    timeout  cmd               1 $TURNCOAT_LINK_PORT'
	'reorder-counter    safety   last-update-wins  1 $TURNCOAT_UPDATES_PORT'
	'stale-cache        safety   reads-are-fresh   1 $TURNCOAT_ORIGIN_PORT $TURNCOAT_CACHE_PORT'
	'stuck-lock         liveness all-locks-released 1 $TURNCOAT_LINK_PORT'
	'torn-read          crash    echo              1 $TURNCOAT_WIRE_PORT'
	'twice-applied      failed   cmd               1 $TURNCOAT_SUMS_PORT'
	'unchecked-checksum safety   stored-as-sent    1 $TURNCOAT_WIRE_PORT'
)

# planted_row ROW: sets $name, $verdict, $finding, $minimum, $rules and the array $command.
planted_row() {
	local arguments

	read -r name verdict finding minimum arguments <<<"$1"
	rules=$top_srcdir/tests/planted/$name.ini
	# The ports are those of the run, so it is there that they are filled in.
	command=(sh -c "exec \"\$PLANTED/$name\" --\$TWIN client $arguments")
}

# sweep TWIN OUT SEEDS WANTED [OPTION...]: turncoat test, and its exit status.
sweep() {
	local twin=$1 out=$2 seeds=$3 wanted=$4 status timeout=2s

	[ "$twin" = buggy ] || timeout=20s # it never needs it, but may be slow
	TWIN=$twin "$turncoat" test "$rules" --seeds "$seeds" --jobs 4 --timeout "$timeout" \
		--out "$out" --json "$out.json" --allow-vacuous "${@:5}" \
		-- "${command[@]}" >"$out.out" 2>&1
	status=$?
	[ "$status" -eq "$wanted" ] || {
		echo "exit status $status, not $wanted"
		tail -n 40 "$out.out"
		return 1
	}
}

# failing OUT: the first seed whose verdict and finding are the row's. (Runs that the sweep cut
# short have results as well, but are not in its report.)
failing() {
	jq -er --arg verdict "$verdict" --arg finding "$finding" '
		first(.runs[] | select(.verdict == $verdict and any(.findings[];
			.kind == $verdict and .name == $finding))).seed' "$1.json" || {
		echo "none is $verdict, $finding:"
		jq -c '.runs[] | [.seed, .verdict, .findings]' "$1.json"
		return 1
	}
}

# signature RESULT: what has to be the same the second time.
signature() {
	jq -c '[.verdict, ([.findings[] | [.kind, .name]] | unique)]' "$1"
}
