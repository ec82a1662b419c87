/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The first line that a program says when it is asked for its --version. Owned; NULL: none. */
char *version_of(const char *path);
