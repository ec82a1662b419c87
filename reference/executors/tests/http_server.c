/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/tests/http_server.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reference/base/mem.h"

struct http_server {
    struct MHD_Daemon *daemon;
    char *body;
    unsigned heads;
    unsigned gets;
};

/* One byte, and then nothing for longer than anybody waits. */
static ssize_t stall_read(void *arg, uint64_t at, char *buffer, size_t size)
{
    (void)arg, (void)size;
    if (at == 0) {
        buffer[0] = 'x';
        return 1;
    }
    usleep(200000);
    return 0;
}

static ssize_t body_read(void *arg, uint64_t at, char *buffer, size_t size)
{
    const struct http_server *server = arg;
    size_t length = strlen(server->body);
    if (at >= length)
        return MHD_CONTENT_READER_END_OF_STREAM;
    size_t part = length - at < size ? length - at : size;
    memcpy(buffer, server->body + at, part);
    return (ssize_t)part;
}

static struct MHD_Response *text_response(const char *text, size_t length)
{
    return MHD_create_response_from_buffer(
        length, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size,
    void **context)
{
    struct http_server *server = arg;
    (void)version, (void)upload, (void)upload_size, (void)context;
    bool head = strcmp(method, "HEAD") == 0;
    unsigned status = MHD_HTTP_OK;
    struct MHD_Response *response;
    server->heads += head;
    server->gets += !head;
    if (str_starts(url, "/stall"))
        response = MHD_create_response_from_callback(1000, 16, stall_read, server, NULL);
    else if (str_starts(url, "/nolength"))
        response = MHD_create_response_from_callback(
            MHD_SIZE_UNKNOWN, 64, body_read, server, NULL);
    else if (str_starts(url, "/liar") && head)
        response = text_response("1234", 4);
    else
        response = text_response(server->body, strlen(server->body));
    if (str_starts(url, "/status/"))
        status = (unsigned)strtoul(url + strlen("/status/"), NULL, 10);
    if (str_starts(url, "/redirect")) {
        status = MHD_HTTP_FOUND;
        MHD_add_response_header(response, "Location", "/ok");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

struct http_server *http_server_new(const char *body)
{
    struct http_server *server = mem_alloc(sizeof(*server));
    server->body = str_dup(body);
    server->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD |
            MHD_USE_THREAD_PER_CONNECTION,
        0, NULL, NULL, answer, server, MHD_OPTION_END);
    assert(server->daemon);
    return server;
}

uint16_t http_server_port(const struct http_server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

unsigned http_server_requests(const struct http_server *server, const char *method)
{
    return strcmp(method, "HEAD") == 0 ? server->heads : server->gets;
}

void http_server_free(struct http_server *server)
{
    MHD_stop_daemon(server->daemon);
    free(server->body);
    free(server);
}
