# shellcheck shell=bash
# tap.bash: TAP for tests written in bash. Source it, call ok/is/..., end with done_testing.
#
# `$scratch` is the test's own folder, gone when it ends; children started in the background
# through `spawn` are ended with it, whatever happens.

top_srcdir=${top_srcdir-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
top_builddir=${top_builddir-$top_srcdir/.build}
scratch=$(mktemp -d "${TMPDIR-/tmp}/turncoat-test.XXXXXX") || exit 1
tap_num=0
tap_failed=0
tap_children=()

tap_end() {
	local status=$? pid

	for pid in "${tap_children[@]}"; do
		kill "$pid" 2>/dev/null
	done
	for pid in "${tap_children[@]}"; do
		wait "$pid" 2>/dev/null
	done
	rm -rf "$scratch"
	exit "$status"
}
trap tap_end EXIT
trap 'exit 143' TERM INT HUP PIPE

# diag TEXT: a comment, of one or more lines.
diag() {
	printf '%s\n' "$1" | sed 's/^/# /'
}

# ok NAME COMMAND...: passes when the command does; shows what it printed when not.
ok() {
	local name=$1 output

	shift
	tap_num=$((tap_num + 1))
	if output=$("$@" 2>&1); then
		echo "ok $tap_num - $name"
	else
		echo "not ok $tap_num - $name"
		diag "$output"
		tap_failed=$((tap_failed + 1))
		return 1
	fi
}

# not_ok NAME COMMAND...: passes when the command fails (by exit status 1..125, not a signal).
not_ok() {
	local name=$1

	shift
	ok "$name" tap_fails "$@"
}

tap_fails() {
	local status

	"$@"
	status=$?
	if [ "$status" -eq 0 ] || [ "$status" -ge 126 ]; then
		echo "exit status $status of: $*"
		return 1
	fi
}

# is NAME GOT WANTED
is() {
	ok "$1" tap_equal "$2" "$3"
}

tap_equal() {
	if [ "$1" != "$2" ]; then
		printf 'got:    %s\nwanted: %s\n' "$1" "$2"
		return 1
	fi
}

# nothing NAME TEXT: passes when TEXT, a list of complaints, is empty.
nothing() {
	ok "$1" tap_nothing "$2"
}

tap_nothing() {
	if [ -n "$1" ]; then
		printf '%s\n' "$1"
		return 1
	fi
}

# skip NAME REASON
skip() {
	tap_num=$((tap_num + 1))
	echo "ok $tap_num - $1 # SKIP $2"
}

# skip_all REASON: before any result.
skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

# spawn COMMAND...: in the background, ended with the test; its process id is in $!.
spawn() {
	"$@" &
	tap_children+=($!)
}

done_testing() {
	echo "1..$tap_num"
	[ "$tap_num" -gt 0 ] && [ "$tap_failed" -eq 0 ]
	exit
}
