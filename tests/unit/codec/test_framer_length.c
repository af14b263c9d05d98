/* The length framer: every option, limits from both sides, classes, and mended lengths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../fuzz/framer_segments.h"
#include "base/quantity.h"

struct row {
	const char *name, *framer;
	const char *stream_hex;
	/* "end:class end:class … more|bad" */
	const char *wanted;
};

static const struct row ROWS[] = {
	{"nothing", "length", "", "more"},
	{"half a field", "length", "0000", "more"},
	{"big endian, counts what follows", "length",
	 "00000002 aabb 00000000 00000001 cc", "6:message 10:message 15:message more"},
	{"little endian", "length size=2 endian=little", "0200 aabb 0100 cc",
	 "4:message 7:message more"},
	{"one byte", "length size=1", "01ff 00 02aabb",
	 "2:message 3:message 6:message more"},
	{"three bytes", "length size=3 endian=little", "010000 ff 000000",
	 "4:message 7:message more"},
	{"eight bytes", "length size=8", "0000000000000001 ff", "9:message more"},
	{"eight bytes, top bit", "length size=8", "8000000000000001 ff", "bad"},
	{"eight bytes, 2^32 + 1", "length size=8", "0000000100000001 ff", "bad"},
	{"eight bytes, all ones, negative adjust", "length size=8 adjust=-1",
	 "ffffffffffffffff ff", "bad"},
	{"eight bytes, adjust does not wrap it around", "length size=8 adjust=100",
	 "fffffffffffffffb", "bad"},
	{"field behind a type byte", "length at=1 size=1", "51 01 aa 58 00",
	 "3:message 5:message more"},
	{"field counts all", "length size=1 adjust=0", "03aabb 01",
	 "3:message 4:message more"},
	{"field counts all and is too small", "length size=1 adjust=0", "03aabb 00",
	 "3:message bad"},
	{"field counts itself, not the type", "length at=1 size=1 adjust=1 class-at=0",
	 "51 03 aabb 58 01", "4:0x51 6:0x58 more"},
	{"length ends within the field", "length size=2 adjust=0", "0002 0001 ff",
	 "2:message bad"},
	{"negative adjust", "length size=1 adjust=-2", "05aabb 03",
	 "3:message 4:message more"},
	{"negative adjust below nothing", "length size=1 adjust=-2", "01aabb", "bad"},
	{"exactly max", "length size=1 max=4", "03aabbcc 03", "4:message more"},
	{"one above max, at once", "length size=1 max=4", "03aabbcc 04", "4:message bad"},
	{"default max", "length", "00fffffc", "more"},
	{"one above default max", "length", "00fffffd", "bad"},
	{"two-byte class, big", "length size=1 class-at=1 class-size=2", "03123456",
	 "4:0x1234 more"},
	{"two-byte class, little", "length size=1 endian=little class-at=1 class-size=2",
	 "03123456", "4:0x3412 more"},
	{"four-byte class", "length size=1 class-at=1 class-size=4", "0400abcdef",
	 "5:0x00abcdef more"},
	{"class in front of the field", "length at=2 size=1 class-at=0", "0102 01 ff",
	 "4:0x01 more"},
	{"class is the last byte", "length size=1 class-at=2", "020102", "3:0x02 more"},
	{"class is behind the end", "length size=1 class-at=2", "0101 0100",
	 "2:message 4:message more"},
	{"class half behind the end", "length size=1 class-at=1 class-size=2", "01ff",
	 "2:message more"},
};

static void describe(const struct cuts *cuts, char *out, size_t out_bytes)
{
	size_t len = 0;

	for (size_t i = 0; i < cuts->num; i++) {
		len += (size_t)snprintf(out + len, out_bytes - len, "%zu:%s ",
					cuts->cuts[i].end, cuts->cuts[i].class);
	}
	snprintf(out + len, out_bytes - len, "%s",
		 cuts->last == FRAME_BAD ? "bad" : "more");
}

static size_t hex_bytes(const char *hex, uint8_t *out, size_t out_bytes)
{
	size_t len = 0;

	if (*hex) {
		assert_int_equal(parse_hex(hex, out, out_bytes, &len, NULL), 0);
	}
	return len;
}

static void cuts_and_classes_in_any_segments(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct arena arena = {0};
		struct framer framer;
		struct cuts cuts;
		uint8_t stream[64];
		size_t len = hex_bytes(ROWS[i].stream_hex, stream, sizeof(stream));
		char got[512];

		print_message("# %s\n", ROWS[i].name);
		assert_int_equal(framer_parse(&framer, ROWS[i].framer, &arena, NULL), 0);
		cuts = framer_check_segments(&framer, span_of(stream, len), i);
		describe(&cuts, got, sizeof(got));
		assert_string_equal(got, ROWS[i].wanted);
		framer_cuts_done(&cuts);
		framer_release(&framer);
		arena_done(&arena);
	}
}

/* It is known how many bytes are needed: first the field's end, then the unit's. */
static void tells_what_it_needs(void **state)
{
	static const uint8_t bytes[] = {0xff, 0x00, 0x03, 'a', 'b', 'c', 'd'};
	static const size_t NEEDED[] = {3, 3, 3, 6, 6, 6};
	struct arena arena = {0};
	struct framer framer;
	struct frame_state none = {0};
	size_t len;

	(void)state;
	assert_int_equal(framer_parse(&framer, "length at=1 size=2", &arena, NULL), 0);
	for (size_t have = 0; have < 6; have++) {
		assert_int_equal(FRAMER_LENGTH.cut(&framer, &none, span_of(bytes, have),
						   &len),
				 FRAME_MORE);
		assert_int_equal(len, NEEDED[have]);
	}
	for (size_t have = 6; have <= 7; have++) {
		assert_int_equal(FRAMER_LENGTH.cut(&framer, &none, span_of(bytes, have),
						   &len),
				 FRAME_UNIT);
		assert_int_equal(len, 6);
	}
	framer_release(&framer);
	arena_done(&arena);
}

struct fix_row {
	const char *name, *framer, *unit_hex;
	size_t new_len;
	const char *wanted_hex; /* NULL: can't be mended, nothing is written */
};

static const struct fix_row FIX_ROWS[] = {
	{"shorter", "length size=2", "0004aabbccdd", 3, "0001aabbccdd"},
	{"the same", "length size=2", "0004aabbccdd", 6, "0004aabbccdd"},
	{"little endian", "length size=3 endian=little", "aaaaaa00112233", 7,
	 "04000000112233"},
	{"eight bytes", "length size=8", "ffffffffffffffffaa", 9, "0000000000000001aa"},
	{"behind a type byte", "length at=1 size=1 adjust=1", "51ffaabb", 4, "5103aabb"},
	{"only the field is left", "length size=2", "0004aabb", 2, "0000aabb"},
	{"the field is cut", "length size=2", "0004aabb", 1, NULL},
	{"the field is gone", "length at=2 size=2", "aabb0000", 0, NULL},
	{"as much as a byte holds", "length size=1", "00", 256, "ff"},
	{"more than a byte holds", "length size=1", "07", 257, NULL},
	{"a field below 0", "length size=1 adjust=5", "07aabb", 3, NULL},
	{"a field of 0", "length size=1 adjust=3", "07aabb", 3, "00aabb"},
	{"above max is mended", "length size=1 max=2", "07aabb", 3, "02aabb"},
};

static void mended_lengths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(FIX_ROWS) / sizeof(FIX_ROWS[0]); i++) {
		const struct fix_row *row = &FIX_ROWS[i];
		struct arena arena = {0};
		struct framer framer;
		uint8_t unit[512] = {0}, wanted[512] = {0};

		print_message("# %s\n", row->name);
		hex_bytes(row->unit_hex, unit, sizeof(unit));
		hex_bytes(row->wanted_hex ? row->wanted_hex : row->unit_hex, wanted,
			  sizeof(wanted));
		assert_int_equal(framer_parse(&framer, row->framer, &arena, NULL), 0);
		assert_int_equal(FRAMER_LENGTH.fix_length(&framer, unit, row->new_len),
				 row->wanted_hex != NULL);
		assert_memory_equal(unit, wanted, sizeof(unit));
		framer_release(&framer);
		arena_done(&arena);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_and_classes_in_any_segments),
		cmocka_unit_test(tells_what_it_needs),
		cmocka_unit_test(mended_lengths),
	};

	return cmocka_run_group_tests_name("framer_length", tests, NULL, NULL);
}
