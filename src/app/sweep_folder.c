#include "app/sweep_folder.h"

#include "base/text.h"
#include "io/file.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DESCRIPTORS = 16 };

int sweep_folder_above(const char *path, struct err *err)
{
	struct text part = {0};
	int code = 0;

	for (const char *end = path; code == 0 && *end; end++) {
		if (*end == '/' || !end[1]) {
			text_clear(&part);
			text_bytes(&part, path, (size_t)(end - path) + 1);
			if (mkdir(text_cstr(&part), 0777) < 0 && errno != EEXIST) {
				code = err_set_errno(err, "can't make the folder %s",
						     text_cstr(&part));
			}
		}
	}
	text_done(&part);
	return code;
}

static int remove_entry(const char *path, const struct stat *stat, int type,
			struct FTW *where)
{
	(void)stat;
	/* The folder and its mark stay: who is interrupted here can go on later. */
	if (where->level == 0 ||
	    (where->level == 1 && strcmp(path + where->base, SWEEP_FOLDER_MARK) == 0)) {
		return 0;
	}
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

/* 1: turncoat's; 0: nothing is there; negative: somebody else's. */
static int look(const char *path, const char *mark, struct err *err)
{
	struct stat stat;

	if (lstat(path, &stat) < 0) {
		return errno == ENOENT ? 0 : err_set_errno(err, "can't look at %s", path);
	}
	if (!S_ISDIR(stat.st_mode) || lstat(mark, &stat) < 0 || !S_ISREG(stat.st_mode)) {
		return err_set(err, ERR_INPUT,
			       "%s is there and is not turncoat's: it is left alone "
			       "(--out names another place)",
			       path);
	}
	return 1;
}

int sweep_folder_make(const char *path, struct err *err)
{
	struct text mark = {0};
	int code;

	text_format(&mark, "%s/" SWEEP_FOLDER_MARK, path);
	code = look(path, text_cstr(&mark), err);
	if (code > 0) {
		/* Links are removed, never followed. */
		code = nftw(path, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) == 0
			       ? 0
			       : err_set_errno(err, "can't empty %s", path);
	} else if (code == 0) {
		code = mkdir(path, 0777) == 0
			       ? 0
			       : err_set_errno(err, "can't make the folder %s", path);
	}
	if (code == 0) {
		code = file_write(text_cstr(&mark),
				  span_str("turncoat test made this folder and replaces "
					   "it.\n"),
				  err);
	}
	text_done(&mark);
	return code;
}
