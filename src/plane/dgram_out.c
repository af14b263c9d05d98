/* What leaves a datagram proxy: gathered while a batch is judged, then sent in as few
 * system calls as the receivers allow.
 *
 * Datagrams for one socket go out in one sendmmsg(). Within it, neighbours of one length
 * for one receiver are handed to the kernel as one message that it cuts again
 * (UDP_SEGMENT, udp(7)), which spares each of them a way through the stack. What arrives
 * is the same.
 */
#include "plane/capture.h"
#include "plane/dgram_session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>

enum {
	SEGMENTS_MAX = 64, /* UDP_MAX_SEGMENTS in Linux before 6.9 */
	SEGMENT_BYTES_MAX =
		1452, /* fits an Ethernet frame over IPv6: larger ones may be cut by IP */
	SEGMENTED_BYTES_MAX = 60000, /* of one such message, below the 65,507 of UDP */
	SEGMENT_REFUSALS_MAX = 4,    /* then the way out does not know them */
};

void dgram_note_lost(struct dgram *dgram, int error)
{
	if (dgram->lost++ == 0) {
		live_note(dgram->live, dgram->proxy->name, "send-lost", strerror(error));
	}
}

void dgram_note_unreachable(struct session *session)
{
	/* It may have ended while its last datagrams were gathered. */
	const char *lane = session->flow ? flow_lane_name(session->flow) : NULL;
	char upstream[NETADDR_TEXT_MAX], text[256];

	if (!session->unreachable_noted) {
		session->unreachable_noted = true;
		netaddr_format(&session->dgram->upstream, upstream);
		snprintf(text, sizeof(text),
			 "%s: nobody listens on %s (ICMP unreachable)", lane ? lane : "?",
			 upstream);
		live_note(session->dgram->live, session->dgram->proxy->name,
			  "upstream-unreachable", text);
	}
}

/* A message to the kernel: the datagrams [from, from + num) of dgram->out. */
struct message {
	int from, num;
	char control[CMSG_SPACE(sizeof(uint16_t))]
		__attribute__((aligned(__alignof__(struct cmsghdr))));
};

static bool same_socket(const struct outgoing *a, const struct outgoing *b)
{
	return a->side == b->side && (a->side == SIDE_REPLY || a->session == b->session);
}

/* How many of out[from..to) the kernel may take as one message and cut again: all as long
 * as the first, but the last, which may be shorter. */
static int segments_at(const struct dgram *dgram, int from, int to)
{
	const struct outgoing *first = &dgram->out[from];
	size_t bytes = first->len;
	int num = 1;

	if (dgram->segments_refused >= SEGMENT_REFUSALS_MAX || first->len == 0 ||
	    first->len > SEGMENT_BYTES_MAX) {
		return 1;
	}
	while (from + num < to && num < SEGMENTS_MAX) {
		const struct outgoing *next = &dgram->out[from + num];

		if (next->session != first->session || next->len > first->len ||
		    next->len == 0 || bytes + next->len > SEGMENTED_BYTES_MAX) {
			break;
		}
		bytes += next->len;
		num++;
		if (next->len < first->len) {
			break;
		}
	}
	return num;
}

static void message_fill(struct dgram *dgram, const struct message *message,
			 struct iovec *iov, struct msghdr *out)
{
	const struct outgoing *first = &dgram->out[message->from];

	*out = (struct msghdr){
		.msg_iov = &iov[message->from],
		.msg_iovlen = (size_t)message->num,
	};
	if (first->side == SIDE_REPLY) {
		out->msg_name = &first->session->client.addr;
		out->msg_namelen = first->session->client.len;
	}
	if (message->num > 1) {
		uint16_t segment = (uint16_t)first->len;
		struct cmsghdr *header;

		out->msg_control = (void *)(uintptr_t)message->control;
		out->msg_controllen = sizeof(message->control);
		header = CMSG_FIRSTHDR(out);
		header->cmsg_level = IPPROTO_UDP;
		header->cmsg_type = UDP_SEGMENT;
		header->cmsg_len = CMSG_LEN(sizeof(segment));
		memcpy(CMSG_DATA(header), &segment, sizeof(segment));
	}
}

/* The first message was refused: datagrams one by one; what is refused then is lost, as
 * on any network. */
static void send_singly(struct dgram *dgram, int fd, const struct message *message,
			struct iovec *iov)
{
	for (int i = 0; i < message->num; i++) {
		struct message one = {.from = message->from + i, .num = 1};
		struct session *session = dgram->out[one.from].session;
		bool retried = false;
		struct msghdr header;

		message_fill(dgram, &one, iov, &header);
		while (sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno == EINTR) {
				continue;
			}
			/* A connected socket tells of an earlier ICMP error here; the
			 * datagram itself was not tried. */
			if (errno == ECONNREFUSED && !retried) {
				dgram_note_unreachable(session);
				retried = true;
				continue;
			}
			dgram_note_lost(dgram, errno);
			break;
		}
	}
}

static void send_messages(struct dgram *dgram, int fd, struct message *messages,
			  struct iovec *iov, int num)
{
	struct mmsghdr headers[DGRAM_BATCH];
	int done = 0;

	for (int i = 0; i < num; i++) {
		message_fill(dgram, &messages[i], iov, &headers[i].msg_hdr);
	}
	while (done < num) {
		int n = sendmmsg(fd, headers + done, (unsigned)(num - done),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			if (errno == ECONNREFUSED) {
				dgram_note_unreachable(
					dgram->out[messages[done].from].session);
				errno = ECONNREFUSED;
			}
			dgram->segments_refused += messages[done].num > 1 &&
						   errno != ECONNREFUSED &&
						   errno != EAGAIN;
			send_singly(dgram, fd, &messages[done], iov);
			n = 1;
		}
		done += n;
	}
}

/* The first num <= DGRAM_BATCH of dgram->out. */
static void send_batch(struct dgram *dgram, int num_out)
{
	struct message messages[DGRAM_BATCH];
	struct iovec iov[DGRAM_BATCH];
	int from = 0;

	for (int i = 0; i < num_out; i++) {
		const struct outgoing *out = &dgram->out[i];
		const void *data = out->data ? (const void *)out->data
					     : dgram->copies.data + out->from;

		iov[i] = (struct iovec){(void *)(uintptr_t)data, out->len};
	}
	while (from < num_out) {
		const struct outgoing *first = &dgram->out[from];
		int fd = first->side == SIDE_REPLY ? dgram->fd : first->session->fd;
		int to = from + 1, num = 0;

		while (to < num_out && same_socket(first, &dgram->out[to])) {
			to++;
		}
		while (from < to) {
			messages[num].from = from;
			messages[num].num = segments_at(dgram, from, to);
			from += messages[num++].num;
		}
		send_messages(dgram, fd, messages, iov, num);
	}
}

void dgram_send_out(struct dgram *dgram)
{
	struct outgoing *all = dgram->out;
	int left = dgram->num_out;

	while (left > 0) {
		int num = left < DGRAM_BATCH ? left : DGRAM_BATCH;

		send_batch(dgram, num);
		dgram->out += num;
		left -= num;
	}
	dgram->out = all;
	dgram->num_out = 0;
	text_clear(&dgram->copies);
}

static struct outgoing *out_append(struct dgram *dgram)
{
	if (dgram->num_out == dgram->out_room) {
		dgram->out_room = dgram->out_room ? 2 * dgram->out_room : DGRAM_BATCH;
		dgram->out = xrealloc(dgram->out,
				      (size_t)dgram->out_room * sizeof(*dgram->out));
	}
	return &dgram->out[dgram->num_out++];
}

static void session_mark(struct session *session, const char *end)
{
	if (!session->end) {
		session->end = end;
		session->next_marked = session->dgram->marked;
		session->dgram->marked = session;
	}
}

static bool within_buffers(const struct dgram *dgram, struct span bytes)
{
	return bytes.data >= dgram->buffers &&
	       bytes.data < dgram->buffers + (size_t)DGRAM_BATCH * DGRAM_BYTES_MAX;
}

static void on_send(void *ctx, enum side side, struct span bytes)
{
	struct session *session = ctx;
	struct dgram *dgram = session->dgram;
	struct outgoing *out;

	if (session->capture) {
		capture_flow_out(session->capture, side, bytes, live_now_ns(dgram->live));
	}
	if (side == SIDE_REPLY && ++session->replies == dgram->proxy->replies) {
		session_mark(session, "replies");
	}
	out = out_append(dgram);
	*out = (struct outgoing){.session = session, .side = side, .len = bytes.len};
	if (within_buffers(dgram, bytes)) {
		out->data = bytes.data;
	} else {
		out->from = dgram->copies.len;
		text_bytes(&dgram->copies, bytes.data, bytes.len);
	}
}

static void on_end(void *ctx, enum side side)
{
	(void)ctx;
	(void)side;
}

static void on_cut(void *ctx, enum flow_cut how)
{
	struct session *session = ctx;

	session_mark(session, how == FLOW_CUT_REFUSE  ? "refused"
			      : how == FLOW_CUT_RESET ? "rule-reset"
						      : "rule-close");
}

const struct flow_ops DGRAM_FLOW_OPS = {
	.send = on_send,
	.end = on_end,
	.cut = on_cut,
	.resume = on_end,
};
