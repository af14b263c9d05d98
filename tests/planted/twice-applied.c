/* twice-applied: an adder by datagrams, each addition with a number of its own.
 *
 * The bug: the server does not look whether it has had that number already.
 * Known minimum: 1 fault, an addition that comes twice.
 *
 *   twice-applied --buggy|--correct server PORT
 *   twice-applied --buggy|--correct client PORT      exits 1 when the sum is another one
 */
#include "net.h"

#include <stdio.h>
#include <string.h>

enum { ADDITIONS = 30 };

static _Noreturn void serve(const char *port, bool buggy)
{
	bool had[ADDITIONS] = {false};
	int fd = udp_serve(port);
	char text[NET_TEXT_MAX];
	struct sockaddr_in from;
	int amount, n;
	int sum = 0;

	for (;;) {
		udp_receive(fd, NET_FOREVER, text, &from);
		if (sscanf(text, "add %d %d", &n, &amount) == 2 && n >= 0 &&
		    n < ADDITIONS) {
			if (buggy || !had[n]) {
				sum += amount;
			}
			had[n] = true;
			udp_reply(fd, &from, "added %02d", n);
		} else {
			udp_reply(fd, &from, "sum %d", sum);
		}
	}
}

/* Until the answer is there. */
static void ask(int fd, const char *wanted, char *out_answer, const char *request)
{
	for (int try = 0; try < NET_TRIES_MAX; try++) {
		if (udp_ask(fd, wanted, out_answer, "%s", request)) {
			return;
		}
	}
	net_die("no answer to %s", request);
}

int main(int argc, char **argv)
{
	struct net_args args = net_args(argc, argv, 1);
	char answer[NET_TEXT_MAX], request[NET_TEXT_MAX], wanted[NET_TEXT_MAX];
	int fd, sum;
	int right = 0;

	if (strcmp(args.role, "server") == 0) {
		serve(args.rest[0], args.buggy);
	}
	fd = udp_connect(args.rest[0]);
	for (int n = 0; n < ADDITIONS; n++) {
		snprintf(request, sizeof(request), "add %02d %d", n, n + 1);
		snprintf(wanted, sizeof(wanted), "added %02d", n);
		ask(fd, wanted, NULL, request);
		right += n + 1;
	}
	ask(fd, "sum ", answer, "sum");
	if (sscanf(answer, "sum %d", &sum) != 1 || sum != right) {
		net_die("%s, not %d", answer, right);
	}
	return 0;
}
