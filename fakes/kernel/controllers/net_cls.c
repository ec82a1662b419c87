/* SPDX-License-Identifier: Apache-2.0 */
/* The net_cls controller of v1: a class id, which children inherit. */
#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"

struct net_cls_css {
    struct cgroup_css css;
    uint32_t classid;
};

static void net_cls_init(struct cgroup_css *css)
{
    const struct cgroup_css *parent = cgroup_css_parent(css);
    if (parent)
        ((struct net_cls_css *)css)->classid = ((const struct net_cls_css *)parent)->classid;
}

static int classid_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, ((const struct net_cls_css *)io->css)->classid);
    return 0;
}

static int classid_write(const struct cgroup_io *io, char *text)
{
    uint64_t value;
    int result = text_u64(text, &value);
    if (!result)
        ((struct net_cls_css *)io->css)->classid = (uint32_t)value;
    return result;
}

static const struct cgroup_file files[] = {
    {"net_cls.classid", ON_BOTH, FILE_V1, 0644, classid_read, classid_write, NULL, 0, 0},
};

const struct cgroup_controller cgroup_controller_net_cls = {
    .name = "net_cls",
    .legacy_name = "net_cls",
    .subsys = SUBSYS_NET_CLS,
    .versions = FILE_V1,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .css_size = sizeof(struct net_cls_css),
    .init = net_cls_init,
};
