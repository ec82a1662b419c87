/* SPDX-License-Identifier: Apache-2.0 */
/* The Prometheus endpoint. */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bpf/cli/cli.h"
#include "bpf/cli/output.h"
#include "reference/base/mem.h"

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define NOT_HERE "what there is: /metrics\n"

struct server {
    struct stats *stats;
    struct stats_targets *targets;
    bool otel;
};

/* PORT, IP:PORT or [IP6]:PORT; alone a port is one of the loopback address. */
static int address_parse(const char *text, struct sockaddr_storage *ret_address, struct err *err)
{
    const char *colon = strrchr(text, ':');
    const char *port_text = colon ? colon + 1 : text;
    size_t length = colon ? (size_t)(colon - text) : 0;
    bool six = length > 2 && text[0] == '[' && text[length - 1] == ']';
    _cleanup_free_ char *ip =
        length == 0 ? str_dup("127.0.0.1") : str_ndup(text + six, length - 2 * (size_t)six);
    char *end = NULL;
    unsigned long port = strtoul(port_text, &end, 10);
    memset(ret_address, 0, sizeof(*ret_address));
    struct sockaddr_in *four_address = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *six_address = (struct sockaddr_in6 *)ret_address;
    bool good = end != port_text && !*end && port <= UINT16_MAX;
    if (six) {
        six_address->sin6_family = AF_INET6;
        six_address->sin6_port = htons((uint16_t)port);
        good = good && inet_pton(AF_INET6, ip, &six_address->sin6_addr) == 1;
    } else {
        four_address->sin_family = AF_INET;
        four_address->sin_port = htons((uint16_t)port);
        good = good && inet_pton(AF_INET, ip, &four_address->sin_addr) == 1;
    }
    return good ? 0
                : err_set(err, -EINVAL,
                      "--prometheus \"%s\": expected PORT, IP:PORT or [IP6]:PORT", text);
}

static enum MHD_Result reply(
    struct MHD_Connection *connection, unsigned status, const char *text, const char *type)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size, void **state)
{
    (void)version;
    (void)upload;
    (void)upload_size;
    (void)state;
    struct server *server = arg;
    if (!str_equal(method, "GET"))
        return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n", "text/plain");
    if (!str_equal(url, "/metrics"))
        return reply(connection, MHD_HTTP_NOT_FOUND, NOT_HERE, "text/plain");
    stats_targets_update(server->targets);
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    output_prometheus(stats_read(server->stats), server->otel, &text);
    return reply(connection, MHD_HTTP_OK, strbuf_text(&text), CONTENT_TYPE);
}

static void serve_until_signal(struct MHD_Daemon *daemon)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    _cleanup_close_ int fd = signalfd(-1, &signals, SFD_CLOEXEC);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd polled[] = {
        {.fd = fd, .events = POLLIN}, {.fd = info ? info->epoll_fd : -1, .events = POLLIN}};
    while (!(polled[0].revents & POLLIN)) {
        poll(polled, 2, 1000);
        MHD_run(daemon);
    }
}

int stats_serve(struct stats *stats, struct stats_targets *targets, const char *address, bool otel,
    struct err *err)
{
    struct sockaddr_storage where;
    int result = address_parse(address, &where, err);
    if (result < 0)
        return result;
    struct server server = {stats, targets, otel};
    unsigned flags = MHD_USE_EPOLL | (where.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    struct MHD_Daemon *daemon = MHD_start_daemon(flags, 0, NULL, NULL, answer, &server,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&where, MHD_OPTION_END);
    if (!daemon)
        return err_errno(err, errno ? -errno : -EIO, "listen at %s", address);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    fprintf(stderr, "seatrial stats: /metrics at port %u\n", info ? info->port : 0U);
    serve_until_signal(daemon);
    MHD_stop_daemon(daemon);
    return 0;
}
