#include "codec/flowfilter.h"

#include "base/arena.h"
#include "codec/packet.h"

#include <pcap.h>
#include <stdlib.h>

struct flowfilter {
	bool empty; /* no expression: matches flows without addresses as well */
	struct bpf_program program;
};

struct flowfilter *flowfilter_new(const char *expression, struct err *err)
{
	enum { SNAPLEN = 65535, OPTIMIZE = 1 };
	pcap_t *compiler = pcap_open_dead(DLT_RAW, SNAPLEN);
	struct flowfilter *filter;

	if (!compiler) {
		err_set(err, ERR_MEMORY, "no memory for the filter \"%s\"", expression);
		return NULL;
	}
	filter = xcalloc(1, sizeof(*filter));
	filter->empty = expression[strspn(expression, " \t")] == '\0';
	if (pcap_compile(compiler, &filter->program, expression, OPTIMIZE,
			 PCAP_NETMASK_UNKNOWN) != 0) {
		err_set(err, ERR_INPUT, "%s: \"%s\"", pcap_geterr(compiler), expression);
		free(filter);
		filter = NULL;
	}
	pcap_close(compiler);
	return filter;
}

void flowfilter_free(struct flowfilter *filter)
{
	if (filter) {
		pcap_freecode(&filter->program);
		free(filter);
	}
}

/* The flow's first packet: a SYN, or a datagram without payload. 0: there is none. */
static size_t flow_packet(uint8_t *out, const struct flow_addrs *addrs)
{
	static const struct packet_tcp syn = {.flags = PACKET_SYN,
					      .window = 65535,
					      .mss = 1460};
	struct packet_path path = {addrs->client, addrs->server, addrs->client_port,
				   addrs->server_port};

	if (addrs->transport == TRANSPORT_UNIX || path.from.len_bytes == 0 ||
	    path.to.len_bytes == 0) {
		return 0;
	}
	packet_same_family(&path.from, &path.to);
	if (addrs->transport == TRANSPORT_UDP) {
		return packet_udp(out, &path, (struct span){0});
	}
	return packet_tcp(out, &path, &syn, (struct span){0});
}

bool flowfilter_match(const struct flowfilter *filter, const struct flow_addrs *addrs)
{
	uint8_t packet[PACKET_HEADERS_MAX];
	size_t len = flow_packet(packet, addrs);
	struct pcap_pkthdr head = {.caplen = (bpf_u_int32)len, .len = (bpf_u_int32)len};

	if (len == 0) {
		return filter->empty;
	}
	return pcap_offline_filter(&filter->program, &head, packet) != 0;
}
