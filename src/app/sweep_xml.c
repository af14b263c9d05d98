#include "app/sweep_xml.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static void put_ascii(struct text *out, uint8_t byte, bool attribute)
{
	switch (byte) {
	case '&':
		text_str(out, "&amp;");
		break;
	case '<':
		text_str(out, "&lt;");
		break;
	case '>':
		text_str(out, "&gt;");
		break;
	case '"':
		text_str(out, "&quot;");
		break;
	case '\r': /* a reader would make it a line feed */
		text_str(out, "&#13;");
		break;
	case '\t':
	case '\n':
		if (attribute) { /* a reader would make it a space */
			text_format(out, "&#%d;", byte);
		} else {
			text_byte(out, (char)byte);
		}
		break;
	default:
		if (byte < ' ') {
			text_format(out, "\\x%02x", byte);
		} else {
			text_byte(out, (char)byte);
		}
		break;
	}
}

/* U+FFFE and U+FFFF are characters, but not of XML. */
static bool is_noncharacter(const uint8_t *data)
{
	return data[0] == 0xef && data[1] == 0xbf && data[2] >= 0xbe;
}

static void put(struct text *out, struct span str, bool attribute)
{
	while (str.len) {
		size_t len = utf8_len(str);

		if (len == 1) {
			put_ascii(out, str.data[0], attribute);
		} else if (len == 0 || (len == 3 && is_noncharacter(str.data))) {
			text_str(out, REPLACEMENT);
		} else {
			text_bytes(out, str.data, len);
		}
		str = span_from(str, len ? len : 1);
	}
}

void xml_text(struct text *out, struct span str)
{
	put(out, str, false);
}

void xml_attribute(struct text *out, struct span str)
{
	put(out, str, true);
}
