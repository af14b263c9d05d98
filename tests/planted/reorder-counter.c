/* reorder-counter: gauges that a sensor sets by datagrams, without waiting for answers.
 *
 * The bug: an update's number is ignored, so the server believes whichever comes last.
 * Known minimum: 1 fault, the last update of a gauge overtaking the one before it.
 *
 *   reorder-counter --buggy|--correct server PORT
 *   reorder-counter --buggy|--correct client PORT
 *   reorder-counter --buggy|--correct check PORT    fails unless all show their last
 */
#include "net.h"

#include <stdio.h>
#include <string.h>

enum {
	GAUGES = 10,
	UPDATES = 5, /* of each gauge: 1, 2, ... */
};

struct gauge {
	int value;
	bool seen[UPDATES + 1]; /* by value */
	int num_seen;
};

static void gauge_set(struct gauge *gauge, int value, bool buggy)
{
	if (!gauge->seen[value]) {
		gauge->seen[value] = true;
		gauge->num_seen++;
	}
	if (buggy || value > gauge->value) {
		gauge->value = value; /* it is its own number: 1, 2, ... */
	}
}

static _Noreturn void serve(const char *port, bool buggy)
{
	struct gauge gauges[GAUGES] = {0};
	int fd = udp_serve(port);
	char text[NET_TEXT_MAX];
	struct sockaddr_in from;
	int n, value;

	for (;;) {
		udp_receive(fd, NET_FOREVER, text, &from);
		if (sscanf(text, "%*s %d", &n) != 1 || n < 0 || n >= GAUGES) {
			continue;
		}
		if (sscanf(text, "set %*d %d", &value) == 1) {
			if (value >= 1 && value <= UPDATES) {
				gauge_set(&gauges[n], value, buggy);
			}
		} else {
			udp_reply(fd, &from, "gauge %02d %d %d", n, gauges[n].value,
				  gauges[n].num_seen);
		}
	}
}

/* What gauge n shows. *out_seen is how many of its updates have come. */
static int ask(int fd, int n, int *out_seen)
{
	char answer[NET_TEXT_MAX], wanted[NET_TEXT_MAX];
	int value;

	snprintf(wanted, sizeof(wanted), "gauge %02d ", n);
	for (int try = 0; try < NET_TRIES_MAX; try++) {
		if (udp_ask(fd, wanted, answer, "get %02d", n) &&
		    sscanf(answer, "gauge %*d %d %d", &value, out_seen) == 2) {
			return value;
		}
	}
	net_die("no answer about gauge %d", n);
}

static void update_all(int fd)
{
	int seen;

	for (int n = 0; n < GAUGES; n++) {
		for (int value = 1; value <= UPDATES; value++) {
			udp_say(fd, "set %02d %d", n, value);
		}
	}
	/* All have come before anybody looks. */
	for (int n = 0; n < GAUGES; n++) {
		do {
			ask(fd, n, &seen);
		} while (seen < UPDATES);
	}
}

static int check(int fd)
{
	int num_wrong = 0;
	int seen, value;

	for (int n = 0; n < GAUGES; n++) {
		value = ask(fd, n, &seen);
		if (value != UPDATES) {
			printf("gauge %d shows %d, not %d\n", n, value, UPDATES);
			num_wrong++;
		}
	}
	return num_wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct net_args args = net_args(argc, argv, 1);
	int fd;

	if (strcmp(args.role, "server") == 0) {
		serve(args.rest[0], args.buggy);
	}
	fd = udp_connect(args.rest[0]);
	if (strcmp(args.role, "check") == 0) {
		return check(fd);
	}
	update_all(fd);
	return 0;
}
