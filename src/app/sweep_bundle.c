/* A bundle has manifest.json first, run.jsonl, result.json, output.txt and run.pcap as
 * they are, services' outputs as logs/NAME.log, and the rule files as rules/N-NAME. What
 * would make it larger than its reader takes is left out, and the manifest says so.
 */
#include "app/sweep_bundle.h"

#include "app/sweep_report.h"
#include "base/json.h"
#include "core/record.h"
#include "io/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTS_MAX = 200, TAR_OVERHEAD = 2048 };

struct part {
	const char *name, *path;
	int64_t size;
	bool left_out;
};

struct parts {
	struct arena arena;
	struct part list[PARTS_MAX];
	size_t num;
	int64_t bytes;
};

/* What is no file, or has no plain name, is passed over. */
static void take(struct parts *parts, const char *name, const char *path)
{
	struct part *part = &parts->list[parts->num];
	struct stat stat;

	if (parts->num == PARTS_MAX || !bundle_name_plain(name) ||
	    lstat(path, &stat) < 0 || !S_ISREG(stat.st_mode)) {
		return;
	}
	*part = (struct part){
		.name = arena_copy_text(&parts->arena, name),
		.path = arena_copy_text(&parts->arena, path),
		.size = stat.st_size,
	};
	part->left_out = parts->bytes + part->size + TAR_OVERHEAD >
			 BUNDLE_BYTES_MAX - (1 << 20);
	if (!part->left_out) {
		parts->bytes += part->size + TAR_OVERHEAD;
	}
	parts->num++;
}

static int by_name(const void *left, const void *right)
{
	const struct part *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static void take_logs(struct parts *parts, const char *dir)
{
	DIR *folder = opendir(dir);
	size_t first = parts->num;
	struct dirent *file;

	while (folder && (file = readdir(folder))) {
		size_t len = strlen(file->d_name);

		if (len > 4 && strcmp(file->d_name + len - 4, ".log") == 0) {
			take(parts, arena_format(&parts->arena, "logs/%s", file->d_name),
			     arena_format(&parts->arena, "%s/%s", dir, file->d_name));
		}
	}
	if (folder) {
		closedir(folder);
	}
	qsort(parts->list + first, parts->num - first, sizeof(*parts->list), by_name);
}

/* The most needed first, as the rest may be left out. */
static void take_all(const struct sweep *sweep, const struct sweep_run *run,
		     struct parts *parts)
{
	static const char *const FILES[] = {"run.jsonl", "result.json", "output.txt"};
	const char *dir = arena_format(&parts->arena, "%s/%llu", sweep->options.out,
				       (unsigned long long)run->seed);

	for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
		take(parts, FILES[i],
		     arena_format(&parts->arena, "%s/%s", dir, FILES[i]));
	}
	for (size_t i = 0; i < sweep->options.num_paths; i++) {
		const char *path = sweep->options.paths[i];
		const char *slash = strrchr(path, '/');

		take(parts,
		     arena_format(&parts->arena, "rules/%zu-%s", i + 1,
				  slash ? slash + 1 : path),
		     path);
	}
	take_logs(parts, dir);
	take(parts, "run.pcap", arena_format(&parts->arena, "%s/run.pcap", dir));
}

static void put_names(const struct parts *parts, bool left_out, struct text *out)
{
	const char *before = "";

	text_byte(out, '[');
	for (size_t i = 0; i < parts->num; i++) {
		if (parts->list[i].left_out == left_out) {
			text_str(out, before);
			json_str(out, span_str(parts->list[i].name));
			before = ",";
		}
	}
	text_byte(out, ']');
}

static void put_manifest(const struct sweep *sweep, const struct sweep_run *run,
			 const struct parts *parts, struct text *out)
{
	const char *before = "";

	text_format(out, "{\"abi\":%d,\"command\":[", TURNCOAT_ABI);
	for (char **word = sweep->options.command; *word; word++) {
		text_str(out, before);
		json_str(out, span_str(*word));
		before = ",";
	}
	text_str(out, "],\"files\":");
	put_names(parts, false, out);
	text_str(out, ",\"left_out\":");
	put_names(parts, true, out);
	text_format(out,
		    ",\"seed\":%llu,\"turncoat\":\"bundle\",\"verdict\":\"%s\","
		    "\"version\":\"%s\"}\n",
		    (unsigned long long)run->seed, finding_kind_name(run->result.verdict),
		    PACKAGE_VERSION);
}

int sweep_bundle_write(const struct sweep *sweep, const struct sweep_run *run,
		       const char *path, struct err *err)
{
	struct parts *parts = xcalloc(1, sizeof(*parts));
	struct bundle_writer *writer;
	struct text manifest = {0};
	int code = bundle_create(path, &writer, err);

	if (code == 0) {
		take_all(sweep, run, parts);
		put_manifest(sweep, run, parts, &manifest);
		code = bundle_add(writer, "manifest.json",
				  span_of(manifest.data, manifest.len), err);
		for (size_t i = 0; code == 0 && i < parts->num; i++) {
			if (!parts->list[i].left_out) {
				code = bundle_add_file(writer, parts->list[i].name,
						       parts->list[i].path, err);
			}
		}
		if (code == 0) {
			code = bundle_writer_close(writer, true, err);
		} else {
			bundle_writer_close(writer, false, NULL);
		}
	}
	text_done(&manifest);
	arena_done(&parts->arena);
	free(parts);
	return code;
}

/* --- what a replay takes --- */

static int copy_entry(struct bundle *bundle, int fd, struct err *err)
{
	struct span bytes;
	int code;

	while ((code = bundle_read(bundle, &bytes, err)) > 0) {
		while (bytes.len) {
			ssize_t put = write(fd, bytes.data, bytes.len);

			if (put < 0 && errno != EINTR) {
				return err_set_errno(err, "can't unpack the log");
			}
			bytes = span_from(bytes, put > 0 ? (size_t)put : 0);
		}
	}
	return code;
}

static int find_entry(struct bundle *bundle, const char *path, const char *name,
		      struct err *err)
{
	struct bundle_entry entry;
	int code;

	while ((code = bundle_next(bundle, &entry, err)) > 0) {
		if (strcmp(entry.name, name) == 0) {
			return 0;
		}
	}
	return code < 0 ? code
			: err_set(err, ERR_INPUT, "%s is no bundle: there is no %s in it",
				  path, name);
}

static char *temporary_name(void)
{
	const char *dir = getenv("TMPDIR");
	struct text name = {0};
	char *copy;

	text_format(&name, "%s/turncoat-XXXXXX.jsonl", dir && *dir ? dir : "/tmp");
	copy = xstrdup(text_cstr(&name));
	text_done(&name);
	return copy;
}

int sweep_bundle_unpack_log(const char *path, char **out_path, struct err *err)
{
	char *name = temporary_name();
	struct bundle *bundle = NULL;
	int code = bundle_open(path, &bundle, err);
	int fd = -1;

	if (code == 0) {
		code = find_entry(bundle, path, "run.jsonl", err);
	}
	if (code == 0) {
		fd = mkostemps(name, (int)strlen(".jsonl"), O_CLOEXEC);
		code = fd < 0 ? err_set_errno(err, "can't create %s", name)
			      : copy_entry(bundle, fd, err);
	}
	if (fd >= 0) {
		close(fd);
	}
	if (code < 0 && fd >= 0) {
		unlink(name);
	}
	bundle_close(bundle);
	if (code < 0) {
		free(name);
		return code;
	}
	*out_path = name;
	return 0;
}
