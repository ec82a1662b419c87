/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the Container Storage Interface that volume/csi speaks, with the field numbers of its
 * csi.proto 1.9. Those of 0.3 are the same where both have a field, so one table serves both: only
 * the package differs, csi.v1 or csi.v0.
 */
#pragma once

#include "reference/grpc/protobuf.h"

struct csi_method {
    const char *service; /* "Node" */
    const char *name;    /* "NodePublishVolume" */
    const struct proto_message *request;
    const struct proto_message *response;
};
/* NULL: unknown. */
const struct csi_method *csi_method_find(const char *name);
/* By its path, "/csi.v1.Node/NodePublishVolume"; version gets 0 or 1. NULL: unknown. */
const struct csi_method *csi_method_at(const char *path, unsigned *ret_version);
char *csi_method_path(const struct csi_method *method, unsigned version); /* owned */
