/* net: what the planted programs share: sockets on loopback, with every wait bounded.
 *
 * Nothing here is planted: each program's bug is in its own file, behind --buggy.
 */
#ifndef TESTS_PLANTED_NET_H
#define TESTS_PLANTED_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	NET_TEXT_MAX = 256, /* bytes of a message as text, its '\0' included */
	NET_WAIT_MS = 100,  /* for an answer, before it counts as lost */
	NET_TRIES_MAX = 30, /* then a client says so and exits 1 */
	NET_FOREVER = -1,   /* as a wait in ms */
};

/* The program's name stands in front. Exits 1. */
_Noreturn void net_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Every program is called: NAME --buggy|--correct ROLE [ARG...]. */
struct net_args {
	bool buggy;
	const char *role;
	char **rest; /* ends with NULL */
};
/* Dies of too few arguments, so that rest has at least that many. */
struct net_args net_args(int argc, char **argv, int num_rest);
int net_number(const char *text);

/* --- datagrams; a message is text without its '\0' --- */

/* A bound socket; prints "ready", which the rule files wait for. */
int udp_serve(const char *port);
/* A connected socket. */
int udp_connect(const char *port);
/* False when the wait is over. out_from may be NULL. */
bool udp_receive(int fd, int wait_ms, char text[NET_TEXT_MAX],
		 struct sockaddr_in *out_from);
void udp_reply(int fd, const struct sockaddr_in *to, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Without waiting for an answer. */
void udp_say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sends once, then waits NET_WAIT_MS for an answer that begins with `wanted`; others,
 * which are late answers, are passed over. out_answer may be NULL. */
bool udp_ask(int fd, const char *wanted, char *out_answer, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* --- streams --- */

/* A stream and what was read of it beyond the last line. */
struct conn {
	int fd;
	size_t len;
	char ahead[NET_TEXT_MAX];
};

enum conn_result {
	CONN_LINE,
	CONN_NONE, /* the wait is over */
	CONN_END,  /* closed in order */
	CONN_RESET,
};

int tcp_serve(const char *port);
/* The next client. */
struct conn tcp_accept(int listener);
struct conn tcp_connect(const char *port);
void conn_close(struct conn *conn);
/* A line without its '\n', which it has to have within NET_TEXT_MAX bytes. */
enum conn_result conn_line(struct conn *conn, int wait_ms, char line[NET_TEXT_MAX]);
/* False when the peer is gone. */
bool conn_send(struct conn *conn, const void *data, size_t len);
bool conn_say(struct conn *conn, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Exactly so many bytes. CONN_LINE when they are there. */
enum conn_result conn_bytes(struct conn *conn, int wait_ms, void *out, size_t len);
/* As udp_ask(); CONN_LINE when the answer is there. */
enum conn_result conn_ask(struct conn *conn, const char *wanted, char *out_answer,
			  const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
