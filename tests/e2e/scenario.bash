# shellcheck shell=bash
# scenario.bash: sweeps over the scenarios of contrib/scenarios. Source it in place of lib.bash.

# shellcheck source=tests/e2e/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

# scenario NAME: works in its folder from here on.
scenario() {
	cd "$top_srcdir/contrib/scenarios/$1" || give_up "no scenario $1"
	case $turncoat in
	/*) ;;
	*) give_up "TURNCOAT is not an absolute path: $turncoat" ;;
	esac
	# Servers that refuse to run as root must get at their folder.
	chmod 711 "$scratch"
}

jobs=2 # at once
# sweep NAME SEEDS FILE... -- COMMAND...: runs of them; outputs are below $scratch/NAME, and
# $status is the exit status.
sweep() {
	local name=$1 seeds=$2

	shift 2
	"$turncoat" test --seeds "$seeds" --jobs "$jobs" --out "$scratch/$name" "$@" \
		>"$scratch/$name.out" 2>&1 </dev/null
	status=$?
}

# swept NAME STATUS VERDICT [FINDING]: results about a sweep: the exit status, and that each run
# had the verdict, and the finding among its findings; without one, none at all.
swept() {
	local name=$1 wanted=$2 verdict=$3 finding=${4-}

	ok "$name: exit status $wanted" sweep_ended "$name" "$wanted"
	ok "$name: each seed: $verdict $finding" sweep_found "$name" "$verdict" "$finding"
	ok "$name: nothing is left running" left_nothing
}

sweep_ended() {
	if [ "$status" -ne "$2" ]; then
		echo "exit status $status; it said:"
		tail -n 40 "$scratch/$1.out"
		return 1
	fi
}

sweep_found() {
	local name=$1 verdict=$2 finding=$3 strange
	local results=("$scratch/$name"/*/result.json)

	strange=$(jq -r --arg verdict "$verdict" --arg finding "$finding" '
		[.findings[].name] as $names
		| select(.verdict != $verdict or
			if $finding == "" then $names != [] else ($names | index($finding)) == null end)
		| "seed \(.seed): \(.verdict) \(.findings)"' "${results[@]}") || return 1
	tap_nothing "$strange"
}

# total NAME RULE: how often the rule fired in all runs.
total() {
	jq -n --arg rule "$2" '[inputs.rules[] | select(.name == $rule) | .fired] | add' \
		"$scratch/$1"/*/result.json
}

# left_nothing: no process works in $scratch, or was started with it. Some servers overwrite
# their arguments, others their environment, so all three are looked at.
left_nothing() {
	local process pid left=

	for process in /proc/[0-9]*; do
		pid=${process#/proc/}
		if [ "$pid" = "$$" ] || [ "$pid" = "$BASHPID" ]; then
			continue
		fi
		if [[ $(readlink "$process/cwd" 2>/dev/null) == "$scratch"* ]] ||
			grep -qsF -e "$scratch" "$process/cmdline" "$process/environ"; then
			left+="$pid $(tr '\0' ' ' 2>/dev/null <"$process/cmdline")"$'\n'
		fi
	done
	tap_nothing "$left"
}
