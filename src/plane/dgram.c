/* UDP sessions. Datagrams are read many at a time (recvmmsg), judged one by one, and
 * gathered; dgram_out.c sends them.
 *
 * What leaves points into the read buffers while they are being fed, else into `copies`;
 * both live until the batch is sent at the end of the callback.
 */
#include "io/socket.h"
#include "plane/capture.h"
#include "plane/dgram_session.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* --- sessions --- */

static size_t bucket_of(const struct netaddr *client)
{
	/* Spread, not secrecy: the number of sessions is bounded. */
	const uint8_t *bytes = (const uint8_t *)&client->addr;
	uint64_t hash = 1469598103934665603ULL; /* FNV-1a */

	for (socklen_t i = 0; i < client->len; i++) {
		hash = (hash ^ bytes[i]) * 1099511628211ULL;
	}
	return (size_t)(hash ^ hash >> 32) & (DGRAM_BUCKETS - 1);
}

static bool same_client(const struct netaddr *a, const struct netaddr *b)
{
	return a->len == b->len && memcmp(&a->addr, &b->addr, a->len) == 0;
}

static void list_remove(struct session *session)
{
	struct dgram *dgram = session->dgram;

	*(session->older ? &session->older->newer : &dgram->oldest) = session->newer;
	*(session->newer ? &session->newer->older : &dgram->newest) = session->older;
}

static void list_append(struct session *session)
{
	struct dgram *dgram = session->dgram;

	session->older = dgram->newest;
	session->newer = NULL;
	*(dgram->newest ? &dgram->newest->newer : &dgram->oldest) = session;
	dgram->newest = session;
}

static void session_used(struct session *session, int64_t now_ns)
{
	session->used_ns = now_ns;
	if (session->dgram->newest != session) {
		list_remove(session);
		list_append(session);
	}
}

/* Takes the session out of everything; freed by free_done() once nothing points at it. */
static void session_end(struct session *session, const char *end)
{
	struct dgram *dgram = session->dgram;
	struct session **at = &dgram->buckets[bucket_of(&session->client)];

	while (*at != session) {
		at = &(*at)->next_in_bucket;
	}
	*at = session->next_in_bucket;
	list_remove(session);
	event_del(&session->event);
	flow_free(session->flow, end, live_now_ns(dgram->live));
	session->flow = NULL;
	capture_flow_free(session->capture, end, live_now_ns(dgram->live));
	session->capture = NULL;
	session->next_done = dgram->done;
	dgram->done = session;
	dgram->num_sessions--;
}

static void end_marked_sessions(struct dgram *dgram)
{
	while (dgram->marked) {
		struct session *session = dgram->marked;

		dgram->marked = session->next_marked;
		if (session->flow) {
			session_end(session, session->end);
		}
	}
}

static void free_done(struct dgram *dgram)
{
	end_marked_sessions(dgram); /* none may be in both lists */
	while (dgram->done) {
		struct session *next = dgram->done->next_done;

		close(dgram->done->fd);
		free(dgram->done);
		dgram->done = next;
	}
}

/* At the end of a callback: commit, send, free. */
static void settle(struct dgram *dgram)
{
	end_marked_sessions(dgram);
	if (!live_commit(dgram->live)) {
		dgram->num_out = 0; /* the run stops: nothing may leave unlogged */
	}
	dgram_send_out(dgram);
	free_done(dgram);
	live_settle(dgram->live);
}

static void plane_flush(struct live_plane *plane)
{
	struct dgram *dgram = (struct dgram *)plane;

	end_marked_sessions(dgram);
	dgram_send_out(dgram);
	free_done(dgram);
}

static void plane_cut_uncommitted(struct live_plane *plane)
{
	struct dgram *dgram = (struct dgram *)plane;
	int kept = 0;

	/* What was decided under a line that is not safe must not leave. */
	for (struct session *session = dgram->oldest; session; session = session->newer) {
		if (flow_take_fault(session->flow)) {
			session->end = "log-failed";
		}
	}
	for (int i = 0; i < dgram->num_out; i++) {
		if (!dgram->out[i].session->end) {
			dgram->out[kept++] = dgram->out[i];
		}
	}
	dgram->num_out = kept;
	for (struct session *session = dgram->oldest; session;) {
		struct session *next = session->newer;

		if (session->end) {
			session_end(session, session->end);
		}
		session = next;
	}
}

static bool session_pending(const struct session *session)
{
	return flow_pending(session->flow, SIDE_REQUEST) ||
	       flow_pending(session->flow, SIDE_REPLY);
}

static void arm_idle(struct dgram *dgram)
{
	loop_timer_set(dgram->idle,
		       dgram->oldest ? dgram->oldest->used_ns + dgram->proxy->idle_ns
				     : INT64_MAX);
}

static void on_idle(void *ctx)
{
	struct dgram *dgram = ctx;
	int64_t now_ns = live_now_ns(dgram->live);

	while (dgram->oldest &&
	       dgram->oldest->used_ns + dgram->proxy->idle_ns <= now_ns) {
		if (session_pending(dgram->oldest)) {
			session_used(dgram->oldest, now_ns); /* idle when that has left */
		} else {
			session_end(dgram->oldest, "idle");
		}
	}
	arm_idle(dgram);
	settle(dgram);
}

static void feed(struct session *session, enum side side, struct span bytes,
		 int64_t now_ns)
{
	if (session->capture) {
		capture_flow_in(session->capture, side, bytes, now_ns);
	}
	flow_feed(session->flow, side, bytes, now_ns);
	end_marked_sessions(session->dgram);
	if (session->dgram->num_out >= DGRAM_BATCH && live_commit(session->dgram->live)) {
		dgram_send_out(session->dgram);
	}
}

/* Reads up to a batch; < 0 with errno. */
static int read_batch(struct dgram *dgram, int fd)
{
	for (int i = 0; i < DGRAM_BATCH; i++) {
		dgram->in[i].msg_hdr.msg_namelen = sizeof(dgram->in_from[i]);
	}
	return recvmmsg(fd, dgram->in, DGRAM_BATCH, MSG_DONTWAIT, NULL);
}

static void on_upstream(evutil_socket_t fd, short what, void *ctx)
{
	struct session *session = ctx;
	struct dgram *dgram = session->dgram;
	int64_t now_ns = live_now_ns(dgram->live);
	int n = read_batch(dgram, fd);

	(void)what;
	if (n < 0 &&
	    (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH)) {
		dgram_note_unreachable(session);
	}
	if (n > 0) {
		session_used(session, now_ns);
	}
	for (int i = 0; i < n && session->flow; i++) {
		feed(session, SIDE_REPLY,
		     span_of(dgram->in_iov[i].iov_base, dgram->in[i].msg_len), now_ns);
	}
	settle(dgram);
}

static void capture_connected(struct session *session, int64_t now_ns)
{
	struct dgram *dgram = session->dgram;
	struct netaddr local = {.len = sizeof(local.addr)};
	struct flow_addrs server = {.transport = TRANSPORT_UDP,
				    .server = netaddr_ip(&dgram->upstream),
				    .server_port = netaddr_port(&dgram->upstream)};

	if (getsockname(session->fd, (struct sockaddr *)&local.addr, &local.len) == 0) {
		server.client = netaddr_ip(&local);
		server.client_port = netaddr_port(&local);
	}
	capture_flow_connected(session->capture, &server, now_ns);
}

static struct session *session_new(struct dgram *dgram, const struct netaddr *client,
				   int64_t now_ns)
{
	struct session *session;
	struct flow_addrs addrs = dgram->addrs;
	size_t bucket = bucket_of(client);
	int fd;

	if (dgram->num_sessions >= dgram->proxy->max_flows) {
		session_end(dgram->oldest, "evicted");
	}
	fd = socket_connect_dgram(&dgram->upstream);
	if (fd < 0) {
		dgram_note_lost(dgram, errno);
		return NULL;
	}
	addrs.client = netaddr_ip(client);
	addrs.client_port = netaddr_port(client);
	session = xcalloc(1, sizeof(*session));
	session->dgram = dgram;
	session->client = *client;
	session->fd = fd;
	session->used_ns = now_ns;
	if (dgram->live->capture) {
		session->capture = capture_flow_open(dgram->live->capture,
						     dgram->proxy->name, &addrs, now_ns);
	}
	session->flow = flow_new(dgram->live->engine, dgram->proxy, &addrs,
				 &DGRAM_FLOW_OPS, session, now_ns);
	if (!session->flow) {
		capture_flow_free(session->capture, "refused", now_ns);
		close(fd);
		free(session);
		return NULL;
	}
	if (session->capture) {
		capture_connected(session, now_ns);
	}
	event_assign(&session->event, loop_base(dgram->live->loop), fd,
		     EV_READ | EV_PERSIST, on_upstream, session);
	event_add(&session->event, NULL);
	session->next_in_bucket = dgram->buckets[bucket];
	dgram->buckets[bucket] = session;
	list_append(session);
	dgram->num_sessions++;
	if (dgram->num_sessions == 1) {
		arm_idle(dgram);
	}
	return session;
}

static struct session *session_find(struct dgram *dgram, const struct netaddr *client,
				    int64_t now_ns)
{
	struct session *session;

	for (session = dgram->buckets[bucket_of(client)]; session;
	     session = session->next_in_bucket) {
		if (same_client(&session->client, client)) {
			return session;
		}
	}
	return session_new(dgram, client, now_ns);
}

static void on_client(evutil_socket_t fd, short what, void *ctx)
{
	struct dgram *dgram = ctx;
	int64_t now_ns = live_now_ns(dgram->live);
	int n = DGRAM_BATCH;

	(void)what;
	for (int turn = 0; turn < DGRAM_READS_A_TURN && n == DGRAM_BATCH; turn++) {
		struct session *session = NULL;

		n = read_batch(dgram, fd);
		for (int i = 0; i < n; i++) {
			struct netaddr client = {.len = dgram->in[i].msg_hdr.msg_namelen};

			memcpy(&client.addr, &dgram->in_from[i], client.len);
			if (!session || !session->flow ||
			    !same_client(&session->client, &client)) {
				session = session_find(dgram, &client, now_ns);
			}
			if (session) {
				session_used(session, now_ns);
				feed(session, SIDE_REQUEST,
				     span_of(dgram->in_iov[i].iov_base,
					     dgram->in[i].msg_len),
				     now_ns);
			}
		}
		settle(dgram);
	}
}

/* --- the listener --- */

static void prepare_batch(struct dgram *dgram)
{
	dgram->buffers = xmalloc((size_t)DGRAM_BATCH * DGRAM_BYTES_MAX);
	for (int i = 0; i < DGRAM_BATCH; i++) {
		dgram->in_iov[i] =
			(struct iovec){dgram->buffers + (size_t)i * DGRAM_BYTES_MAX,
				       DGRAM_BYTES_MAX};
		dgram->in[i].msg_hdr = (struct msghdr){
			.msg_name = &dgram->in_from[i],
			.msg_iov = &dgram->in_iov[i],
			.msg_iovlen = 1,
		};
	}
}

int dgram_open(struct live *live, const struct proxy *proxy, const struct netaddr *listen,
	       const struct netaddr *upstream, struct dgram **out,
	       struct netaddr *out_bound, struct err *err)
{
	struct dgram *dgram;
	int fd = socket_listen_dgram(listen, out_bound, err);

	if (fd < 0) {
		return fd;
	}
	dgram = xcalloc(1, sizeof(*dgram));
	dgram->plane.flush = plane_flush;
	dgram->plane.cut_uncommitted = plane_cut_uncommitted;
	dgram->live = live;
	dgram->proxy = proxy;
	dgram->listen = *out_bound;
	dgram->upstream = *upstream;
	dgram->addrs.transport = TRANSPORT_UDP;
	dgram->addrs.server = netaddr_ip(out_bound);
	dgram->addrs.server_port = netaddr_port(out_bound);
	dgram->fd = fd;
	dgram->accepting = true;
	dgram->idle = loop_timer_new(live->loop, on_idle, dgram);
	prepare_batch(dgram);
	event_assign(&dgram->event, loop_base(live->loop), fd, EV_READ | EV_PERSIST,
		     on_client, dgram);
	event_add(&dgram->event, NULL);
	live_add(live, &dgram->plane);
	*out = dgram;
	return 0;
}

void dgram_stop_accepting(struct dgram *dgram)
{
	if (dgram->accepting) {
		dgram->accepting = false;
		event_del(&dgram->event);
	}
}

bool dgram_pending(const struct dgram *dgram)
{
	for (const struct session *session = dgram->oldest; session;
	     session = session->newer) {
		if (session_pending(session)) {
			return true;
		}
	}
	return false;
}

void dgram_free(struct dgram *dgram, const char *end)
{
	if (!dgram) {
		return;
	}
	dgram_stop_accepting(dgram);
	while (dgram->oldest) {
		session_end(dgram->oldest, end);
	}
	free_done(dgram);
	live_remove(dgram->live, &dgram->plane);
	loop_timer_free(dgram->idle);
	close(dgram->fd);
	text_done(&dgram->copies);
	free(dgram->out);
	free(dgram->buffers);
	free(dgram);
}
