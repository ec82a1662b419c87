/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mesos-fetcher on the simulated machine: the real decisions (reference/fetcher/place.h) on its
 * files, and a web that is a directory. The document of http://HOST/PATH is the file
 * /web/HOST/PATH; what stands beside it says how the server misbehaves:
 *
 *     PATH.length   the length that HEAD tells instead of the real one; "none": it tells none
 *     PATH.status   the status of the answer instead of 200
 *     PATH.delay    how long the download takes, such as 30s (10 ms otherwise)
 *     PATH.stall    the download stands still, until the fetcher gives up
 *
 * Every request appends a line "HEAD URI" or "GET URI" to /web/requests. hdfs://HOST/PATH is the
 * file /hdfs/HOST/PATH.
 *
 * An archive is a text: "#archive" and a line "NAME: CONTENT" for each member; a gzip file a line
 * "#gzip" and the content. "#damaged" anywhere makes it fail.
 */
#pragma once

#include "reference/host.h"

void sim_fetcher_install(struct host *host);
