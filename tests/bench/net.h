/*
 * Sockets and small helpers that the benchmark's three programs share.
 *
 * Not part of turncoat, and not for use by it: a failure ends the program with a message,
 * since a benchmark has nothing better to do. Everything talks to 127.0.0.1.
 * Nothing here owns memory; a returned descriptor is the caller's.
 */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/epoll.h>

#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL

/* Prints the message, and errno's text if errno is set; exits with 1. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The decimal number `arg`, or a message that names `what` and its range. */
long number_parse(const char *arg, const char *what, long min, long max);

/* Seconds such as "0.5", more than 0 and at most 3600, as nanoseconds. */
int64_t seconds_parse(const char *arg);

int64_t clock_now_ns(void);

struct sockaddr_in loopback_addr(int port);

/* All descriptors are close-on-exec; those that listen, bind or accept don't block. */
int tcp_listen(int port);
int tcp_accept(int listener); /* -1 when there is none (any more) */
int tcp_connect(int port);    /* blocking */
int tcp_connect_start(int port);
int udp_bind(int port);
int udp_connect(int port, int sock_flags);

int epoll_open(void);
void epoll_add(int epoll_fd, int fd, uint32_t events, void *ptr);
void epoll_change(int epoll_fd, int fd, uint32_t events, void *ptr);

#endif
