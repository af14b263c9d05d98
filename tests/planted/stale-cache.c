/* stale-cache: an origin, a cache that clients fill themselves, and invalidations, which
 * the origin sends to the cache with each write. All by datagrams; only invalidations are
 * proxied.
 *
 * The bug: the origin waits for an invalidation's confirmation, but when none comes it
 * confirms the write nevertheless, and never sends the invalidation again.
 * Known minimum: 1 fault, the loss of the invalidation of a key that is in the cache.
 *
 *   stale-cache --buggy|--correct cache PORT
 *   stale-cache --buggy|--correct origin PORT CACHE_PORT    where it sends to
 *   stale-cache --buggy|--correct client ORIGIN_PORT CACHE_PORT
 *                                         says "stale read ..." when a read is an old one
 */
#include "net.h"

#include <stdio.h>
#include <string.h>

enum {
	KEYS = 40,
	CACHED = 4, /* each 4th key is read, and so is in the cache when it is written */
	ABSENT = -1,
};

static _Noreturn void serve_cache(const char *port)
{
	int fd = udp_serve(port);
	char text[NET_TEXT_MAX];
	struct sockaddr_in from;
	int values[KEYS];
	int key, value;

	for (key = 0; key < KEYS; key++) {
		values[key] = ABSENT;
	}
	for (;;) {
		udp_receive(fd, NET_FOREVER, text, &from);
		if (sscanf(text, "%*s %d", &key) != 1 || key < 0 || key >= KEYS) {
			continue;
		}
		if (sscanf(text, "fill %*d %d", &value) == 1) {
			values[key] = value;
			udp_reply(fd, &from, "filled %02d", key);
		} else if (strncmp(text, "invalidate ", 11) == 0) {
			values[key] = ABSENT;
			udp_reply(fd, &from, "invalidated %02d", key);
		} else {
			udp_reply(fd, &from, "cached %02d %d", key, values[key]);
		}
	}
}

static void invalidate(int cache, int key, bool buggy)
{
	char wanted[NET_TEXT_MAX];
	int tries = buggy ? 1 : NET_TRIES_MAX;

	snprintf(wanted, sizeof(wanted), "invalidated %02d", key);
	for (int try = 0; try < tries; try++) {
		if (udp_ask(cache, wanted, NULL, "invalidate %02d", key)) {
			return;
		}
	}
}

static _Noreturn void serve_origin(const char *port, const char *cache_port, bool buggy)
{
	int cache = udp_connect(cache_port);
	int fd = udp_serve(port);
	char text[NET_TEXT_MAX];
	int values[KEYS] = {0};
	struct sockaddr_in from;
	int key, value;

	for (;;) {
		udp_receive(fd, NET_FOREVER, text, &from);
		if (sscanf(text, "%*s %d", &key) != 1 || key < 0 || key >= KEYS) {
			continue;
		}
		if (sscanf(text, "write %*d %d", &value) == 1) {
			if (values[key] != value) {
				values[key] = value;
				invalidate(cache, key, buggy);
			}
			udp_reply(fd, &from, "wrote %02d", key);
		} else {
			udp_reply(fd, &from, "value %02d %d", key, values[key]);
		}
	}
}

/* Asks until an answer with that word and key is there; returns the number behind. */
static int ask(int fd, const char *word, int key, const char *request)
{
	char answer[NET_TEXT_MAX], wanted[NET_TEXT_MAX];
	int value = ABSENT;

	snprintf(wanted, sizeof(wanted), "%s %02d", word, key);
	for (int try = 0; try < 10 * NET_TRIES_MAX; try++) {
		if (udp_ask(fd, wanted, answer, "%s", request)) {
			(void)sscanf(answer, "%*s %*d %d", &value);
			return value;
		}
	}
	net_die("no answer to %s", request);
}

static int read_through(int origin, int cache, int key)
{
	char request[NET_TEXT_MAX];
	int value;

	snprintf(request, sizeof(request), "get %02d", key);
	value = ask(cache, "cached", key, request);
	if (value == ABSENT) {
		value = ask(origin, "value", key, request);
		snprintf(request, sizeof(request), "fill %02d %d", key, value);
		ask(cache, "filled", key, request);
	}
	return value;
}

static void write_and_read(int origin, int cache, int key)
{
	bool cached = key % CACHED == 0;
	char request[NET_TEXT_MAX];
	int value;

	if (cached) {
		read_through(origin, cache, key);
	}
	snprintf(request, sizeof(request), "write %02d %d", key, key + 100);
	ask(origin, "wrote", key, request);
	if (cached) {
		value = read_through(origin, cache, key);
		if (value != key + 100) {
			printf("stale read of key %d: %d\n", key, value);
		}
	}
}

int main(int argc, char **argv)
{
	struct net_args args = net_args(argc, argv, 1);
	int cache, origin;

	if (strcmp(args.role, "cache") == 0) {
		serve_cache(args.rest[0]);
	}
	if (!args.rest[1]) {
		net_die("two ports are needed");
	}
	if (strcmp(args.role, "origin") == 0) {
		serve_origin(args.rest[0], args.rest[1], args.buggy);
	}
	origin = udp_connect(args.rest[0]);
	cache = udp_connect(args.rest[1]);
	for (int key = 0; key < KEYS; key++) {
		write_and_read(origin, cache, key);
	}
	return 0;
}
