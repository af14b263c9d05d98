/*
 * Runs a fuzz target once over its corpus, as a test.
 *
 * Stands in for the fuzzing engine in `make check`: a target fuzz_NAME is given each file
 * of tests/fuzz/corpus/NAME, or the files and folders named as arguments, and a line of
 * TAP is printed for each. It mutates nothing. An input lies flush against the end of a
 * heap buffer of exactly its size, so that a sanitizer or valgrind sees the first byte
 * read beyond it. Every buffer is freed before the next input.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct corpus {
	char **paths;
	size_t num;
};

static void bail(const char *what, const char *path)
{
	printf("Bail out! %s %s: %s\n", what, path, strerror(errno));
	exit(1);
}

static void corpus_add(struct corpus *corpus, char *path)
{
	corpus->paths = realloc(corpus->paths, (corpus->num + 1) * sizeof(char *));
	if (!corpus->paths || !path) {
		bail("no memory for", "the corpus");
	}
	corpus->paths[corpus->num++] = path;
}

static void corpus_add_folder(struct corpus *corpus, const char *path)
{
	struct dirent **entries;
	int num = scandir(path, &entries, NULL, alphasort);

	if (num < 0) {
		bail("can't list", path);
	}
	for (int i = 0; i < num; i++) {
		char *file;

		if (entries[i]->d_name[0] != '.') {
			if (asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0) {
				file = NULL;
			}
			corpus_add(corpus, file);
		}
		free(entries[i]);
	}
	free(entries);
}

static void corpus_add_any(struct corpus *corpus, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		bail("can't find", path);
	}
	if (S_ISDIR(st.st_mode)) {
		corpus_add_folder(corpus, path);
	} else {
		corpus_add(corpus, strdup(path));
	}
}

static void corpus_add_own(struct corpus *corpus, const char *program)
{
	const char *top = getenv("top_srcdir");
	const char *name = strrchr(program, '/');
	char *folder;

	name = name ? name + 1 : program;
	if (strncmp(name, "fuzz_", 5) == 0) {
		name += 5;
	}
	if (asprintf(&folder, "%s/tests/fuzz/corpus/%s", top ? top : ".", name) < 0) {
		bail("no memory for", program);
	}
	corpus_add_any(corpus, folder);
	free(folder);
}

static void run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t size;

	if (!file || fstat(fileno(file), &st) < 0) {
		bail("can't open", path);
	}
	size = (size_t)st.st_size;
	data = malloc(
		size); /* for nothing too: reading its first byte is then an error */
	if (!data && size > 0) {
		bail("no memory for", path);
	}
	errno = 0;
	if (fread(data, 1, size, file) != size) {
		bail("can't read", path);
	}
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

int main(int argc, char **argv)
{
	struct corpus corpus = {0};

	if (argc > 1) {
		for (int i = 1; i < argc; i++) {
			corpus_add_any(&corpus, argv[i]);
		}
	} else {
		corpus_add_own(&corpus, argv[0]);
	}
	if (corpus.num == 0) {
		printf("Bail out! the corpus is empty\n");
		return 1;
	}
	printf("1..%zu\n", corpus.num);
	for (size_t i = 0; i < corpus.num; i++) {
		fflush(stdout);
		run_file(corpus.paths[i]);
		printf("ok %zu - %s\n", i + 1,
		       strrchr(corpus.paths[i], '/') ? strrchr(corpus.paths[i], '/') + 1
						     : corpus.paths[i]);
		free(corpus.paths[i]);
	}
	free(corpus.paths);
	return 0;
}
