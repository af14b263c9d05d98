/* stuck-lock: a lock server over a stream, and a client that takes and releases
 * its locks.
 *
 * The bug: a release is sent once, and nobody waits for its answer.
 * Known minimum: 1 fault, the loss of a release.
 *
 *   stuck-lock --buggy|--correct server PORT
 *   stuck-lock --buggy|--correct client PORT
 *   stuck-lock --buggy|--correct check PORT      fails while a lock is held
 */
#include "net.h"

#include <stdio.h>
#include <string.h>

enum { LOCKS = 30 };

static _Noreturn void serve(const char *port)
{
	int listener = tcp_serve(port);
	bool held[LOCKS] = {false};
	char line[NET_TEXT_MAX];
	struct conn conn;
	int n, num_held;

	for (;;) {
		conn = tcp_accept(listener);
		while (conn_line(&conn, NET_FOREVER, line) == CONN_LINE) {
			if (sscanf(line, "lock %d", &n) == 1 && n >= 0 && n < LOCKS) {
				held[n] = true;
				conn_say(&conn, "locked %02d", n);
			} else if (sscanf(line, "release %d", &n) == 1 && n >= 0 &&
				   n < LOCKS) {
				held[n] = false;
				conn_say(&conn, "released %02d", n);
			} else {
				num_held = 0;
				for (n = 0; n < LOCKS; n++) {
					num_held += held[n];
				}
				conn_say(&conn, "held %d", num_held);
			}
		}
		conn_close(&conn);
	}
}

static void ask(struct conn *conn, const char *verb, const char *done, int n)
{
	char wanted[NET_TEXT_MAX];
	enum conn_result result;

	snprintf(wanted, sizeof(wanted), "%s %02d", done, n);
	for (int try = 0; try < NET_TRIES_MAX; try++) {
		result = conn_ask(conn, wanted, NULL, "%s %02d", verb, n);
		if (result == CONN_LINE) {
			return;
		}
		if (result != CONN_NONE) {
			net_die("the server hung up");
		}
	}
	net_die("no answer to %s %d", verb, n);
}

static int check(struct conn *conn)
{
	char answer[NET_TEXT_MAX];
	int num_held;

	if (conn_ask(conn, "held", answer, "held") != CONN_LINE ||
	    sscanf(answer, "held %d", &num_held) != 1) {
		net_die("no answer");
	}
	printf("%d locks are held\n", num_held);
	return num_held ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct net_args args = net_args(argc, argv, 1);
	struct conn conn;

	if (strcmp(args.role, "server") == 0) {
		serve(args.rest[0]);
	}
	conn = tcp_connect(args.rest[0]);
	if (strcmp(args.role, "check") == 0) {
		return check(&conn);
	}
	for (int n = 0; n < LOCKS; n++) {
		ask(&conn, "lock", "locked", n);
		if (args.buggy) {
			conn_say(&conn, "release %02d", n);
		} else {
			ask(&conn, "release", "released", n);
		}
	}
	conn_close(&conn);
	return 0;
}
