/* What a live peer says, held against what the trace has it say: unit by unit, in order.
 *
 * For one side of one dialog. It knows neither sockets nor time. The script outlives it.
 */
#ifndef PLANE_PLAYER_COMPARE_H
#define PLANE_PLAYER_COMPARE_H

#include "plane/player.h"

struct compare;

enum { COMPARE_SHOWN_MAX = 48 };

/* One of the two units of a difference, and those of its bytes that are shown. */
struct compare_unit {
	bool there;
	char class[CLASS_NAME_MAX + 1];
	uint64_t len;
	uint64_t from; /* where in the unit `bytes` begin */
	uint8_t bytes[COMPARE_SHOWN_MAX];
	size_t num_bytes;
};

struct compare_finding {
	enum player_difference kind; /* PLAYER_EQUAL: none was found */
	enum side side;
	char class[CLASS_NAME_MAX + 1]; /* with k: the recorded unit's identity, or of */
	uint64_t k;			/* one that was not recorded, the seen one's */
	struct compare_unit expected, seen;
};

struct compare_counts {
	uint64_t recorded, seen;
	uint64_t by_difference[NUM_PLAYER_DIFFERENCE];
};

/* `side` is the live peer's. */
struct compare *compare_new(const struct script_dialog *dialog, enum side side);
void compare_free(struct compare *compare); /* NULL is fine */

/* Bytes that the live peer said, or one datagram. True: with them it has said something
 * that compare_reached() counts. */
bool compare_feed(struct compare *compare, struct span bytes);
/* It says no more: counts what is missing. Once. */
void compare_end(struct compare *compare);

/* Has the peer said as many complete units (of a stream without a protocol: bytes) as the
 * trace has of it before that turn? num_turns: in all. */
bool compare_reached(const struct compare *compare, size_t turn);
/* What has not come by then is waited for no longer, so that one unit that is lost costs
 * one wait. */
void compare_waive(struct compare *compare, size_t turn);
/* When the last of them was said in the trace; the dialog's opening when there are none.
 */
int64_t compare_recorded_ns(const struct compare *compare, size_t turn);

struct compare_counts compare_counts(const struct compare *compare);
/* The first difference, and the first that is graver than content. */
const struct compare_finding *compare_first(const struct compare *compare);
const struct compare_finding *compare_grave(const struct compare *compare);
void compare_describe(const struct compare_finding *finding, const char *lane,
		      struct text *out);

/* How the side begins, for telling whose dialog it is. */
struct compare_key {
	char class[CLASS_NAME_MAX + 1]; /* of the first unit; "": there is none */
	uint64_t len, digest;
	bool raw; /* no protocol, so the first unit has no end: `first` instead */
	struct span first; /* what came at once, the first unit at its front */
};
void compare_key_of(const struct script_dialog *dialog, enum side side,
		    struct compare_key *out);

/* For unitcut: the first unit that it hands on is the key's. */
void compare_key_unit(void *key, struct span unit, struct span class);
/* How well what was seen fits a recorded beginning: 0, not even in class, up to
 * COMPARE_FIT_MAX: all that has come at once is the same. */
enum { COMPARE_FIT_MAX = 4 };
int compare_key_fit(const struct compare_key *key, const struct compare_key *seen);

#endif
