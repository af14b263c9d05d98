/*
 * What serve.c's UDP sink and load.c's `udp` verb must agree on; serve.c explains it.
 */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#define SINK_ACK_EVERY 16
#define SINK_HELLO UINT32_MAX
#define SINK_QUERY (UINT32_MAX - 1)

#endif
