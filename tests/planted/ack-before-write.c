/* ack-before-write: a store over a stream; a client whose connection is cut connects
 * again and puts what was not confirmed once more.
 *
 * The bug: the server confirms a put and writes it with the connection's next message, or
 * at its end. A connection that is reset takes the confirmed put with it.
 * Known minimum: 1 fault, a reset at the put behind a confirmed one.
 *
 *   ack-before-write --buggy|--correct server PORT
 *   ack-before-write --buggy|--correct client PORT
 *   ack-before-write --buggy|--correct check PORT   fails unless all is there
 */
#include "net.h"

#include <stdio.h>
#include <string.h>

enum {
	PUTS = 40,
	NOTHING = -1,
};

/* Says whether the connection ended in order. */
static bool serve_one(struct conn *conn, bool there[PUTS], int *pending, bool buggy)
{
	enum conn_result result;
	char line[NET_TEXT_MAX];
	int n;

	while ((result = conn_line(conn, NET_FOREVER, line)) == CONN_LINE) {
		if (*pending != NOTHING) {
			there[*pending] = true;
			*pending = NOTHING;
		}
		if (sscanf(line, "%*s %d", &n) != 1 || n < 0 || n >= PUTS) {
			continue;
		}
		if (strncmp(line, "get ", 4) == 0) {
			conn_say(conn, "has %02d %d", n, there[n]);
			continue;
		}
		if (buggy) {
			*pending = n;
		} else {
			there[n] = true;
		}
		conn_say(conn, "ok %02d", n);
	}
	return result == CONN_END;
}

static _Noreturn void serve(const char *port, bool buggy)
{
	int listener = tcp_serve(port);
	bool there[PUTS] = {false};
	struct conn conn;
	int pending;

	for (;;) {
		conn = tcp_accept(listener);
		pending = NOTHING;
		if (serve_one(&conn, there, &pending, buggy) && pending != NOTHING) {
			there[pending] = true;
		}
		conn_close(&conn);
	}
}

static void put_all(const char *port)
{
	struct conn conn = tcp_connect(port);
	char wanted[NET_TEXT_MAX];
	int tries = 0;

	for (int n = 0; n < PUTS;) {
		snprintf(wanted, sizeof(wanted), "ok %02d", n);
		if (conn_ask(&conn, wanted, NULL, "put %02d", n) == CONN_LINE) {
			n++;
			tries = 0;
			continue;
		}
		if (++tries > NET_TRIES_MAX) {
			net_die("put %d was never confirmed", n);
		}
		conn_close(&conn);
		conn = tcp_connect(port);
	}
	conn_close(&conn);
}

static int check(const char *port)
{
	struct conn conn = tcp_connect(port);
	char answer[NET_TEXT_MAX], wanted[NET_TEXT_MAX];
	int num_lost = 0;
	int has;

	for (int n = 0; n < PUTS; n++) {
		snprintf(wanted, sizeof(wanted), "has %02d", n);
		if (conn_ask(&conn, wanted, answer, "get %02d", n) != CONN_LINE ||
		    sscanf(answer, "has %*d %d", &has) != 1) {
			net_die("no answer about put %d", n);
		}
		if (!has) {
			printf("put %d was confirmed and is lost\n", n);
			num_lost++;
		}
	}
	conn_close(&conn);
	return num_lost ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct net_args args = net_args(argc, argv, 1);

	if (strcmp(args.role, "server") == 0) {
		serve(args.rest[0], args.buggy);
	}
	if (strcmp(args.role, "check") == 0) {
		return check(args.rest[0]);
	}
	put_all(args.rest[0]);
	return 0;
}
