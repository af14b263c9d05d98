#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void err_vset(struct err *err, enum err_code code, const char *format,
		     va_list args) __attribute__((format(printf, 3, 0)));

static void err_vset(struct err *err, enum err_code code, const char *format,
		     va_list args)
{
	err->code = code;
	vsnprintf(err->text, sizeof(err->text), format, args);
}

int err_set(struct err *err, enum err_code code, const char *format, ...)
{
	if (err) {
		va_list args;

		va_start(args, format);
		err_vset(err, code, format, args);
		va_end(args);
	}
	return code;
}

int err_set_errno(struct err *err, const char *format, ...)
{
	int saved = errno;

	if (err) {
		va_list args;
		size_t used;

		va_start(args, format);
		err_vset(err, ERR_SYSTEM, format, args);
		va_end(args);
		used = strlen(err->text);
		snprintf(err->text + used, sizeof(err->text) - used, ": %s",
			 strerror(saved));
	}
	errno = saved;
	return ERR_SYSTEM;
}

int err_context(struct err *err, const char *format, ...)
{
	char front[ERR_TEXT_MAX];
	size_t front_len, rest_len;
	va_list args;

	if (!err) {
		return ERR_INPUT;
	}
	va_start(args, format);
	vsnprintf(front, sizeof(front) - 2, format, args);
	va_end(args);
	front_len = strlen(front);
	memcpy(front + front_len, ": ", 2);
	front_len += 2;
	rest_len = strlen(err->text);
	if (rest_len > sizeof(err->text) - 1 - front_len) {
		rest_len = sizeof(err->text) - 1 - front_len;
	}
	memmove(err->text + front_len, err->text, rest_len);
	memcpy(err->text, front, front_len);
	err->text[front_len + rest_len] = '\0';
	return err->code;
}
