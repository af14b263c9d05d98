/* missing-timeout: transactions over a stream, each begun and then committed.
 *
 * The bug: the client waits for the answer to a commit without a timeout. (The one to a
 * begin is waited for properly.)
 * Known minimum: 1 fault, the loss of a commit or of its answer.
 *
 *   missing-timeout --buggy|--correct server PORT
 *   missing-timeout --buggy|--correct client PORT
 */
#include "net.h"

#include <stdio.h>
#include <string.h>

enum { TRANSACTIONS = 20 };

static _Noreturn void serve(const char *port)
{
	int listener = tcp_serve(port);
	char line[NET_TEXT_MAX];
	struct conn conn;
	int n;

	for (;;) {
		conn = tcp_accept(listener);
		while (conn_line(&conn, NET_FOREVER, line) == CONN_LINE) {
			if (sscanf(line, "begin %d", &n) == 1) {
				conn_say(&conn, "begun %02d", n);
			} else if (sscanf(line, "commit %d", &n) == 1) {
				conn_say(&conn, "committed %02d", n);
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

static void commit_and_wait(struct conn *conn, int n)
{
	char line[NET_TEXT_MAX], wanted[NET_TEXT_MAX];

	snprintf(wanted, sizeof(wanted), "committed %02d", n);
	conn_say(conn, "commit %02d", n);
	do {
		if (conn_line(conn, NET_FOREVER, line) != CONN_LINE) {
			net_die("the server hung up");
		}
	} while (strcmp(line, wanted) != 0); /* a late answer to begin */
}

int main(int argc, char **argv)
{
	struct net_args args = net_args(argc, argv, 1);
	struct conn conn;

	if (strcmp(args.role, "server") == 0) {
		serve(args.rest[0]);
	}
	conn = tcp_connect(args.rest[0]);
	for (int n = 0; n < TRANSACTIONS; n++) {
		ask(&conn, "begin", "begun", n);
		if (args.buggy) {
			commit_and_wait(&conn, n);
		} else {
			ask(&conn, "commit", "committed", n);
		}
	}
	conn_close(&conn);
	return 0;
}
