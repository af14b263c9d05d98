/* How a replay went, in words: the verdict, the earliest unit that differs with what was
 * expected and what was seen side by side, the others, and the counts. */
#ifndef APP_REPLAY_REPORT_H
#define APP_REPLAY_REPORT_H

#include "app/replay_load.h"
#include "core/order.h"

void replay_report(const struct replay_log *log, const struct replay_result *result,
		   struct text *out);
void replay_report_order(const struct order_stats *order, struct text *out);

#endif
