/* A trace's dialogs: each case's packets, and all that the consumer is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "packets.h"
#include "plane/dialogs.h"

#include <stdio.h>
#include <string.h>

#define MS_NS INT64_C(1000000)

enum { PORT = 80, STEPS_MAX = 24 };

/* --- a consumer that writes down what it is told --- */

struct listener {
	struct dialogs *dialogs;
	struct text told;
	const char *drop_at; /* what it is told then makes it drop the dialog */
	unsigned keeps;	     /* so often it keeps a session */
};

static void tell_about(struct listener *l, const char *what, const struct dialog *dialog,
		       int64_t at_ns)
{
	text_format(&l->told, "%lld %llu %s", (long long)(at_ns / MS_NS),
		    (unsigned long long)dialog->serial, what);
}

static void drop_if_wanted(struct listener *l, struct dialog *dialog, const char *now)
{
	if (l->drop_at && strcmp(l->drop_at, now) == 0) {
		l->drop_at = NULL;
		dialogs_drop(l->dialogs, dialog);
	}
}

static void on_open(void *ctx, struct dialog *dialog, int64_t at_ns)
{
	struct listener *l = ctx;

	tell_about(l, "open ", dialog, at_ns);
	text_format(&l->told, "%s:%u%s\n", dialog->proxy->name, dialog->addrs.client_port,
		    dialog->midstream ? " midstream" : "");
	drop_if_wanted(l, dialog, "open");
}

static void on_bytes(void *ctx, struct dialog *dialog, enum side side, struct span bytes,
		     int64_t at_ns)
{
	struct listener *l = ctx;

	tell_about(l, side == SIDE_REQUEST ? "> " : "< ", dialog, at_ns);
	for (size_t i = 0; i < bytes.len; i++) {
		text_byte(&l->told, bytes.data[i] ? (char)bytes.data[i] : '0');
	}
	text_byte(&l->told, '\n');
	drop_if_wanted(l, dialog, "bytes");
}

static void on_gap(void *ctx, struct dialog *dialog, enum side side, uint64_t len,
		   int64_t at_ns)
{
	struct listener *l = ctx;

	tell_about(l, side == SIDE_REQUEST ? "> " : "< ", dialog, at_ns);
	text_format(&l->told, "gap %llu\n", (unsigned long long)len);
	drop_if_wanted(l, dialog, "gap");
}

static void on_end(void *ctx, struct dialog *dialog, enum side side, int64_t at_ns)
{
	struct listener *l = ctx;

	tell_about(l, side == SIDE_REQUEST ? "> end\n" : "< end\n", dialog, at_ns);
	drop_if_wanted(l, dialog, "end");
}

static void on_close(void *ctx, struct dialog *dialog, const char *end, int64_t at_ns)
{
	struct listener *l = ctx;

	tell_about(l, "close ", dialog, at_ns);
	text_format(&l->told, "%s%s\n", end, dialog->client_gone ? " gone" : "");
}

static bool on_keep(void *ctx, struct dialog *dialog, const char *end)
{
	struct listener *l = ctx;

	(void)dialog;
	(void)end;
	return l->keeps > 0 && l->keeps-- > 0;
}

static void on_other(void *ctx, struct span frame, uint32_t wire_len, int64_t at_ns)
{
	struct listener *l = ctx;

	(void)frame;
	(void)wire_len;
	text_format(&l->told, "%lld other\n",
		    (long long)((at_ns - PACKETS_START_NS) / MS_NS));
}

static const struct dialogs_ops OPS = {
	.open = on_open,
	.bytes = on_bytes,
	.gap = on_gap,
	.end = on_end,
	.close = on_close,
	.keep = on_keep,
	.other = on_other,
};

static struct proxy proxy_of(const char *name, enum transport transport,
			     const char *listen, uint16_t listen_port,
			     const char *upstream, uint16_t upstream_port)
{
	struct proxy proxy = {.name = name, .idle_ns = 100 * MS_NS};

	proxy.listen.transport = proxy.upstream.transport = transport;
	proxy.listen.port = listen_port;
	proxy.upstream.port = upstream_port;
	strcpy(proxy.listen.host, listen);
	strcpy(proxy.upstream.host, upstream);
	return proxy;
}

/* Two proxies for the packets' server: "web" for TCP, "dns" for UDP. */
static void proxies_init(struct proxy proxies[2])
{
	proxies[0] = proxy_of("web", TRANSPORT_TCP, "127.0.0.1", 0, PACKETS_SERVER, PORT);
	proxies[1] = proxy_of("dns", TRANSPORT_UDP, "127.0.0.1", 0, PACKETS_SERVER, PORT);
}

static void listen_to(struct listener *l, const struct packets *packets)
{
	struct proxy proxies[2];

	proxies_init(proxies);
	l->dialogs = dialogs_new(LINK_ETHERNET, proxies, 2, &OPS, l);
	for (size_t i = 0; i < packets->num; i++) {
		struct trace_packet packet = packets_get(packets, i);

		dialogs_packet(l->dialogs, &packet);
	}
	dialogs_finish(l->dialogs);
	dialogs_free(l->dialogs);
}

/* --- conversations --- */

struct row {
	const char *name;
	const char *drop_at;
	unsigned keeps;
	struct step steps[STEPS_MAX];
	const char *told;
};

#define SHAKE(at)                           \
	CLIENT(at, .flags = "S", .seq = 99) \
	, SERVER(at, .flags = "SA", .seq = 499, .ack = 100)

static const struct row ROWS[] = {
	{
		.name = "a connection from SYN to both ends",
		.steps = {SHAKE(0), CLIENT(1, .flags = "A", .seq = 100, .ack = 500),
			  CLIENT(2, .flags = "AP", .seq = 100, .ack = 500,
				 .bytes = "ask"),
			  SERVER(3, .flags = "AP", .seq = 500, .ack = 103, .bytes = "hi"),
			  CLIENT(4, .flags = "AF", .seq = 103, .ack = 502),
			  SERVER(5, .flags = "AF", .seq = 502, .ack = 104),
			  CLIENT(6, .flags = "A", .seq = 104, .ack = 503)},
		.told = "0 0 open web:1000\n2 0 > ask\n3 0 < hi\n4 0 > end\n5 0 < end\n"
			"5 0 close eof\n",
	},
	{
		.name = "segments come again, and out of order",
		.steps = {SHAKE(0), CLIENT(1, .flags = "A", .seq = 103, .bytes = "def"),
			  CLIENT(2, .flags = "A", .seq = 100, .bytes = "abc"),
			  CLIENT(3, .flags = "A", .seq = 100, .bytes = "abc"),
			  CLIENT(4, .flags = "AF", .seq = 104, .bytes = "efgh")},
		.told = "0 0 open web:1000\n2 0 > abc\n2 0 > def\n4 0 > gh\n4 0 > end\n"
			"4 0 close trace-end\n",
	},
	{
		.name = "bytes that the server acknowledged are a gap of the trace",
		.steps = {SHAKE(0), CLIENT(1, .flags = "A", .seq = 103, .bytes = "def"),
			  SERVER(2, .flags = "A", .seq = 500, .ack = 106)},
		.told = "0 0 open web:1000\n2 0 > gap 3\n2 0 > def\n"
			"2 0 close trace-end\n",
	},
	{
		.name = "at the end what waits behind a hole is told",
		.steps = {SHAKE(0), CLIENT(1, .flags = "AF", .seq = 102, .bytes = "d"),
			  SERVER(2, .flags = "AF", .seq = 500)},
		.told = "0 0 open web:1000\n2 0 < end\n2 0 > gap 2\n2 0 > d\n2 0 > end\n"
			"2 0 close eof\n",
	},
	{
		.name = "a snapshot length leaves a gap",
		.steps = {SHAKE(0),
			  CLIENT(1, .flags = "A", .seq = 100, .bytes = "abcd",
				 .missing = 2),
			  CLIENT(2, .flags = "A", .seq = 104, .bytes = "e"),
			  SERVER(3, .flags = "A", .seq = 500, .ack = 105)},
		.told = "0 0 open web:1000\n1 0 > ab\n3 0 > gap 2\n3 0 > e\n"
			"3 0 close trace-end\n",
	},
	{
		.name = "the client's reset",
		.steps = {SHAKE(0), CLIENT(1, .flags = "R", .seq = 100),
			  SERVER(2, .flags = "A", .seq = 500, .bytes = "late")},
		.told = "0 0 open web:1000\n1 0 close client-reset\n",
	},
	{
		.name = "the server's reset, as of a port where nobody listens",
		.steps = {CLIENT(0, .flags = "S", .seq = 99),
			  SERVER(1, .flags = "RA", .ack = 100)},
		.told = "0 0 open web:1000\n1 0 close server-reset\n",
	},
	{
		.name = "begun in the middle by the client",
		.steps = {CLIENT(0, .flags = "A", .seq = 7000, .bytes = "x"),
			  SERVER(1, .flags = "A", .seq = 9000, .bytes = "y")},
		.told = "0 0 open web:1000 midstream\n0 0 > x\n1 0 < y\n"
			"1 0 close trace-end\n",
	},
	{
		.name = "begun in the middle by the server",
		.steps = {SERVER(0, .flags = "A", .seq = 9000, .bytes = "y"),
			  CLIENT(1, .flags = "A", .seq = 7000, .bytes = "x")},
		.told = "0 0 open web:1000 midstream\n0 0 < y\n1 0 > x\n"
			"1 0 close trace-end\n",
	},
	{
		.name = "a reset opens nothing",
		.steps = {CLIENT(0, .flags = "R", .seq = 7000)},
		.told = "0 other\n",
	},
	{
		.name = "a SYN with another number opens a closed connection's ports "
			"anew",
		.steps = {CLIENT(0, .flags = "S", .seq = 99),
			  SERVER(1, .flags = "RA", .ack = 100),
			  CLIENT(2, .flags = "S", .seq = 99),
			  CLIENT(3, .flags = "S", .seq = 777),
			  CLIENT(4, .flags = "A", .seq = 778, .bytes = "x")},
		.told = "0 0 open web:1000\n1 0 close server-reset\n3 1 open web:1000\n"
			"4 1 > x\n4 1 close trace-end\n",
	},
	{
		.name = "a SYN with another number ends a connection that was left open",
		.steps = {SHAKE(0), CLIENT(1, .flags = "S", .seq = 99),
			  CLIENT(2, .flags = "S", .seq = 777)},
		.told = "0 0 open web:1000\n2 0 close client-reset\n2 1 open web:1000\n"
			"2 1 close trace-end\n",
	},
	{
		.name = "times never run back",
		.steps = {SHAKE(5), CLIENT(9, .flags = "A", .seq = 100, .bytes = "a"),
			  CLIENT(2, .flags = "A", .seq = 101, .bytes = "b"),
			  CLIENT(10, .flags = "A", .seq = 102, .bytes = "c")},
		.told = "0 0 open web:1000\n4 0 > a\n4 0 > b\n5 0 > c\n"
			"5 0 close trace-end\n",
	},
	{
		.name = "a connection dropped at its bytes is swallowed from there on",
		.drop_at = "bytes",
		.steps = {SHAKE(0), CLIENT(1, .flags = "AF", .seq = 100, .bytes = "a"),
			  SERVER(2, .flags = "AF", .seq = 500, .bytes = "b"),
			  CLIENT(3, .flags = "S", .seq = 4000)},
		.told = "0 0 open web:1000\n1 0 > a\n3 1 open web:1000\n"
			"3 1 close trace-end\n",
	},
	{
		.name = "a connection dropped when it opens is swallowed",
		.drop_at = "open",
		.steps = {SHAKE(0), CLIENT(1, .flags = "A", .seq = 100, .bytes = "a")},
		.told = "0 0 open web:1000\n",
	},
	{
		.name = "a connection dropped at its last end is not closed",
		.drop_at = "end",
		.steps = {SHAKE(0), CLIENT(1, .flags = "AF", .seq = 100),
			  SERVER(1, .flags = "AF", .seq = 500)},
		.told = "0 0 open web:1000\n1 0 > end\n",
	},
	{
		.name = "a connection dropped at a gap",
		.drop_at = "gap",
		.steps = {SHAKE(0), CLIENT(1, .flags = "A", .seq = 103, .bytes = "def"),
			  SERVER(2, .flags = "A", .seq = 500, .ack = 106)},
		.told = "0 0 open web:1000\n2 0 > gap 3\n",
	},
	{
		.name = "sessions by client, until the trace ends",
		.steps = {CLIENT(0, .bytes = "a"), CLIENT(1, .conn = 1, .bytes = "b"),
			  SERVER(2, .bytes = "A"), SERVER(3, .conn = 1, .bytes = "")},
		.told = "0 0 open dns:1000\n0 0 > a\n1 1 open dns:1001\n1 1 > b\n"
			"2 0 < A\n3 1 < \n3 0 close trace-end\n3 1 close trace-end\n",
	},
	{
		.name = "a session becomes idle at its time, not when that is noticed",
		.steps = {CLIENT(0, .bytes = "a"), SERVER(60, .bytes = "A"),
			  CLIENT(500, .bytes = "b")},
		.told = "0 0 open dns:1000\n0 0 > a\n60 0 < A\n160 0 close idle\n"
			"500 1 open dns:1000\n500 1 > b\n500 1 close trace-end\n",
	},
	{
		.name = "a datagram just before its session is idle keeps it",
		.steps = {CLIENT(0, .bytes = "a"), CLIENT(99, .bytes = "b"),
			  CLIENT(198, .bytes = "c")},
		.told = "0 0 open dns:1000\n0 0 > a\n99 0 > b\n198 0 > c\n"
			"198 0 close trace-end\n",
	},
	{
		.name = "a session that is kept is asked about again",
		.keeps = 2,
		.steps = {CLIENT(0, .bytes = "a"), CLIENT(1000, .bytes = "b")},
		.told = "0 0 open dns:1000\n0 0 > a\n300 0 close idle\n"
			"1000 1 open dns:1000\n1000 1 > b\n1000 1 close trace-end\n",
	},
	{
		.name = "a session that was dropped opens anew",
		.drop_at = "bytes",
		.steps = {CLIENT(0, .bytes = "a"), SERVER(1, .bytes = "A")},
		.told = "0 0 open dns:1000\n0 0 > a\n1 1 open dns:1000 midstream\n"
			"1 1 < A\n1 1 close trace-end\n",
	},
	{
		.name = "what was cut of a datagram is zeros",
		.steps = {CLIENT(0, .bytes = "abc", .missing = 2)},
		.told = "0 0 open dns:1000\n0 0 > a00\n0 0 close trace-end\n",
	},
};

static size_t num_steps(const struct step *steps)
{
	size_t num = 0;

	while (num < STEPS_MAX && (steps[num].flags || steps[num].bytes)) {
		num++;
	}
	return num;
}

static void conversations_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *row = &ROWS[i];
		struct listener l = {.drop_at = row->drop_at, .keeps = row->keeps};
		struct packets packets = {0};

		packets_steps(&packets, row->steps, num_steps(row->steps), PORT);
		listen_to(&l, &packets);
		if (strcmp(text_cstr(&l.told), row->told) != 0) {
			fail_msg("%s:\n%s", row->name, text_cstr(&l.told));
		}
		packets_done(&packets);
		text_done(&l.told);
	}
}

/* --- sessions that end by their replies --- */

static void sessions_end_after_their_replies(void **state)
{
	static const struct step steps[] = {
		CLIENT(0, .bytes = "a"),
		SERVER(1, .bytes = "A"),
		SERVER(2, .bytes = "B"),
		CLIENT(3, .bytes = "c"),
	};
	struct proxy proxies[2];
	struct packets packets = {0};
	struct listener l = {0};

	(void)state;
	proxies_init(proxies);
	proxies[1].replies = 2;
	packets_steps(&packets, steps, 4, PORT);
	l.dialogs = dialogs_new(LINK_ETHERNET, proxies, 2, &OPS, &l);
	for (size_t i = 0; i < packets.num; i++) {
		struct trace_packet packet = packets_get(&packets, i);

		dialogs_packet(l.dialogs, &packet);
	}
	assert_string_equal(text_cstr(&l.told), "0 0 open dns:1000\n0 0 > a\n1 0 < A\n"
						"2 0 < B\n2 0 close replies\n"
						"3 1 open dns:1000\n3 1 > c\n");
	dialogs_free(l.dialogs);
	packets_done(&packets);
	text_done(&l.told);
}

/* --- whose they are --- */

struct match_row {
	const char *name;
	const char *client, *server;
	uint16_t port;
	const char *proxy; /* NULL: nobody's */
};

static void the_best_proxy_has_the_dialog(void **state)
{
	const struct proxy proxies[] = {
		proxy_of("port", TRANSPORT_TCP, "192.0.2.1", 0, "192.0.2.2", 80),
		proxy_of("listen", TRANSPORT_TCP, "10.0.0.9", 80, "192.0.2.3", 1),
		proxy_of("upstream", TRANSPORT_TCP, "10.0.0.9", 1, "10.0.0.9", 80),
		proxy_of("any", TRANSPORT_TCP, "0.0.0.0", 81, "192.0.2.3", 2),
		proxy_of("named", TRANSPORT_TCP, "192.0.2.1", 0, "db.example", 82),
		proxy_of("local", TRANSPORT_TCP, "192.0.2.1", 0, "localhost", 83),
		proxy_of("other-host", TRANSPORT_TCP, "192.0.2.1", 0, "192.0.2.7", 83),
		proxy_of("mapped", TRANSPORT_TCP, "192.0.2.1", 0, "::ffff:10.0.0.5", 84),
		proxy_of("six", TRANSPORT_TCP, "::", 85, "2001:db8::1", 86),
		proxy_of("unix", TRANSPORT_UNIX, "/run/x", 0, "/run/y", 0),
		proxy_of("udp", TRANSPORT_UDP, "192.0.2.1", 87, "10.0.0.2", 88),
	};
	static const struct match_row rows[] = {
		{"upstream before listen", "10.0.0.1", "10.0.0.9", 80, "upstream"},
		{"by port alone", "10.0.0.1", "10.0.0.2", 80, "port"},
		{"listening on any address", "10.0.0.1", "10.0.0.2", 81, "any"},
		{"a name is any address", "10.0.0.1", "10.0.0.2", 82, "named"},
		{"localhost is loopback", "127.0.0.1", "127.0.0.1", 83, "local"},
		{"localhost is IPv6's too", "::1", "::1", 83, "local"},
		{"localhost is no other address", "10.0.0.1", "192.0.2.7", 83,
		 "other-host"},
		{"a mapped address is IPv4", "10.0.0.1", "10.0.0.5", 84, "mapped"},
		{"IPv6", "2001:db8::2", "2001:db8::1", 86, "six"},
		{"any of IPv6 is any", "10.0.0.1", "10.0.0.2", 85, "six"},
		{"no proxy has the port", "10.0.0.1", "10.0.0.2", 8080, NULL},
		{"datagrams' port is not a stream's", "10.0.0.1", "10.0.0.2", 88, NULL},
		{"port 0 is nobody's", "10.0.0.1", "10.0.0.2", 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet_path path =
			packets_path(0, rows[i].client, rows[i].server, rows[i].port);
		struct packet_tcp syn = {.flags = PACKET_SYN, .seq = 9, .mss = 1460};
		struct packets packets = {0};
		struct listener l = {0};
		struct trace_packet packet;
		char wanted[64];

		packets_tcp(&packets, 0, &path, &syn, (struct span){0});
		packet = packets_get(&packets, 0);
		l.dialogs = dialogs_new(LINK_ETHERNET, proxies,
					sizeof(proxies) / sizeof(proxies[0]), &OPS, &l);
		dialogs_packet(l.dialogs, &packet);
		snprintf(wanted, sizeof(wanted),
			 rows[i].proxy ? "0 0 open %s:1000\n" : "0 other\n",
			 rows[i].proxy);
		if (strcmp(text_cstr(&l.told), wanted) != 0) {
			fail_msg("%s: %s", rows[i].name, text_cstr(&l.told));
		}
		assert_int_equal(dialogs_stats(l.dialogs).other_flows_seen,
				 rows[i].proxy == NULL);
		dialogs_free(l.dialogs);
		packets_done(&packets);
		text_done(&l.told);
	}
}

static void servers_of_no_proxy_are_remembered(void **state)
{
	struct proxy proxies[2];
	struct dialogs_stranger strangers[DIALOGS_STRANGERS_MAX];
	struct listener l = {0};
	struct packets packets = {0};

	(void)state;
	proxies_init(proxies);
	for (int i = 0; i < 2 * (DIALOGS_STRANGERS_MAX + 1); i++) {
		packets_step(&packets, &(struct step){.conn = i, .flags = "S", .seq = 1},
			     (uint16_t)(100 + i / 2));
	}
	l.dialogs = dialogs_new(LINK_ETHERNET, proxies, 2, &OPS, &l);
	for (size_t i = 0; i < packets.num; i++) {
		struct trace_packet packet = packets_get(&packets, i);

		dialogs_packet(l.dialogs, &packet);
	}
	assert_int_equal(dialogs_strangers(l.dialogs, strangers), DIALOGS_STRANGERS_MAX);
	assert_int_equal(strangers[0].port, 100);
	assert_int_equal(strangers[DIALOGS_STRANGERS_MAX - 1].port,
			 100 + DIALOGS_STRANGERS_MAX - 1);
	assert_int_equal(strangers[0].transport, TRANSPORT_TCP);
	dialogs_free(l.dialogs);
	packets_done(&packets);
	text_done(&l.told);
}

/* --- the table --- */

static void ignore_bytes(void *ctx, struct dialog *dialog, enum side side,
			 struct span bytes, int64_t at_ns)
{
	(void)ctx;
	(void)dialog;
	(void)side;
	(void)bytes;
	(void)at_ns;
}

struct counter {
	uint64_t opened, closed, first_evicted;
};

static void count_open(void *ctx, struct dialog *dialog, int64_t at_ns)
{
	struct counter *counter = ctx;

	(void)dialog;
	(void)at_ns;
	counter->opened++;
}

static void count_close(void *ctx, struct dialog *dialog, const char *end, int64_t at_ns)
{
	struct counter *counter = ctx;

	(void)at_ns;
	if (strcmp(end, "evicted") == 0) {
		counter->first_evicted = dialog->serial;
	}
	counter->closed++;
}

static void the_longest_unused_gives_way(void **state)
{
	static const struct dialogs_ops ops = {.open = count_open,
					       .bytes = ignore_bytes,
					       .close = count_close};
	struct counter counter = {0};
	struct proxy proxies[2];
	struct dialogs *dialogs;
	struct packets packets = {0};
	struct trace_packet packet;

	(void)state;
	proxies_init(proxies);
	packets_step(&packets, &(struct step){.bytes = "a"}, PORT);
	packet = packets_get(&packets, 0);
	dialogs = dialogs_new(LINK_ETHERNET, proxies, 2, &ops, &counter);
	for (int i = 0; i < DIALOGS_MAX; i++) {
		/* The client's address and port, in place: no checksum is looked at. */
		uint8_t *frame = (uint8_t *)packets.bytes.data;

		frame[PACKET_ETHER_BYTES + 14] = (uint8_t)(i >> 8);
		frame[PACKET_ETHER_BYTES + 15] = (uint8_t)i;
		dialogs_packet(dialogs, &packet);
	}
	assert_int_equal(dialogs_stats(dialogs).evicted, 0);
	packets.bytes.data[PACKET_ETHER_BYTES + 14] = 0;
	packets.bytes.data[PACKET_ETHER_BYTES + 15] = 0;
	dialogs_packet(dialogs, &packet); /* the first is used again */
	packets.bytes.data[PACKET_ETHER_BYTES + 13] = 7;
	dialogs_packet(dialogs, &packet);
	assert_int_equal(dialogs_stats(dialogs).evicted, 1);
	assert_int_equal(counter.first_evicted, 1);
	dialogs_finish(dialogs);
	assert_int_equal(counter.opened, DIALOGS_MAX + 1);
	assert_int_equal(counter.closed, DIALOGS_MAX + 1);
	dialogs_free(dialogs);
	packets_done(&packets);
}

static void a_damaged_packet_is_nobodys(void **state)
{
	static const struct step steps[] = {SHAKE(0), SERVER(1, .flags = "A", .seq = 500,
							     .bytes = "abc")};
	struct listener l = {0};
	struct packets packets = {0};

	(void)state;
	packets_steps(&packets, steps, 3, PORT);
	packets.list[2].len = PACKET_ETHER_BYTES + 20 + 10; /* cut in its TCP header */
	listen_to(&l, &packets);
	assert_string_equal(text_cstr(&l.told),
			    "0 0 open web:1000\n1 other\n1 0 close trace-end\n");
	packets_done(&packets);
	text_done(&l.told);
}

static void only_times_before_the_one_in_front_run_backwards(void **state)
{
	static const int at_ms[] = {5, 9, 2, 3, 10, 9};
	struct proxy proxies[2];
	struct listener l = {0};
	struct packets packets = {0};

	(void)state;
	proxies_init(proxies);
	l.dialogs = dialogs_new(LINK_ETHERNET, proxies, 2, &OPS, &l);
	for (size_t i = 0; i < sizeof(at_ms) / sizeof(at_ms[0]); i++) {
		struct trace_packet packet;

		packets_add(&packets, at_ms[i], span_str("x"));
		packet = packets_get(&packets, i);
		dialogs_packet(l.dialogs, &packet);
	}
	assert_int_equal(dialogs_stats(l.dialogs).backwards, 2);
	assert_int_equal(dialogs_start_ns(l.dialogs), PACKETS_START_NS + 5 * MS_NS);
	dialogs_free(l.dialogs);
	packets_done(&packets);
	text_done(&l.told);
}

/* --- fragments --- */

/* The first `len` bytes of the datagram's payload in front of the rest, as two fragments
 * (RFC 791 §3.1): len is a multiple of 8. */
static void add_fragments(struct packets *packets, int at_ms, size_t len, bool whole)
{
	enum { IP_BYTES = 20 };
	struct packets made = {0};
	struct trace_packet packet;
	uint8_t frame[256];
	size_t head = PACKET_ETHER_BYTES + IP_BYTES;

	packets_step(&made, &(struct step){.bytes = "a datagram in two parts"}, PORT);
	packet = packets_get(&made, 0);
	memcpy(frame, packet.bytes.data, packet.bytes.len);
	frame[PACKET_ETHER_BYTES + 2] = 0;
	frame[PACKET_ETHER_BYTES + 3] = (uint8_t)(IP_BYTES + len);
	frame[PACKET_ETHER_BYTES + 6] = 0x20; /* more follow */
	packets_add(packets, at_ms, span_of(frame, head + len));
	if (whole) {
		size_t rest = packet.bytes.len - head - len;

		frame[PACKET_ETHER_BYTES + 3] = (uint8_t)(IP_BYTES + rest);
		frame[PACKET_ETHER_BYTES + 6] = 0;
		frame[PACKET_ETHER_BYTES + 7] = (uint8_t)(len / 8);
		memcpy(frame + head, packet.bytes.data + head + len, rest);
		packets_add(packets, at_ms + 1, span_of(frame, head + rest));
	}
	packets_done(&made);
}

static void fragments_are_one_datagram_or_nobodys(void **state)
{
	struct listener l = {0};
	struct packets packets = {0};

	(void)state;
	add_fragments(&packets, 0, 16, true);
	add_fragments(&packets, 5, 16, false);
	listen_to(&l, &packets);
	assert_string_equal(text_cstr(&l.told),
			    "1 0 open dns:1000\n1 0 > a datagram in two parts\n"
			    "5 other\n5 0 close trace-end\n");
	packets_done(&packets);
	text_done(&l.told);
}

/* --- captures of ours --- */

static struct runframe frame_of(enum runframe_kind kind, uint64_t flow, const char *word)
{
	struct runframe frame = {.kind = kind, .flow = flow, .pieces = 1};
	struct packet_path path = packets_path(0, PACKETS_CLIENT, PACKETS_SERVER, PORT);

	strcpy(frame.word, word);
	frame.from = path.from;
	frame.to = path.to;
	frame.from_port = path.from_port;
	frame.to_port = path.to_port;
	return frame;
}

static void add_frame(struct packets *packets, int at_ms, enum runframe_kind kind,
		      uint64_t flow, const char *word)
{
	struct runframe frame = frame_of(kind, flow, word);

	if (kind == RUNFRAME_CONNECTED) {
		frame.from_port = 2000; /* the proxy's face to a server at port 81 */
		frame.to_port = 81;
	}
	if (kind == RUNFRAME_HEADER) {
		frame.bytes = span_str("{}");
	}
	packets_run(packets, at_ms, &frame);
}

static void a_runs_own_frames_say_what_belongs_together(void **state)
{
	static const struct step client_face[] = {
		SHAKE(2),
		CLIENT(3, .flags = "A", .seq = 100, .ack = 500, .bytes = "ask"),
		/* What the run sent is passed over. */
		SERVER(4, .flags = "A", .seq = 500, .ack = 103, .bytes = "lie"),
		SERVER(4, .flags = "RA", .seq = 503),
	};
	static const struct step server_face[] = {
		{5, .conn = 1000, .flags = "S", .seq = 900},
		{6, .conn = 1000, .flags = "A", .seq = 901, .bytes = "ASK"},
		{7, .by_server = true, .conn = 1000, .flags = "SA", .seq = 700},
		{8, .by_server = true, .conn = 1000, .flags = "A", .seq = 701,
		 .bytes = "truth"},
		{8, .by_server = true, .conn = 1000, .flags = "AF", .seq = 706},
	};
	struct listener l = {0};
	struct packets packets = {0};

	(void)state;
	add_frame(&packets, 0, RUNFRAME_HEADER, 0, "");
	add_frame(&packets, 1, RUNFRAME_OPEN, 7, "web");
	packets_steps(&packets, client_face, 5, PORT);
	add_frame(&packets, 5, RUNFRAME_CONNECTED, 7, "");
	packets_steps(&packets, server_face, 5, 81);
	add_frame(&packets, 8, RUNFRAME_GONE, 7, "");
	packets_step(&packets, &(struct step){9, .conn = 5, .flags = "S", .seq = 1},
		     PORT);
	add_frame(&packets, 10, RUNFRAME_CLOSE, 7, "server-reset");
	packets_step(&packets, &client_face[2], PORT);
	listen_to(&l, &packets);
	assert_string_equal(text_cstr(&l.told),
			    "1 0 open web:1000\n3 0 > ask\n8 0 < truth\n8 0 < end\n"
			    "9 other\n10 0 close server-reset gone\n3 other\n");
	packets_done(&packets);
	text_done(&l.told);
}

static void a_gone_client_is_known_before_the_packet_in_front(void **state)
{
	struct proxy proxies[2];
	struct listener l = {0};
	struct packets packets = {0};
	struct trace_packet packet;

	(void)state;
	proxies_init(proxies);
	add_frame(&packets, 0, RUNFRAME_HEADER, 0, "");
	add_frame(&packets, 1, RUNFRAME_OPEN, 7, "web");
	add_frame(&packets, 2, RUNFRAME_CLOSE, 7, "eof");
	add_frame(&packets, 2, RUNFRAME_GONE, 7, "");
	add_frame(&packets, 4, RUNFRAME_HEADER, 0, "");
	l.dialogs = dialogs_new(LINK_ETHERNET, proxies, 2, &OPS, &l);
	for (size_t i = 0; i < packets.num; i++) {
		packet = packets_get(&packets, i);
		dialogs_packet(l.dialogs, &packet);
	}
	assert_string_equal(text_cstr(&l.told),
			    "1 0 open web:1000\n2 0 close eof gone\n");
	/* The last frame waits for what may stand behind it. */
	assert_int_equal(dialogs_time(l.dialogs, &packet), 4 * MS_NS);
	dialogs_free(l.dialogs);
	packets_done(&packets);
	text_done(&l.told);
}

static void a_flow_of_a_proxy_that_the_rules_lack_is_nobodys(void **state)
{
	static const struct step steps[] = {SHAKE(2)};
	struct listener l = {0};
	struct packets packets = {0};

	(void)state;
	add_frame(&packets, 0, RUNFRAME_HEADER, 0, "");
	add_frame(&packets, 1, RUNFRAME_OPEN, 7, "gone");
	packets_steps(&packets, steps, 2, PORT);
	add_frame(&packets, 3, RUNFRAME_CLOSE, 7, "eof");
	listen_to(&l, &packets);
	assert_string_equal(text_cstr(&l.told), "2 other\n2 other\n");
	packets_done(&packets);
	text_done(&l.told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations_are_told),
		cmocka_unit_test(sessions_end_after_their_replies),
		cmocka_unit_test(the_best_proxy_has_the_dialog),
		cmocka_unit_test(servers_of_no_proxy_are_remembered),
		cmocka_unit_test(the_longest_unused_gives_way),
		cmocka_unit_test(a_damaged_packet_is_nobodys),
		cmocka_unit_test(only_times_before_the_one_in_front_run_backwards),
		cmocka_unit_test(fragments_are_one_datagram_or_nobodys),
		cmocka_unit_test(a_runs_own_frames_say_what_belongs_together),
		cmocka_unit_test(a_gone_client_is_known_before_the_packet_in_front),
		cmocka_unit_test(a_flow_of_a_proxy_that_the_rules_lack_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
