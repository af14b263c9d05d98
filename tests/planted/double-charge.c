/* double-charge: a bank that takes charges over a stream, and a client that asks again
 * when no answer comes.
 *
 * The bug: the client makes up a new key for each attempt, so the bank can't know that it
 * has done this charge already.
 * Known minimum: 1 fault, the loss of one answer to a charge.
 *
 *   double-charge --buggy|--correct server PORT
 *   double-charge --buggy|--correct client PORT
 *   double-charge --buggy|--correct check PORT      fails unless each was charged once
 */
#include "net.h"

#include <stdio.h>
#include <string.h>

enum {
	CHARGES = 30,
	KEYS_MAX = CHARGES * NET_TRIES_MAX,
	KEY_BYTES = 16,
};

struct bank {
	char keys[KEYS_MAX][KEY_BYTES]; /* of the charges that were made */
	int num_charges;
};

static void bank_charge(struct bank *bank, const char *key)
{
	for (int i = 0; i < bank->num_charges; i++) {
		if (strcmp(bank->keys[i], key) == 0) {
			return;
		}
	}
	if (bank->num_charges < KEYS_MAX) {
		snprintf(bank->keys[bank->num_charges], KEY_BYTES, "%s", key);
		bank->num_charges++;
	}
}

static _Noreturn void serve(const char *port)
{
	static struct bank bank;
	int listener = tcp_serve(port);
	char line[NET_TEXT_MAX];
	char key[KEY_BYTES];
	struct conn conn;

	for (;;) {
		conn = tcp_accept(listener);
		while (conn_line(&conn, NET_FOREVER, line) == CONN_LINE) {
			if (sscanf(line, "charge %15s", key) == 1) {
				bank_charge(&bank, key);
				conn_say(&conn, "charged %s", key);
			} else {
				conn_say(&conn, "total %d", bank.num_charges);
			}
		}
		conn_close(&conn);
	}
}

static void charge(struct conn *conn, int n, bool buggy)
{
	char wanted[NET_TEXT_MAX];
	enum conn_result result;
	char key[KEY_BYTES];

	for (int try = 0; try < NET_TRIES_MAX; try++) {
		snprintf(key, sizeof(key), "%02d-%02d", n, buggy ? try : 0);
		snprintf(wanted, sizeof(wanted), "charged %s", key);
		result = conn_ask(conn, wanted, NULL, "charge %s", key);
		if (result == CONN_LINE) {
			return;
		}
		if (result != CONN_NONE) {
			net_die("the bank hung up");
		}
	}
	net_die("charge %d was never confirmed", n);
}

static int check(struct conn *conn)
{
	char answer[NET_TEXT_MAX];
	int total;

	if (conn_ask(conn, "total", answer, "total") != CONN_LINE ||
	    sscanf(answer, "total %d", &total) != 1) {
		net_die("the bank does not answer");
	}
	printf("%d of %d charges\n", total, CHARGES);
	return total == CHARGES ? 0 : 1;
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
	for (int n = 0; n < CHARGES; n++) {
		charge(&conn, n, args.buggy);
	}
	conn_close(&conn);
	return 0;
}
