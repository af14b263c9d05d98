#include "core/stats.h"

bool side_stats_conserved(const struct side_stats *s)
{
	return s->units_in + s->units_injected + s->units_copies ==
		       s->units_out + s->units_dropped + s->units_held &&
	       s->bytes_in + s->bytes_injected + s->bytes_copies + s->bytes_grown ==
		       s->bytes_out + s->bytes_dropped + s->bytes_held + s->bytes_shrunk;
}

void side_stats_add(struct side_stats *sum, const struct side_stats *more)
{
	sum->units_in += more->units_in;
	sum->units_injected += more->units_injected;
	sum->units_copies += more->units_copies;
	sum->units_out += more->units_out;
	sum->units_dropped += more->units_dropped;
	sum->units_held += more->units_held;
	sum->bytes_in += more->bytes_in;
	sum->bytes_injected += more->bytes_injected;
	sum->bytes_copies += more->bytes_copies;
	sum->bytes_grown += more->bytes_grown;
	sum->bytes_shrunk += more->bytes_shrunk;
	sum->bytes_out += more->bytes_out;
	sum->bytes_dropped += more->bytes_dropped;
	sum->bytes_held += more->bytes_held;
}
