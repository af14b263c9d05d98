/* JUnit's XML, in the form that Jenkins, GitLab and GitHub's actions read: one test case
 * a seed. There is no schema of its makers'; elements and attributes are those of
 * github.com/testmoapp/junitxml.
 */
#include "app/sweep_report.h"
#include "app/sweep_xml.h"

static void put_class_name(const struct sweep *sweep, struct text *out)
{
	text_str(out, "turncoat");
	for (size_t i = 0; i < sweep->options.num_paths; i++) {
		const char *path = sweep->options.paths[i];
		const char *slash = strrchr(path, '/');
		size_t len;

		path = slash ? slash + 1 : path;
		len = strlen(path);
		if (len > 4 && strcmp(path + len - 4, ".ini") == 0) {
			len -= 4;
		}
		/* Readers split packages at dots. */
		text_byte(out, i ? '+' : '.');
		xml_attribute(out, span_of(path, len));
	}
}

static void put_failure(const struct sweep *sweep, const struct sweep_run *run,
			size_t *tails, struct text *out)
{
	const char *kind = finding_kind_name(run->result.verdict);
	const char *element = run->result.verdict == FINDING_SETUP ? "error" : "failure";
	struct text text = {0};

	sweep_run_why(run, &text);
	text_format(out, "      <%s type=\"%s\" message=\"", element, kind);
	xml_attribute(out, span_of(text.data, text.len));
	text_str(out, "\">");
	text_clear(&text);
	sweep_run_findings(run, &text);
	sweep_put_run_again(sweep, run->seed, &text);
	text_byte(&text, '\n');
	sweep_put_replay(sweep, run->seed, &text);
	xml_text(out, span_of(text.data, text.len));
	text_format(out, "</%s>\n", element);
	text_clear(&text);
	sweep_run_tail(sweep, run, tails, &text);
	if (text.len) {
		text_str(out, "      <system-out>");
		xml_text(out, span_of(text.data, text.len));
		text_str(out, "</system-out>\n");
	}
	text_done(&text);
}

static void put_canary(const struct sweep *sweep, struct text *out)
{
	if (sweep->canary == CANARY_NONE) {
		return;
	}
	text_str(out, "    <testcase name=\"canary\" classname=\"");
	put_class_name(sweep, out);
	text_format(out, "\" time=\"%.3f\"", sweep->canary_result.seconds);
	if (sweep->stop != STOP_CANARY) {
		text_str(out, "/>\n");
		return;
	}
	text_str(out, ">\n      <failure type=\"canary\" message=\"");
	xml_attribute(out, span_str(sweep_canary_why(sweep)));
	text_str(out, "\"/>\n    </testcase>\n");
}

static void put_run(const struct sweep *sweep, const struct sweep_run *run, size_t *tails,
		    struct text *out)
{
	text_format(out, "    <testcase name=\"seed %llu\" classname=\"",
		    (unsigned long long)run->seed);
	put_class_name(sweep, out);
	text_format(out, "\" time=\"%.3f\"", run->result.seconds);
	if (!sweep_run_failed(run)) {
		text_str(out, "/>\n");
		return;
	}
	text_str(out, ">\n");
	put_failure(sweep, run, tails, out);
	text_str(out, "    </testcase>\n");
}

static void put_counts(const struct sweep *sweep, struct text *out)
{
	bool canary = sweep->canary != CANARY_NONE, dead = sweep->stop == STOP_CANARY;

	text_format(out,
		    " name=\"turncoat\" tests=\"%llu\" failures=\"%llu\" errors=\"%llu\""
		    " skipped=\"0\" time=\"%.3f\">\n",
		    (unsigned long long)(sweep->done + canary),
		    (unsigned long long)(sweep->failed - sweep->verdicts[FINDING_SETUP] +
					 dead),
		    (unsigned long long)sweep->verdicts[FINDING_SETUP],
		    (double)sweep->elapsed_ns / 1e9);
}

static void put_property(const char *name, struct text *value, struct text *out)
{
	text_format(out, "      <property name=\"%s\" value=\"", name);
	xml_attribute(out, span_of(value->data, value->len));
	text_str(out, "\"/>\n");
	text_clear(value);
}

static void put_properties(const struct sweep *sweep, struct text *out)
{
	struct text text = {0};

	text_str(out, "    <properties>\n");
	text_str(&text, PACKAGE_VERSION);
	put_property("turncoat.version", &text, out);
	text_str(&text, sweep->options.seeds);
	put_property("turncoat.seeds", &text, out);
	sweep_vacuous(sweep, &text);
	if (text.len) {
		put_property("turncoat.vacuous", &text, out);
	}
	text_clear(&text);
	if (sweep_stop_why(sweep)) {
		text_format(&text, "%llu seeds: %s",
			    (unsigned long long)sweep_not_run(sweep),
			    sweep_stop_why(sweep));
		put_property("turncoat.not-run", &text, out);
	}
	text_str(out, "    </properties>\n");
	text_done(&text);
}

void sweep_junit(const struct sweep *sweep, struct text *out)
{
	size_t tails = 0;

	text_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	put_counts(sweep, out);
	text_str(out, "  <testsuite");
	put_counts(sweep, out);
	put_properties(sweep, out);
	put_canary(sweep, out);
	for (size_t i = 0; i < sweep->num_runs; i++) {
		if (sweep->runs[i].state == SWEEP_DONE) {
			put_run(sweep, &sweep->runs[i], &tails, out);
		}
	}
	text_str(out, "  </testsuite>\n</testsuites>\n");
}
