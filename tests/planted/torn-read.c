/* torn-read: messages of one size over a stream, each answered.
 *
 * The bug: the server takes what one read returned for one message, and aborts when
 * that is not a message's size.
 * Known minimum: 1 fault, a delay between the parts of a message.
 *
 *   torn-read --buggy|--correct server PORT
 *   torn-read --buggy|--correct client PORT
 */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	MESSAGES = 60,
	MESSAGE_BYTES = 40,
};

static bool next_whole(struct conn *conn, char message[MESSAGE_BYTES])
{
	return conn_bytes(conn, NET_FOREVER, message, MESSAGE_BYTES) == CONN_LINE;
}

static bool next_read(struct conn *conn, char message[MESSAGE_BYTES])
{
	ssize_t len = recv(conn->fd, message, MESSAGE_BYTES, 0);

	if (len > 0 && len != MESSAGE_BYTES) {
		fprintf(stderr, "a message of %zd bytes\n", len);
		abort();
	}
	return len > 0;
}

static _Noreturn void serve(const char *port, bool buggy)
{
	int listener = tcp_serve(port);
	char message[MESSAGE_BYTES];
	struct conn conn;

	for (;;) {
		conn = tcp_accept(listener);
		while (buggy ? next_read(&conn, message) : next_whole(&conn, message)) {
			conn_send(&conn, message, MESSAGE_BYTES);
		}
		conn_close(&conn);
	}
}

static void talk(struct conn *conn)
{
	char answer[MESSAGE_BYTES], message[MESSAGE_BYTES];

	for (int n = 0; n < MESSAGES; n++) {
		memset(message, 'a' + n % 26, sizeof(message));
		conn_send(conn, message, sizeof(message));
		/* Nothing gets lost here, so after this time no answer will come. */
		if (conn_bytes(conn, 20 * NET_WAIT_MS, answer, sizeof(answer)) !=
		    CONN_LINE) {
			net_die("no answer to message %d", n);
		}
		if (memcmp(answer, message, sizeof(answer)) != 0) {
			net_die("another answer to message %d", n);
		}
	}
}

int main(int argc, char **argv)
{
	struct net_args args = net_args(argc, argv, 1);
	struct conn conn;

	if (strcmp(args.role, "server") == 0) {
		serve(args.rest[0], args.buggy);
	}
	conn = tcp_connect(args.rest[0]);
	talk(&conn);
	conn_close(&conn);
	return 0;
}
