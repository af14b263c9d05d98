#include "app/config_build.h"

int config_watch_build(const struct ini_section *section, const char *const *proxy_names,
		       struct arena *arena, struct watch_spec *out, struct err *err)
{
	struct watch_spec watch = {
		.target =
			{
				.name = arena_copy_text(arena, section->name),
				.file = arena_copy_text(arena, section->file),
				.line = section->line,
			},
	};
	struct section_vals read;
	int rc = section_read(section, WATCH_KEYS, arena, &read, err);

	if (rc) {
		return rc;
	}
	match_init(&watch.target.match);
	rc = config_target_build(&read, proxy_names, arena, &watch.target, err);
	if (rc) {
		config_rule_done(&watch.target);
		return rc;
	}
	watch.expect = (enum watch_expect)read.vals[WATCH_EXPECT].num;
	watch.more_than = (uint64_t)read.vals[WATCH_MORE_THAN].num;
	*out = watch;
	return 0;
}
