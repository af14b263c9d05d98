/* One error, told once: a code for the program and a sentence for the person.
 *
 * Functions below `app` never print. They return 0, or a negative enum err_code and fill
 * the caller's `struct err`; each caller may put its own context in front with
 * err_context(). The caller owns the struct; it holds no pointers. A NULL `struct err *`
 * is allowed everywhere.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

enum err_code {
	ERR_OK = 0,
	ERR_INPUT = -1,	 /* what the user or a peer gave is wrong */
	ERR_SYSTEM = -2, /* the system refused: errno says why, the text repeats it */
	ERR_LIMIT = -3,	 /* a stated maximum was reached */
	ERR_MEMORY = -4, /* no memory */
};

enum { ERR_TEXT_MAX = 1024 };

struct err {
	enum err_code code;
	char text[ERR_TEXT_MAX]; /* NUL-terminated; a longer message is cut at the end */
};

/* Stores code and message; returns code, so that `return err_set(…)` reads well. */
int err_set(struct err *err, enum err_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set(ERR_SYSTEM, …) with ": " and strerror(errno) at the end. */
int err_set_errno(struct err *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of the message; returns the code that was there. */
int err_context(struct err *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
