/* How rule files are read.
 *
 * libinih pulls lines from next_line() and calls take_entry() back, so while an entry is
 * taken, the reader's `line` is the line that it came from. next_line() refuses what
 * libinih would cut or misread, and records sections itself, since libinih 55 reports
 * entries only.
 *
 * A continued value goes through libinih as an indented line, which it hands over as one
 * more value of the same key: the only way past its 199 characters. It does not cut
 * comments from such lines, so next_line() does.
 */
#include "io/inifile.h"

#include "base/optrow.h"
#include "base/text.h"
#include "io/file.h"

#include <assert.h>
#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

enum {
	SECTION_TEXT_MAX = 49, /* libinih cuts what is longer */
	LINE_SHOWN_MAX = 40,   /* of a wrong line, in a message */
};

struct reader {
	struct inifile *file;
	struct arena *arena;
	struct err *err;
	struct span rest; /* lines to come */
	unsigned line;	  /* the one given last, from 1 */
	int rc;		  /* the first error, already told */
	bool continued;	  /* the line given last is one more piece of the entry above */
	bool continues;	  /* the line given last ended in a backslash */
	char tail[INIFILE_LINE_MAX + 1]; /* the comment that was cut from it, or "" */
	struct text value;		 /* the entry's, as far as it has been read */
};

static int reader_fail(struct reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int reader_fail(struct reader *r, const char *format, ...)
{
	char message[ERR_TEXT_MAX / 2];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	r->rc = err_set(r->err, ERR_INPUT, "%s:%u: %s", r->file->path, r->line, message);
	return r->rc;
}

/* Room for one more in an array that grows at powers of two. */
static void *array_room(struct arena *arena, void *old, size_t num, size_t each_bytes)
{
	void *wider;

	if (num & (num - 1)) {
		return old;
	}
	wider = arena_take_array(arena, num ? num * 2 : 1, each_bytes);
	if (num) {
		memcpy(wider, old, num * each_bytes);
	}
	return wider;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
	size_t len = strlen(text);

	while (len && is_blank(text[len - 1])) {
		text[--len] = '\0';
	}
	while (is_blank(*text)) {
		text++;
	}
	return text;
}

/* libinih's rule: a ';' behind a blank begins a comment. Points to the ';' or to the end.
 */
static char *find_comment(char *text)
{
	bool was_blank = false;

	while (*text && !(was_blank && *text == ';')) {
		was_blank = isspace((unsigned char)*text);
		text++;
	}
	return text;
}

/* The next physical line without its end, or false at the end of the file. */
static bool take_line(struct span *rest, struct span *out)
{
	const uint8_t *newline;

	if (rest->len == 0) {
		return false;
	}
	newline = memchr(rest->data, '\n', rest->len);
	*out = span_sub(*rest, 0, newline ? (size_t)(newline - rest->data) : rest->len);
	*rest = span_from(*rest, out->len + (newline != NULL));
	if (newline && out->len && out->data[out->len - 1] == '\r') {
		out->len--;
	}
	return true;
}

static int check_bytes(struct reader *r, struct span line)
{
	struct span left = line;

	while (left.len) {
		size_t len = utf8_len(left);
		uint8_t byte = left.data[0];

		if (len == 0 || byte == 0x7f || (byte < 0x20 && byte != '\t')) {
			return reader_fail(
				r,
				"byte 0x%02x in column %zu: this is not a text file "
				"in UTF-8",
				byte, line.len - left.len + 1);
		}
		left = span_from(left, len);
	}
	if (line.len > INIFILE_LINE_MAX) {
		return reader_fail(
			r,
			"the line has %zu characters, but at most %d can be read: "
			"end it with a backslash and go on in the next line",
			line.len, INIFILE_LINE_MAX);
	}
	return 0;
}

static bool section_byte_valid(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-' ||
	       is_blank(c);
}

/* "[kind name]" with nothing but a comment behind it. */
static int check_section(struct reader *r, const char *text, size_t *out_len)
{
	const char *close = strchr(text, ']');
	const char *behind;
	size_t len;

	if (!close) {
		return reader_fail(r, "the section has no closing ]");
	}
	len = (size_t)(close - text - 1);
	if (len > SECTION_TEXT_MAX) {
		return reader_fail(
			r,
			"the section's name has %zu characters, but at most %d can "
			"be read",
			len, SECTION_TEXT_MAX);
	}
	for (const char *p = text + 1; p < close; p++) {
		if (!section_byte_valid(*p)) {
			return reader_fail(
				r, "a section's name is made of letters, digits and "
				   "_ . - only");
		}
	}
	behind = close + 1;
	while (is_blank(*behind)) {
		behind++;
	}
	if (*behind && *behind != ';' && *behind != '#') {
		return reader_fail(r, "there is text behind the section: %s", behind);
	}
	*out_len = len;
	return 0;
}

static int begin_section(struct reader *r, const char *text)
{
	struct inifile *file = r->file;
	struct ini_section *section;
	char name[SECTION_TEXT_MAX + 1];
	char *kind, *blank;
	size_t len = 0;
	int rc = check_section(r, text, &len);

	if (rc) {
		return rc;
	}
	memcpy(name, text + 1, len);
	name[len] = '\0';
	kind = trim(name);
	if (!*kind) {
		return reader_fail(r, "the section has no name: write [proxy NAME] or "
				      "[rule NAME]");
	}
	file->sections = array_room(r->arena, file->sections, file->num_sections,
				    sizeof(*file->sections));
	section = &file->sections[file->num_sections++];
	*section = (struct ini_section){.name = "", .file = file->path, .line = r->line};
	blank = strpbrk(kind, " \t");
	if (blank) {
		*blank = '\0';
		section->name = arena_copy_text(r->arena, trim(blank + 1));
	}
	section->kind = arena_copy_text(r->arena, kind);
	if (strpbrk(section->name, " \t")) {
		return reader_fail(r, "a section's name has no spaces: [%s %s]", kind,
				   section->name);
	}
	return 0;
}

/* A backslash at the end is taken off and makes the value go on. */
static void take_backslash(struct reader *r, char *text)
{
	size_t len = strlen(text);

	if (len && text[len - 1] == '\\') {
		text[len - 1] = '\0';
		r->continues = true;
	}
}

/* Notes the comment behind a value, so that take_entry() can tell whether it is one. */
static void take_comment(struct reader *r, char *value)
{
	char *comment = find_comment(value);
	char *p = comment;

	strcpy(r->tail, comment);
	while (p > value && is_blank(p[-1])) {
		p--;
	}
	if (*comment && p > value && p[-1] == '\\') {
		reader_fail(r,
			    "a backslash must be the last character of its line; here a "
			    "comment stands behind it");
	}
}

static int take_piece(struct reader *r, char *text, char *out)
{
	char *piece = trim(text);

	r->continued = true;
	if (!*piece || *piece == ';' || *piece == '#') {
		return reader_fail(
			r, "the line above ends in a backslash, but its value does not "
			   "go on here");
	}
	take_backslash(r, piece);
	take_comment(r, piece);
	*find_comment(piece) = '\0';
	out[0] = ' ';
	strcpy(out + 1, piece);
	return r->rc;
}

/* One line, made fit for libinih. `out` holds INIFILE_LINE_MAX + 2 bytes. */
static int prepare_line(struct reader *r, char *text, bool goes_on, char *out)
{
	if (goes_on) {
		return take_piece(r, text, out);
	}
	if (is_blank(*text) && *trim(text) && !strchr(";#", *trim(text))) {
		return reader_fail(
			r, "the line is indented: keys begin in the first column (end "
			   "a line with a backslash to go on in the next)");
	}
	text = trim(text);
	if (*text == '[') {
		if (begin_section(r, text)) {
			return r->rc;
		}
	} else if (*text && !strchr(";#", *text)) {
		char *separator = strpbrk(text, "=:");

		/* Without a separator before any comment libinih sees no entry. */
		if (separator && separator < find_comment(text)) {
			take_backslash(r, text);
			take_comment(r, separator + 1);
		}
	}
	strcpy(out, text);
	return r->rc;
}

/* ini_reader: fgets() with opinions. */
static char *next_line(char *str, int num, void *stream)
{
	static const uint8_t BYTE_ORDER_MARK[] = {0xef, 0xbb, 0xbf};
	struct reader *r = stream;
	char text[INIFILE_LINE_MAX + 1];
	bool goes_on = r->continues;
	struct span line;

	assert(num >= INIFILE_LINE_MAX + 2);
	if (r->rc) {
		return NULL;
	}
	if (!take_line(&r->rest, &line)) {
		if (goes_on) {
			reader_fail(r, "the file ends in a backslash");
		}
		return NULL;
	}
	r->line++;
	r->continued = r->continues = false;
	r->tail[0] = '\0';
	if (r->line == 1 && span_eq(span_sub(line, 0, 3), span_of(BYTE_ORDER_MARK, 3))) {
		line = span_from(line, 3);
	}
	if (check_bytes(r, line)) {
		return NULL;
	}
	memcpy(text, line.data, line.len);
	text[line.len] = '\0';
	return prepare_line(r, text, goes_on, str) ? NULL : str;
}

/* The whole value is there. A ';' within quotes or slashes may have been taken for a
 * comment. */
static void finish_entry(struct reader *r, struct ini_entry *entry)
{
	char open;

	if (!r->value.len) {
		reader_fail(r, "'%s' has no value", entry->key);
		return;
	}
	entry->value = arena_copy_text(r->arena, r->value.data);
	open = optrow_unclosed(entry->value);
	if (*r->tail && open && strchr(r->tail, open)) {
		reader_fail(r,
			    "%s: ' ;' begins a comment, also within %s, and so cuts the "
			    "value "
			    "to %s: write \\x3b for the semicolon%s",
			    entry->key, open == '/' ? "slashes" : "quotes", entry->value,
			    open == '/' ? ", or \\s for the space" : "");
	}
}

/* ini_handler. Errors wait in the reader: a 0 here would only lose their text. */
static int take_entry(void *user, const char *section_text, const char *key,
		      const char *value)
{
	struct reader *r = user;
	struct inifile *file = r->file;
	struct ini_section *section;
	struct ini_entry *entry;

	(void)section_text;
	if (file->num_sections == 0) {
		reader_fail(r, "'%s' stands before the first [section]", key);
		return 1;
	}
	section = &file->sections[file->num_sections - 1];
	if (!r->continued) {
		section->entries = array_room(r->arena, section->entries,
					      section->num_entries, sizeof(*entry));
		entry = &section->entries[section->num_entries++];
		*entry = (struct ini_entry){arena_copy_text(r->arena, key), "", r->line};
		text_clear(&r->value);
	} else if (r->value.len) {
		text_byte(&r->value, ' ');
	}
	assert(section->num_entries);
	text_str(&r->value, value);
	if (!*key) {
		reader_fail(r, "there is no key before the '='");
	} else if (!r->continues) {
		finish_entry(r, &section->entries[section->num_entries - 1]);
	}
	return 1;
}

/* What libinih could not read: neither a section nor an entry. */
static int fail_unreadable(struct reader *r, unsigned line)
{
	struct span rest = r->file->text;
	struct span text = {NULL, 0};

	for (unsigned i = 0; i < line && take_line(&rest, &text); i++) {
	}
	r->line = line;
	return reader_fail(r, "'%.*s%s' is neither a [section] nor KEY = VALUE",
			   text.len > LINE_SHOWN_MAX ? LINE_SHOWN_MAX : (int)text.len,
			   (const char *)text.data, text.len > LINE_SHOWN_MAX ? "…" : "");
}

int inifile_parse(const char *path, struct span text, struct arena *arena,
		  struct inifile *out, struct err *err)
{
	struct inifile file = {.path = arena_copy_text(arena, path)};
	struct reader r = {.file = &file, .arena = arena, .err = err};
	int line;

	if (text.len > INIFILE_BYTES_MAX) {
		return err_set(err, ERR_LIMIT,
			       "%s: %zu bytes are more than a rule file's %d", path,
			       text.len, INIFILE_BYTES_MAX);
	}
	if (text.len == 0) {
		return err_set(err, ERR_INPUT, "%s: the file is empty", path);
	}
	file.text = span_of(arena_copy_span(arena, text), text.len);
	r.rest = file.text;
	line = ini_parse_stream(next_line, &r, take_entry, &r);
	text_done(&r.value);
	if (line > 0 && (r.rc == 0 || (unsigned)line < r.line)) {
		return fail_unreadable(&r, (unsigned)line);
	}
	if (r.rc) {
		return r.rc;
	}
	if (line < 0) {
		return err_set(err, ERR_MEMORY, "%s: no memory to read it", path);
	}
	if (file.num_sections == 0) {
		return err_set(
			err, ERR_INPUT,
			"%s: there is no [section] in it: write [proxy NAME] first",
			path);
	}
	*out = file;
	return 0;
}

int inifile_read(const char *path, struct arena *arena, struct inifile *out,
		 struct err *err)
{
	struct span text;
	int rc = file_read(path, INIFILE_BYTES_MAX, arena, &text, err);

	return rc ? rc : inifile_parse(path, text, arena, out, err);
}
