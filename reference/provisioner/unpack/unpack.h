/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seatrial-unpack: what takes long with images, in a process of its own so that the agent's loop
 * goes on and the work can be killed. An image is somebody else's text: no name in it may lead out
 * of the directory that is written to, whatever symlinks it or another layer has made there.
 *
 *     seatrial-unpack archive FILE DIRECTORY               a tar as it is
 *     seatrial-unpack layers aufs|overlay FILE DIRECTORY…  tars of layers, pair by pair
 *     seatrial-unpack copy DIRECTORY LAYER…                one tree of layers, the bottom first
 *     seatrial-unpack gunzip FILE FILE                     without any compression
 *     seatrial-unpack digest sha256|sha512 FILE…           "HEX FILE" a line
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "reference/base/err.h"

/* Whiteouts of layers (provisioner.md 5): the markers of AUFS as files, or those of overlayfs. */
enum whiteouts { WHITEOUTS_AUFS, WHITEOUTS_OVERLAY };

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
/* What is hidden by a marker of that name; NULL: it is none, or one that hides nothing; "" for the
 * opaque marker. Names that would lead elsewhere ("." and "..") hide nothing. */
const char *whiteout_target(const char *name);

int unpack_archive(
    const char *file, const char *directory, enum whiteouts whiteouts, struct err *err);
int unpack_gunzip(const char *from, const char *to, struct err *err);
/* Into a directory that must not exist. */
int unpack_copy(const char *directory, char *const *layers, struct err *err);

/* --- places below a directory; negative errno --- */

/* Opens a directory below root; symlinks are resolved as if root were "/". make: missing ones are
 * made. Caller closes. */
int place_directory(int root, const char *path, bool make);
/* Removes an entry and all below it, without following anything. Missing is fine. */
int place_remove(int directory, const char *name);
/* Copies the attributes that an image may set (user.*, security.capability). */
int place_copy_attributes(int from, int to);
bool place_attribute_allowed(const char *name);
