/* From files to a config: sections are gathered and told apart, services and proxies are
 * built first, then rules and oracles, which name them. An error ends the section that it
 * is in; config_check() goes on with the next one, config_load() keeps the first error.
 */
#include "app/config_build.h"
#include "base/nearest.h"
#include "base/quantity.h"

#include "codec/flowfilter.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum section_kind {
	SECTION_TURNCOAT,
	SECTION_SERVICE,
	SECTION_PROXY,
	SECTION_RULE,
	SECTION_INVARIANT,
	SECTION_GOAL,
	SECTION_WATCH,
	NUM_SECTION,
};

static const struct {
	const char *kind;
	const struct optrow *keys;
	bool named;
} KINDS[] = {
	[SECTION_TURNCOAT] = {"turncoat", TURNCOAT_KEYS, false},
	[SECTION_SERVICE] = {"service", SERVICE_KEYS, true},
	[SECTION_PROXY] = {"proxy", PROXY_KEYS, true},
	[SECTION_RULE] = {"rule", RULE_KEYS, true},
	[SECTION_INVARIANT] = {"invariant", INVARIANT_KEYS, true},
	[SECTION_GOAL] = {"goal", GOAL_KEYS, true},
	[SECTION_WATCH] = {"watch", WATCH_KEYS, true},
};
_Static_assert(sizeof(KINDS) / sizeof(KINDS[0]) == NUM_SECTION, "a row a kind");

/* Errors gathered on the way. */
struct builder {
	struct config *config;
	/* NULL-terminated, valid while building */
	const char **proxy_names, **service_names;
	struct text *problems; /* NULL: the first error is enough */
	unsigned num_problems;
	int rc;		  /* the first error's code */
	struct err first; /* the first error */
};

/* Notes an error; false when it is time to stop. */
static bool builder_note(struct builder *b, const struct err *err)
{
	if (b->num_problems++ == 0) {
		b->first = *err;
		b->rc = err->code;
	}
	if (!b->problems) {
		return false;
	}
	text_str(b->problems, err->text);
	text_byte(b->problems, '\n');
	return b->num_problems < CONFIG_PROBLEMS_MAX;
}

int config_fail(struct err *err, const char *file, unsigned line, const char *format, ...)
{
	char message[ERR_TEXT_MAX / 2];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return err_set(err, ERR_INPUT, "%s:%u: %s", file, line, message);
}

int section_context(const struct section_vals *read, int key, const char *name,
		    struct err *err)
{
	err_context(err, "%s:%u: %s", read->section->file, read->lines[key], name);
	return ERR_INPUT;
}

/* "[rule x]", "[turncoat]" */
static const char *section_title(const struct ini_section *section, struct arena *arena)
{
	return arena_format(arena, "[%s%s%s]", section->kind, *section->name ? " " : "",
			    section->name);
}

static const char *kind_knowing(const char *key)
{
	for (int kind = 0; kind < NUM_SECTION; kind++) {
		if (optrow_find(KINDS[kind].keys, key) >= 0) {
			return KINDS[kind].kind;
		}
	}
	return NULL;
}

static int fail_unknown_key(const struct ini_section *section,
			    const struct ini_entry *entry, const struct optrow *rows,
			    struct arena *arena, struct err *err)
{
	const char **names = arena_take_array(arena, KEYS_MAX + 1, sizeof(*names));
	const char *title = section_title(section, arena);
	const char *near, *other;

	for (size_t i = 0; rows[i].name; i++) {
		names[i] = rows[i].name;
	}
	other = kind_knowing(entry->key);
	if (other) {
		return config_fail(err, section->file, entry->line,
				   "key '%s' stands in %s, but belongs in a [%s] section",
				   entry->key, title, other);
	}
	near = nearest_name(entry->key, names);
	if (near) {
		return config_fail(err, section->file, entry->line,
				   "unknown key '%s' in %s; did you mean '%s'?",
				   entry->key, title, near);
	}
	return config_fail(err, section->file, entry->line, "unknown key '%s' in %s",
			   entry->key, title);
}

static int read_entry(const struct ini_section *section, const struct ini_entry *entry,
		      const struct optrow *rows, struct arena *arena,
		      struct section_vals *out, struct err *err)
{
	int key = optrow_find(rows, entry->key);

	if (key < 0) {
		return fail_unknown_key(section, entry, rows, arena, err);
	}
	if (out->vals[key].given) {
		if (rows == RULE_KEYS && key == RULE_DO) {
			return 0;
		}
		return config_fail(err, section->file, entry->line,
				   "'%s' is given twice in %s, first in line %u",
				   entry->key, section_title(section, arena),
				   out->lines[key]);
	}
	out->lines[key] = entry->line;
	if (optrow_parse(&rows[key], entry->value, arena, &out->vals[key], err)) {
		return err_context(err, "%s:%u", section->file, entry->line);
	}
	return 0;
}

int section_read(const struct ini_section *section, const struct optrow *rows,
		 struct arena *arena, struct section_vals *out, struct err *err)
{
	assert(optrow_num(rows) <= KEYS_MAX);
	*out = (struct section_vals){.section = section};
	optrow_defaults(rows, arena, out->vals);
	for (size_t i = 0; rows[i].name; i++) {
		out->lines[i] = section->line;
	}
	for (size_t i = 0; i < section->num_entries; i++) {
		int rc = read_entry(section, &section->entries[i], rows, arena, out, err);

		if (rc) {
			return rc;
		}
	}
	for (size_t i = 0; rows[i].name; i++) {
		if (rows[i].required && !out->vals[i].given) {
			return config_fail(err, section->file, section->line,
					   "%s has no '%s': write %s = %s",
					   section_title(section, arena), rows[i].name,
					   rows[i].name, optrow_metavar(&rows[i], arena));
		}
	}
	return 0;
}

/* Sections, told apart */

static int section_kind(const struct ini_section *section)
{
	for (int kind = 0; kind < NUM_SECTION; kind++) {
		if (strcmp(KINDS[kind].kind, section->kind) == 0) {
			return kind;
		}
	}
	return -1;
}

static int fail_unknown_kind(const struct ini_section *section, struct err *err)
{
	const char *names[NUM_SECTION + 1] = {NULL};
	const char *near;

	for (int kind = 0; kind < NUM_SECTION; kind++) {
		names[kind] = KINDS[kind].kind;
	}
	near = nearest_name(section->kind, names);
	if (near) {
		return config_fail(err, section->file, section->line,
				   "unknown section [%s]; did you mean [%s%s]?",
				   section->kind, near,
				   strcmp(near, "turncoat") == 0 ? "" : " NAME");
	}
	return config_fail(err, section->file, section->line,
			   "unknown section [%s]: there are [turncoat], [service NAME], "
			   "[proxy NAME], [rule NAME], [invariant NAME], [goal NAME] and "
			   "[watch NAME]",
			   section->kind);
}

static int check_name(const struct ini_section *section, int kind, struct err *err)
{
	size_t len = strlen(section->name);

	if (!KINDS[kind].named && len) {
		return config_fail(err, section->file, section->line,
				   "[%s] takes no name, but here is '%s'", section->kind,
				   section->name);
	}
	if (KINDS[kind].named && !len) {
		return config_fail(err, section->file, section->line,
				   "the section has no name: write [%s NAME]",
				   section->kind);
	}
	if (len > NAME_MAX_BYTES) {
		return config_fail(
			err, section->file, section->line,
			"the name '%s' has %zu characters, but at most %d are allowed",
			section->name, len, NAME_MAX_BYTES);
	}
	for (const char *p = section->name; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p)) {
			return config_fail(
				err, section->file, section->line,
				"the name '%s' may hold only letters, digits and "
				"_ . -",
				section->name);
		}
	}
	return 0;
}

/* All sections of all files, in order. */
struct section_ref {
	const struct ini_section *section;
	size_t order;
};

struct sections {
	struct section_ref *refs;
	size_t num;
	size_t num_kind[NUM_SECTION];
};

static int compare_names(const struct ini_section *a, const struct ini_section *b)
{
	int order = strcmp(a->kind, b->kind);

	return order ? order : strcmp(a->name, b->name);
}

static int compare_refs(const void *a, const void *b)
{
	const struct section_ref *x = a, *y = b;
	int order = compare_names(x->section, y->section);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static bool note_repeated(struct builder *b, const struct sections *sections)
{
	struct section_ref *sorted = xcalloc(sections->num, sizeof(*sorted));
	const struct ini_section **before = xcalloc(sections->num, sizeof(*before));
	bool go_on = true;

	memcpy(sorted, sections->refs, sections->num * sizeof(*sorted));
	qsort(sorted, sections->num, sizeof(*sorted), compare_refs);
	for (size_t i = 1; i < sections->num; i++) {
		if (compare_names(sorted[i - 1].section, sorted[i].section) == 0) {
			before[sorted[i].order] = sorted[i - 1].section;
		}
	}
	for (size_t i = 0; go_on && i < sections->num; i++) {
		const struct ini_section *section = sections->refs[i].section;
		struct err err;

		if (before[i]) {
			config_fail(&err, section->file, section->line,
				    "[%s%s%s] is there already, in %s:%u", section->kind,
				    *section->name ? " " : "", section->name,
				    before[i]->file, before[i]->line);
			go_on = builder_note(b, &err);
		}
	}
	free(before);
	free(sorted);
	return go_on;
}

static struct sections sections_gather(const struct inifile *files, size_t num_files)
{
	struct sections sections = {.num = 0};
	size_t num = 0;

	for (size_t i = 0; i < num_files; i++) {
		num += files[i].num_sections;
	}
	sections.refs = xcalloc(num, sizeof(*sections.refs));
	for (size_t i = 0; i < num_files; i++) {
		for (size_t j = 0; j < files[i].num_sections; j++) {
			const struct ini_section *section = &files[i].sections[j];
			int kind = section_kind(section);

			sections.refs[sections.num] =
				(struct section_ref){section, sections.num};
			sections.num++;
			if (kind >= 0) {
				sections.num_kind[kind]++;
			}
		}
	}
	return sections;
}

static bool note_unknown(struct builder *b, const struct sections *sections)
{
	bool go_on = true;

	for (size_t i = 0; go_on && i < sections->num; i++) {
		const struct ini_section *section = sections->refs[i].section;
		int kind = section_kind(section);
		struct err err;

		if (kind < 0 ? fail_unknown_kind(section, &err)
			     : check_name(section, kind, &err)) {
			go_on = builder_note(b, &err);
		}
	}
	return go_on;
}

/* How many of a kind there may be, for tables of that size. */
static bool note_too_many(struct builder *b, const struct sections *sections, int kind,
			  size_t max)
{
	struct err err;

	if (sections->num_kind[kind] <= max) {
		return true;
	}
	err_set(&err, ERR_LIMIT,
		"there are %zu [%s NAME] sections, but at most %zu are allowed",
		sections->num_kind[kind], KINDS[kind].kind, max);
	builder_note(b, &err);
	return false;
}

/* The parts */

static int build_turncoat(struct builder *b, const struct ini_section *section,
			  struct err *err)
{
	struct config *config = b->config;
	struct section_vals read;
	int rc = section_read(section, TURNCOAT_KEYS, &config->arena, &read, err);

	if (rc) {
		return rc;
	}
	config->seed_given = read.vals[TURNCOAT_SEED].given;
	config->seed = (uint64_t)read.vals[TURNCOAT_SEED].num;
	config->log_path = read.vals[TURNCOAT_LOG].text;
	config->on_log_error = (enum on_log_error)read.vals[TURNCOAT_ON_LOG_ERROR].num;
	config->drain_ns = read.vals[TURNCOAT_DRAIN].num;
	return 0;
}

static int build_proxy(struct builder *b, const struct ini_section *section,
		       struct err *err)
{
	struct config *config = b->config;
	struct proxy *proxy = &config->proxies[config->num_proxies];
	int rc = config_proxy_build(section, &config->arena, proxy, err);

	if (rc == 0) {
		proxy->index = (unsigned)config->num_proxies++;
	}
	return rc;
}

static int build_rule(struct builder *b, const struct ini_section *section,
		      struct err *err)
{
	struct ruleset *set = b->config->rules;
	struct rule *rule = &set->rules[set->num_rules];
	bool enabled = false;
	int rc = config_rule_build(section, b->proxy_names, &set->arena, rule, &enabled,
				   err);

	if (rc == 0 && enabled) {
		rule->index = (unsigned)set->num_rules++;
	} else if (rc == 0) {
		config_rule_done(rule);
	}
	return rc;
}

static int build_service(struct builder *b, const struct ini_section *section,
			 struct err *err)
{
	struct config *config = b->config;
	int rc = config_service_build(section, &config->arena,
				      &config->services[config->num_services], err);

	config->num_services += rc == 0;
	return rc;
}

static int build_oracle(struct builder *b, const struct ini_section *section,
			struct err *err)
{
	struct config *config = b->config;
	bool goal = strcmp(section->kind, KINDS[SECTION_GOAL].kind) == 0;
	int rc = config_oracle_build(section, goal, b->service_names, &config->arena,
				     &config->oracles[config->num_oracles], err);

	config->num_oracles += rc == 0;
	return rc;
}

static int build_watch(struct builder *b, const struct ini_section *section,
		       struct err *err)
{
	struct config *config = b->config;
	struct watch_spec *watch = &config->watches[config->num_watches];
	int rc = config_watch_build(section, b->proxy_names, &config->arena, watch, err);

	if (rc == 0) {
		config->num_watches++;
		for (size_t i = 0; i < config->num_proxies; i++) {
			config->proxies[i].watched |=
				watch_is_on(watch, config->proxies[i].name);
		}
	}
	return rc;
}

static bool build_kind(struct builder *b, const struct sections *sections, int kind)
{
	static int (*const BUILD[])(struct builder *, const struct ini_section *,
				    struct err *) = {
		[SECTION_TURNCOAT] = build_turncoat, [SECTION_SERVICE] = build_service,
		[SECTION_PROXY] = build_proxy,	     [SECTION_RULE] = build_rule,
		[SECTION_INVARIANT] = build_oracle,  [SECTION_GOAL] = build_oracle,
		[SECTION_WATCH] = build_watch,
	};

	for (size_t i = 0; i < sections->num; i++) {
		const struct ini_section *section = sections->refs[i].section;
		struct err err;

		if (section_kind(section) == kind && BUILD[kind](b, section, &err) &&
		    !builder_note(b, &err)) {
			return false;
		}
	}
	return true;
}

/* The names of all sections of a kind, also of those with errors. */
static const char **section_names(struct builder *b, const struct sections *sections,
				  int kind)
{
	const char **names = arena_take_array(&b->config->arena,
					      sections->num_kind[kind] + 1,
					      sizeof(char *));
	size_t num = 0;

	for (size_t i = 0; i < sections->num; i++) {
		if (section_kind(sections->refs[i].section) == kind) {
			names[num++] = sections->refs[i].section->name;
		}
	}
	return names;
}

/* Tables of the right size, and the names that others may use. */
static void make_room(struct builder *b, const struct sections *sections)
{
	struct config *config = b->config;
	size_t num_proxies = sections->num_kind[SECTION_PROXY];
	size_t num_rules = sections->num_kind[SECTION_RULE];

	config->services = arena_take_array(&config->arena,
					    sections->num_kind[SECTION_SERVICE],
					    sizeof(*config->services));
	config->oracles = arena_take_array(&config->arena,
					   sections->num_kind[SECTION_INVARIANT] +
						   sections->num_kind[SECTION_GOAL],
					   sizeof(*config->oracles));
	config->watches = arena_take_array(&config->arena,
					   sections->num_kind[SECTION_WATCH],
					   sizeof(*config->watches));
	config->proxies =
		arena_take_array(&config->arena, num_proxies, sizeof(*config->proxies));
	config->rules->rules = arena_take_array(&config->rules->arena, num_rules,
						sizeof(*config->rules->rules));
	b->proxy_names = section_names(b, sections, SECTION_PROXY);
	b->service_names = section_names(b, sections, SECTION_SERVICE);
}

static void build_all(struct builder *b, const struct sections *sections,
		      const char *path)
{
	struct config *config = b->config;
	struct err err;

	if (!note_unknown(b, sections) || !note_repeated(b, sections) ||
	    !note_too_many(b, sections, SECTION_PROXY, CONFIG_PROXIES_MAX) ||
	    !note_too_many(b, sections, SECTION_RULE, CONFIG_RULES_MAX) ||
	    !note_too_many(b, sections, SECTION_SERVICE, CONFIG_SERVICES_MAX) ||
	    !note_too_many(b, sections, SECTION_INVARIANT, CONFIG_ORACLES_MAX) ||
	    !note_too_many(b, sections, SECTION_GOAL, CONFIG_ORACLES_MAX) ||
	    !note_too_many(b, sections, SECTION_WATCH, CONFIG_ORACLES_MAX)) {
		return;
	}
	make_room(b, sections);
	if (sections->num_kind[SECTION_PROXY] == 0) {
		err_set(&err, ERR_INPUT, "%s: there is no [proxy NAME] section", path);
		if (!builder_note(b, &err)) {
			return;
		}
	}
	if (!build_kind(b, sections, SECTION_TURNCOAT) ||
	    !build_kind(b, sections, SECTION_SERVICE) ||
	    !build_kind(b, sections, SECTION_PROXY)) {
		return;
	}
	/* With a section missing or there twice, this would complain in vain. */
	if (b->num_problems == 0 &&
	    (config_proxies_link(config, &err) || config_services_link(config, &err)) &&
	    !builder_note(b, &err)) {
		return;
	}
	if (build_kind(b, sections, SECTION_RULE) &&
	    build_kind(b, sections, SECTION_INVARIANT) &&
	    build_kind(b, sections, SECTION_GOAL)) {
		build_kind(b, sections, SECTION_WATCH);
	}
}

static struct config *config_new(void)
{
	struct config *config = xcalloc(1, sizeof(*config));
	struct arena *arena = &config->arena;
	struct optval vals[KEYS_MAX];

	optrow_defaults(TURNCOAT_KEYS, arena, vals);
	config->on_log_error = (enum on_log_error)vals[TURNCOAT_ON_LOG_ERROR].num;
	config->drain_ns = vals[TURNCOAT_DRAIN].num;
	config->rules = xcalloc(1, sizeof(*config->rules));
	config->rules->refs = 1;
	config->rules->generation = 1;
	return config;
}

static void keep_files(struct config *config, const struct inifile *files,
		       size_t num_files)
{
	struct arena *arena = &config->arena;

	config->files = arena_take_array(arena, num_files, sizeof(*config->files));
	config->num_files = num_files;
	for (size_t i = 0; i < num_files; i++) {
		config->files[i] = (struct inifile){
			.path = arena_copy_text(arena, files[i].path),
			.text = span_of(arena_copy_span(arena, files[i].text),
					files[i].text.len),
		};
	}
}

/* Everything into b->config, or errors into b. */
static void build_files(struct builder *b, const struct inifile *files, size_t num_files)
{
	struct sections sections = sections_gather(files, num_files);

	keep_files(b->config, files, num_files);
	build_all(b, &sections, num_files ? files[0].path : "rule files");
	free(sections.refs);
}

static int builder_finish(struct builder *b, struct config **out, struct err *err)
{
	if (b->rc) {
		config_free(b->config);
		return err_set(err, b->first.code, "%s", b->first.text);
	}
	*out = b->config;
	return 0;
}

int config_parse(const struct inifile *files, size_t num_files, struct config **out,
		 struct err *err)
{
	struct builder b = {.config = config_new()};

	build_files(&b, files, num_files);
	return builder_finish(&b, out, err);
}

static int load(const char *const *paths, size_t num_paths, struct text *problems,
		struct config **out, struct err *err)
{
	struct builder b = {.config = config_new(), .problems = problems};
	struct inifile *files = xcalloc(num_paths, sizeof(*files));
	struct arena arena = {0};
	bool go_on = true;

	for (size_t i = 0; go_on && i < num_paths; i++) {
		struct err why;

		if (inifile_read(paths[i], &arena, &files[i], &why)) {
			go_on = builder_note(&b, &why);
		}
	}
	if (b.num_problems == 0) {
		build_files(&b, files, num_paths);
	}
	arena_done(&arena);
	free(files);
	return builder_finish(&b, out, err);
}

int config_load(const char *const *paths, size_t num_paths, struct config **out,
		struct err *err)
{
	return load(paths, num_paths, NULL, out, err);
}

int config_check(const char *const *paths, size_t num_paths, struct config **out,
		 struct text *problems)
{
	return load(paths, num_paths, problems, out, NULL);
}

void config_bind_seed(struct config *config, uint64_t seed)
{
	struct ruleset *set = config->rules;

	set->seed = seed;
	for (size_t i = 0; i < set->num_rules; i++) {
		rule_bind_seed(&set->rules[i], seed);
	}
}

void config_free(struct config *config)
{
	if (!config) {
		return;
	}
	for (size_t i = 0; i < config->num_proxies; i++) {
		config_proxy_done(&config->proxies[i]);
	}
	for (size_t i = 0; i < config->num_services; i++) {
		config_service_done(&config->services[i]);
	}
	for (size_t i = 0; i < config->num_oracles; i++) {
		config_oracle_done(&config->oracles[i]);
	}
	for (size_t i = 0; i < config->num_watches; i++) {
		config_rule_done(&config->watches[i].target);
	}
	assert(config->rules->refs > 0);
	if (--config->rules->refs == 0) {
		config_ruleset_free(config->rules);
	}
	arena_done(&config->arena);
	free(config);
}

void config_ruleset_free(struct ruleset *set)
{
	for (size_t i = 0; i < set->num_rules; i++) {
		flowfilter_free(set->rules[i].filter);
		set->rules[i].filter = NULL;
	}
	ruleset_done(set);
	free(set);
}

int config_parse_seed(const char *text, uint64_t *out, struct err *err)
{
	if (parse_u64(text, 0, INT64_MAX, out, NULL)) {
		return err_set(err, ERR_INPUT,
			       "'%s' is not a seed: a whole number from 0 to %lld", text,
			       (long long)INT64_MAX);
	}
	return 0;
}
