#include "io/dir.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REMOVE_FDS = 16 };

static int make_one(const char *path)
{
	return mkdir(path, 0777) < 0 && errno != EEXIST ? -1 : 0;
}

static const char *absolute(const char *path, struct arena *arena, struct err *err)
{
	char *real = realpath(path, NULL);
	const char *copy;

	if (!real) {
		err_set_errno(err, "no directory %s", path);
		return NULL;
	}
	copy = arena_copy_text(arena, real);
	free(real);
	return copy;
}

const char *dir_make(const char *path, struct arena *arena, struct err *err)
{
	char *part = arena_copy_text(arena, path);
	struct stat st;

	for (char *slash = strchr(part + (*part == '/'), '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (make_one(part) < 0) {
			err_set_errno(err, "can't make the directory %s", part);
			return NULL;
		}
		*slash = '/';
	}
	if (make_one(part) < 0) {
		err_set_errno(err, "can't make the directory %s", path);
		return NULL;
	}
	if (stat(part, &st) < 0 || !S_ISDIR(st.st_mode)) {
		err_set(err, ERR_INPUT, "%s is no directory", path);
		return NULL;
	}
	return absolute(part, arena, err);
}

const char *dir_temporary(struct arena *arena, struct err *err)
{
	const char *above = getenv("TMPDIR");
	char *path = arena_format(arena, "%s/turncoat-run.XXXXXX",
				  above && *above ? above : "/tmp");

	if (!mkdtemp(path)) {
		err_set_errno(err, "can't make a temporary directory %s", path);
		return NULL;
	}
	return absolute(path, arena, err);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

void dir_remove(const char *path)
{
	(void)nftw(path, remove_one, REMOVE_FDS, FTW_DEPTH | FTW_PHYS);
}
