/* lost-retry: a store that is filled by datagrams, each put sent again until it is
 * confirmed.
 *
 * The bug: a put arms its retry once. When the retry is lost as well, nothing is sent any
 * more, and after a last wait the client goes on as if all were well.
 * Known minimum: 2 faults, the loss of a put and of its retry.
 *
 *   lost-retry --buggy|--correct server PORT    says "all arrived" when they have
 *   lost-retry --buggy|--correct client PORT
 */
#include "net.h"

#include <stdio.h>
#include <string.h>

enum { PUTS = 20 };

static _Noreturn void serve(const char *port)
{
	bool there[PUTS] = {false};
	char text[NET_TEXT_MAX];
	struct sockaddr_in from;
	int fd = udp_serve(port);
	int missing = PUTS;
	int n;

	for (;;) {
		udp_receive(fd, NET_FOREVER, text, &from);
		if (sscanf(text, "put %d", &n) != 1 || n < 0 || n >= PUTS) {
			continue;
		}
		if (!there[n]) {
			there[n] = true;
			missing--;
			if (missing == 0) {
				puts("all arrived");
			}
		}
		udp_reply(fd, &from, "ok %02d", n);
	}
}

static void put_until_confirmed(int fd, int n)
{
	char wanted[NET_TEXT_MAX];

	snprintf(wanted, sizeof(wanted), "ok %02d", n);
	for (int try = 0; try < NET_TRIES_MAX; try++) {
		if (udp_ask(fd, wanted, NULL, "put %02d", n)) {
			return;
		}
	}
	net_die("put %d was never confirmed", n);
}

static void put_with_one_retry(int fd, int n)
{
	char wanted[NET_TEXT_MAX];

	snprintf(wanted, sizeof(wanted), "ok %02d", n);
	if (!udp_ask(fd, wanted, NULL, "put %02d", n)) {
		(void)udp_ask(fd, wanted, NULL, "put %02d", n);
	}
}

int main(int argc, char **argv)
{
	struct net_args args = net_args(argc, argv, 1);
	int fd;

	if (strcmp(args.role, "server") == 0) {
		serve(args.rest[0]);
	}
	fd = udp_connect(args.rest[0]);
	for (int n = 0; n < PUTS; n++) {
		if (args.buggy) {
			put_with_one_retry(fd, n);
		} else {
			put_until_confirmed(fd, n);
		}
	}
	return 0;
}
