/* What the rules say of one unit: the verdict, every value drawn, every byte edited.
 *
 * A decision is filled in two steps (core/decide.h): firing, which needs only identity
 * unless a rule reads bytes, and applying, which turns the fired rules' actions into
 * effects. Its owner reuses it from unit to unit: decision_clear() keeps the memory, so a
 * unit costs no allocation.
 */
#ifndef CORE_DECISION_H
#define CORE_DECISION_H

#include "base/text.h"
#include "core/prf.h"
#include "core/schedule.h"
#include "core/unit.h"

struct rule;
struct action;

enum verdict {
	VERDICT_PASS,
	VERDICT_DROP, /* the unit's bytes go nowhere */
	/* After cut_at bytes of the unit both connections are reset (RST), or closed. */
	VERDICT_RESET,
	VERDICT_CLOSE,
	NUM_VERDICT,
};

const char *verdict_name(enum verdict verdict);

/* One matched rule and what became of it. The lane side's key for it is kept here, as the
 * lane may be bound anew before the decision is applied. */
struct rule_outcome {
	const struct rule *rule;
	enum outcome outcome;
	struct prf_key key;
};

enum { EFFECT_VALUES_MAX = 4 };

/* One action that applied, with what it drew. */
struct effect {
	const struct rule *rule;
	const struct action *action;
	unsigned num_values;
	struct {
		const char *name; /* static, from the action's file; or a replay's */
		int64_t value;
	} values[EFFECT_VALUES_MAX];
};

/* Replaced bytes: at this offset, when the edit was made, `old` bytes became `new` ones.
 * The bytes stand one after the other in decision.edit_bytes. */
struct edit {
	uint64_t at;
	size_t old_from, old_len;
	size_t new_from, new_len;
};

/* A change of one byte known before the byte is: new = (old & keep) ^ flip. */
struct patch {
	uint64_t at;	/* offset in the unit */
	uint32_t order; /* among patches of one byte */
	uint8_t keep, flip;
};

struct decision {
	struct rule_outcome *outcomes; /* in file order */
	size_t num_outcomes, cap_outcomes;
	bool needs_whole; /* a fired action waits until the whole unit is there */
	bool faulty;	  /* at least one rule fired with an effect */

	enum verdict verdict;
	uint64_t cut_at; /* for RESET and CLOSE: bytes of the unit that still pass */
	int64_t delay_ns;
	uint64_t reorder_gap; /* successors that go first; 0: in order */
	uint64_t copies, copies_gap;
	int64_t hold_ns; /* how long parked bytes wait for successors at most */

	struct effect *effects;
	size_t num_effects, cap_effects;

	/* Whole units: */
	bool rewritten;
	struct text bytes; /* the unit as edited, when rewritten */
	struct edit *edits;
	size_t num_edits, cap_edits;
	struct text edit_bytes;
	bool fix_length; /* an edit that changed the length wants the framer to mend it */
	const char
		*fixup; /* what became of that: "length", "none"; NULL: nothing to mend */

	/* Cells judged at their first byte: */
	struct patch *patches; /* by offset after decision_sort_patches() */
	size_t num_patches, cap_patches;
};

void decision_clear(struct decision *d);
void decision_done(struct decision *d);

void decision_outcome(struct decision *d, const struct rule_outcome *outcome);
struct effect *decision_effect(struct decision *d, const struct rule *rule,
			       const struct action *action);
void effect_value(struct effect *effect, const char *name, int64_t value);
/* The value of that name; the fallback when it has none (an edited log). */
int64_t effect_get(const struct effect *effect, const char *name, int64_t fallback);

/* Replaces the bytes [at, at + old_len) of a whole unit and records the edit. `bytes` is
 * the unit as it came in, used the first time. */
void decision_edit(struct decision *d, struct span bytes, uint64_t at, size_t old_len,
		   struct span with);
/* For an action that edits many places in one pass: it builds the unit anew in *built,
 * records each place as it comes (offsets in what is built), and hands the result over;
 * *built gets other memory to reuse or free. */
void decision_record_edit(struct decision *d, uint64_t at, struct span old,
			  struct span with);
void decision_rewrite(struct decision *d, struct text *built);
/* The unit's bytes as they stand now: edited, or as they came in. */
struct span decision_bytes(const struct decision *d, struct span bytes);
/* One byte: an edit when the unit is whole, else a patch for when its byte comes. Offsets
 * beyond the end change nothing. */
void decision_patch(struct decision *d, const struct unit *unit, struct patch patch);
/* Puts patches in stream order, so that edits are recorded alike however the bytes
 * arrive. */
void decision_sort_patches(struct decision *d);
/* Applies the patches that fall on a cell's bytes [from, from + len) to `bytes`, in
 * place, and records them as edits. */
void decision_patch_bytes(struct decision *d, uint64_t from, uint8_t *bytes, size_t len);
/* Does any patch fall on [from, from + len)? */
bool decision_patches_any(const struct decision *d, uint64_t from, size_t len);

#endif
