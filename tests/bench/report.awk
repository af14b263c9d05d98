# The benchmark's raw figures as one table a measure. -v ref=NAME -v markdown=0|1
# Fields: measure, contestant, repetition, value, CPU ns, units, other key=value figures.

BEGIN {
	titles("bulk1", "one-way TCP, 1 stream", "Gbit/s", "s/GB")
	titles("bulk4", "one-way TCP, 4 streams", "Gbit/s", "s/GB")
	titles("rr1", "request/reply, 64 B, 1 connection", "requests/s", "us/request")
	titles("rr50", "request/reply, 64 B, 50 connections", "requests/s", "us/request")
	titles("conns", "connect, request, reply, close, 16 at a time", "connections/s",
	       "us/connection")
	titles("redis", "redis-benchmark -c 50 -P 16, GET", "requests/s", "us/request")
	titles("wrk-keep", "wrk -c 50, keep-alive", "requests/s", "us/request")
	titles("wrk-close", "wrk -c 50, a connection each request", "requests/s", "us/request")
	titles("idle", "user memory of an idle connection", "KiB", "")
	titles("udp64", "UDP, 64 B, bounded window", "datagrams/s", "us/datagram")
	titles("udp1400", "UDP, 1,400 B, bounded window", "datagrams/s", "us/datagram")
	titles("udprr32", "UDP request/reply, 64 B, 32 sessions", "requests/s", "us/request")
	titles("rules-rr1", "a rule and the log: framed request/reply, 1 connection",
	       "requests/s", "us/request")
	titles("rules-rr50", "a rule and the log: framed request/reply, 50 connections",
	       "requests/s", "us/request")
	titles("rules-bulk", "a rule and the log: 1 stream in raw cells of 64 KiB", "Gbit/s",
	       "s/GB")
	titles("rules-udprr32", "a rule and the log: UDP request/reply, 32 sessions",
	       "requests/s", "us/request")
	titles("off-copy", "a trace of no proxy, packets written", "MB/s", "s/GB")
	titles("off-framed", "a trace in framed messages, no rule, packets written", "MB/s",
	       "s/GB")
	titles("off-rule", "a trace, a rule and the log, packets written", "MB/s", "s/GB")
	titles("off-log", "a trace, a rule and the log, no packets written", "MB/s", "s/GB")
}

function titles(measure, text, unit, cpu_unit)
{
	title[measure] = text
	unit_of[measure] = unit
	cpu_unit_of[measure] = cpu_unit
}

!($1 in seen_measure) {
	seen_measure[$1] = 1
	measures[++num_measures] = $1
}

!(($1, $2) in seen) {
	seen[$1, $2] = 1
	contestants[$1, ++num_contestants[$1]] = $2
}

$3 > reps { reps = $3 }

$4 == "failed" {
	failed[$1, $2]++
	next
}

{
	value[$1, $2, $3] = $4
	cpu[$1, $2, $3] = cpu_unit_of[$1] == "s/GB" ? $5 / $6 : $5 / $6 / 1000
	n = split($7, pairs, " ")
	for (i = 1; i <= n; i++) {
		split(pairs[i], pair, "=")
		extra[pair[1], $1, $2, $3] = pair[2]
	}
	if (("log_bytes", $1, $2, $3) in extra) {
		extra["log_per_unit", $1, $2, $3] = extra["log_bytes", $1, $2, $3] / $6 * \
						    (cpu_unit_of[$1] == "s/GB" ? 1000 : 1)
	}
}

# Gathers one row's figures into list[1..], in order; returns how many there are.
function gather(from, key, by, by_key,    rep, count, i, v)
{
	count = 0
	for (rep = 1; rep <= reps; rep++) {
		if (!((key, rep) in from) || (by && !((by_key, rep) in from))) {
			continue
		}
		if (by && from[by_key, rep] == 0) {
			continue
		}
		v = from[key, rep] / (by ? from[by_key, rep] : 1)
		for (i = count++; i > 0 && list[i] > v; i--) {
			list[i + 1] = list[i]
		}
		list[i + 1] = v
	}
	return count
}

function median(count)
{
	return count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
}

# Three significant digits, more for what is large anyway; thousands apart.
function number(v,    text, out)
{
	if (v < 0.0005 && v > -0.0005) {
		return "0"
	}
	if (v < 1000) {
		return sprintf(v < 1 ? "%.3f" : v < 10 ? "%.2f" : v < 100 ? "%.1f" : "%.0f", v)
	}
	text = sprintf("%.0f", v)
	out = ""
	while (length(text) > 3) {
		out = "," substr(text, length(text) - 2) out
		text = substr(text, 1, length(text) - 3)
	}
	return text out
}

function median_of(from, key,    count)
{
	count = gather(from, key)
	return count ? number(median(count)) : "-"
}

function ratio_of(from, key, ref_key,    count)
{
	count = gather(from, ref_key, 1, key)
	return count ? sprintf("%.2f", median(count)) : "-"
}

function sum_of(name, key,    rep, sum)
{
	sum = 0
	for (rep = 1; rep <= reps; rep++) {
		sum += extra[name, key, rep]
	}
	return sum
}

function extra_median(name, key,    rep, by_rep)
{
	for (rep = 1; rep <= reps; rep++) {
		if ((name, key, rep) in extra) {
			by_rep[key, rep] = extra[name, key, rep]
		}
	}
	return median_of(by_rep, key)
}

function offline_note(key,    text)
{
	text = extra_median("packets_per_s", key) " packets/s"
	if (sum_of("units_per_s", key)) {
		text = text ", " extra_median("units_per_s", key) " units/s"
	}
	return text ", peak " extra_median("peak_kib", key) " KiB"
}

function note_of(key, measure,    text)
{
	text = extra_median("p50_us", key)
	text = text == "-" ? "" : "p50 " text " us, p99 " extra_median("p99_us", key) " us"
	if (sum_of("lost", key)) {
		text = text (text ? ", " : "") "lost " sum_of("lost", key)
	}
	if (sum_of("errors", key)) {
		text = text (text ? ", " : "") "errors " sum_of("errors", key)
	}
	if (sum_of("log_per_unit", key)) {
		text = text (text ? ", " : "") "log " extra_median("log_per_unit", key) \
		       (cpu_unit_of[measure] == "s/GB" ? " kB/MB" : " bytes/request")
	}
	if (measure ~ /^off-/) {
		text = offline_note(key) (text ? ", " : "") text
	}
	if (measure == "idle") {
		text = extra_median("conns", key) " connections"
	}
	if (failed[key]) {
		text = text (text ? ", " : "") "failed " failed[key] " times"
	}
	return text
}

# Cells are kept until the widths of the table's columns are known.
function cell(row, column, text)
{
	cells[row, column] = text
	if (length(text) > width[column]) {
		width[column] = length(text)
	}
}

# The first and the last column are text, the others figures.
function print_row(row, columns,    line, column, text)
{
	line = markdown ? "|" : ""
	for (column = 1; column <= columns; column++) {
		text = cells[row, column]
		while (length(text) < width[column]) {
			text = column == 1 || column == columns ? text " " : " " text
		}
		line = line " " text (markdown ? " |" : " ")
	}
	sub(/ +$/, "", line)
	print line
}

function print_table(measure,    who, i, column, key, ref_key, count, line, base, columns)
{
	split("", width)
	split("", cells)
	# Against itself, what matters is the run with the rule over the one without.
	base = measure ~ /^rules-/ ? "turncoat-rule" : ref
	columns = cpu_unit_of[measure] ? 7 : 5
	cell(0, 1, "")
	cell(0, 2, unit_of[measure])
	cell(0, 3, "min..max")
	cell(0, 4, base "/it")
	if (columns == 7) {
		cell(0, 5, "CPU " cpu_unit_of[measure])
		cell(0, 6, "CPU " base "/it")
	}
	cell(0, columns, "notes")
	for (i = 1; i <= num_contestants[measure]; i++) {
		who = contestants[measure, i]
		key = measure SUBSEP who
		ref_key = measure SUBSEP base
		cell(i, 1, who)
		count = gather(value, key)
		cell(i, 2, count ? number(median(count)) : "-")
		cell(i, 3, count ? number(list[1]) ".." number(list[count]) : "-")
		cell(i, 4, who == base ? "" : ratio_of(value, key, ref_key))
		if (columns == 7 && who != "direct") {
			cell(i, 5, median_of(cpu, key))
			cell(i, 6, who == base ? "" : ratio_of(cpu, key, ref_key))
		}
		cell(i, columns, note_of(key, measure))
	}
	print (markdown ? "\n**" : "\n") title[measure] (markdown ? "**\n" : "")
	print_row(0, columns)
	if (markdown) {
		line = "|"
		for (column = 1; column <= columns; column++) {
			line = line (column == 1 || column == columns ? " :-- |" : " --: |")
		}
		print line
	}
	for (i = 1; i <= num_contestants[measure]; i++) {
		print_row(i, columns)
	}
}

END {
	for (m = 1; m <= num_measures; m++) {
		print_table(measures[m])
	}
}
