/* Rule files of any bytes: read, built, described, or refused with a line; never a crash.
 */
#include "app/config.h"
#include "base/text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_config(struct config *config)
{
	struct text text = {0};

	config_bind_seed(config, 42);
	for (size_t i = 0; i < config->rules->num_rules; i++) {
		rule_describe(&config->rules->rules[i], &text);
	}
	text_done(&text);
	config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inifile file;
	struct arena arena = {0};
	struct config *config;
	struct err err = {0};

	if (inifile_parse("fuzz.ini", span_of(data, size), &arena, &file, &err) == 0 &&
	    config_parse(&file, 1, &config, &err) == 0) {
		use_config(config);
	} else if (err.code == ERR_OK || !err.text[0]) {
		abort(); /* refused without a word */
	}
	arena_done(&arena);
	return 0;
}
