/* SPDX-License-Identifier: Apache-2.0 */
/* A web server on loopback, for tests: it counts requests, and may redirect, fail, stall or lie. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct http_server;
/* Paths: "/ok" answers the body, "/status/N" that status, "/redirect" leads to "/ok", "/stall"
 * sends
 * a byte and then nothing, "/nolength" tells no length, "/liar" tells a length of 4 to HEAD. */
struct http_server *http_server_new(const char *body);
uint16_t http_server_port(const struct http_server *server);
unsigned http_server_requests(const struct http_server *server, const char *method);
void http_server_free(struct http_server *server);
