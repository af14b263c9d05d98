/* Any bytes as text of an XML 1.0 document, in elements and in attributes. */
#ifndef APP_SWEEP_XML_H
#define APP_SWEEP_XML_H

#include "base/text.h"

/* Markup is escaped, what is no character of XML (section 2.2) is shown: control
 * characters as \x1b, bytes that are no UTF-8 as U+FFFD. Readers get tabs and line ends
 * as they are. */
void xml_text(struct text *out, struct span str);
void xml_attribute(struct text *out, struct span str); /* between double quotes */

#endif
