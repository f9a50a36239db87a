/* runtime.Build.Read: the folder a service was built in, as a gzipped tar in pieces. It is packed as the client takes
 * it; files are read one at a time. */
#include "runtime/late_archive.h"
#include "runtime/runtime/runner.h"
#include "runtime/runtime/tree.h"
#include "runtime/runtime/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID    "runtime.Build.Read"
#define PIECE ((size_t)64 << 10)

struct packing {
    struct runner *runner;
    struct rpc_call *call;
    char folder[RUNNER_PATH_MAX];
    struct tree tree;
    size_t next; /* entry */
    struct world_file *file;
    uint64_t left, offset; /* of the file */
    struct archive *archive;
    struct text out;
    bool closed;
    struct world_task task;
    char buffer[PIECE];
};

static void packing_free(struct packing *p)
{
    world_task_cancel(&p->task);
    world_file_close(p->file);
    if (p->archive)
        archive_write_free(p->archive);
    tree_deinit(&p->tree);
    text_deinit(&p->out);
    free(p);
}

static void finish(struct packing *p, int code, const char *detail)
{
    struct rpc_call *call = p->call;
    rpc_call_set_user(call, NULL);
    packing_free(p);
    if (code == 200)
        rpc_call_finish(call, GRPC_OK, "");
    else if (code == 0)
        rpc_call_finish(call, GRPC_CANCELLED, "");
    else
        micro_fail(call, code, ID, "%s", detail);
}

static la_ssize_t take(struct archive *a, void *arg, const void *data, size_t len)
{
    struct packing *p = arg;
    (void)a;
    text_add(&p->out, data, len);
    return text_ok(&p->out) ? (la_ssize_t)len : -1;
}

static bool begin_entry(struct packing *p)
{
    const struct tree_entry *e = &p->tree.entries.items[p->next++];
    struct archive_entry *entry = archive_entry_new();
    char *path = arena_printf(&p->tree.arena, "%s/%s", p->folder, e->name);
    bool ok = entry && path;
    if (ok && !e->directory && world_file_open(p->runner->world, path, WORLD_READ, &p->file, NULL) < 0) {
        archive_entry_free(entry); /* gone meanwhile */
        p->file = NULL;
        return true;
    }
    if (ok) {
        int64_t size = p->file ? world_file_size(p->file) : 0;
        p->left = size > 0 ? (uint64_t)size : 0;
        p->offset = 0;
        archive_entry_set_pathname(entry, e->name);
        archive_entry_set_filetype(entry, e->directory ? AE_IFDIR : AE_IFREG);
        archive_entry_set_perm(entry, e->directory || e->executable ? 0755 : 0644);
        archive_entry_set_size(entry, (la_int64_t)p->left);
        ok = archive_write_header(p->archive, entry) == ARCHIVE_OK;
    }
    if (entry)
        archive_entry_free(entry);
    return ok;
}

/* A file that became shorter is filled up with zeros, as its size is told already. */
static bool entry_block(struct packing *p)
{
    size_t len = p->left < PIECE ? (size_t)p->left : PIECE;
    if (len == 0) {
        world_file_close(p->file);
        p->file = NULL;
        return true;
    }
    int64_t n = world_file_pread(p->file, p->buffer, len, p->offset);
    if (n < 0)
        return false;
    memset(p->buffer + n, 0, len - (size_t)n);
    p->offset += len;
    p->left -= len;
    return archive_write_data(p->archive, p->buffer, len) == (la_ssize_t)len;
}

/* One step of packing. */
static bool pack(struct packing *p)
{
    if (p->file)
        return entry_block(p);
    if (p->next < p->tree.entries.count)
        return begin_entry(p);
    p->closed = true;
    return archive_write_close(p->archive) == ARCHIVE_OK;
}

static bool send_out(struct packing *p, bool all)
{
    while (p->out.len >= PIECE || (all && p->out.len > 0)) {
        size_t len = p->out.len < PIECE ? p->out.len : PIECE;
        Runtime__BuildReadResponse piece;
        runtime__build_read_response__init(&piece);
        piece.data = (ProtobufCBinaryData){len, (uint8_t *)p->out.data};
        if (rpc_call_send(p->call, &piece.base) != 0)
            return false;
        text_consume(&p->out, len);
    }
    return true;
}

static void work(void *arg)
{
    struct packing *p = arg;
    for (int steps = 0; steps < 16; steps++) {
        if (rpc_call_cancelled(p->call)) {
            finish(p, 0, "");
            return;
        }
        if (rpc_call_busy(p->call))
            return; /* `writable` brings us back */
        if (p->closed) {
            finish(p, 200, "");
            return;
        }
        if (!pack(p) || !send_out(p, p->closed)) {
            finish(p, 500, "the folder cannot be packed");
            return;
        }
    }
    world_task_post(&p->task);
}

static void build_read(struct rpc_call *call, const ProtobufCMessage *request, void *runner)
{
    struct runner *r = runner;
    const Runtime__Service *q = (const Runtime__Service *)(const void *)request;
    const char *namespace = micro_call_namespace(call);
    const char *version = q->version[0] ? q->version : "latest";
    struct error err = ERROR_INIT;
    if (!runner_admit(r, call, namespace, true, ID))
        return;
    const struct runner_service *s = runner_service_find(r, namespace, q->name, version);
    if (!s || !s->exists || !s->active || !s->active->folder || s->active->state == RELEASE_PREPARING) {
        micro_fail(call, 404, ID, s && s->exists ? "nothing was built for it" : "not found");
        return;
    }
    struct packing *p = calloc(1, sizeof *p);
    if (!p) {
        micro_fail(call, 507, ID, "out of memory");
        return;
    }
    p->runner = r;
    p->call = call;
    world_task_init(&p->task, r->world, work, p);
    snprintf(p->folder, sizeof p->folder, "%s", s->active->folder);
    rpc_call_set_user(call, p);
    int rc = late_open(&late_archive, &err);
    if (rc == 0)
        rc = tree_read(r->world, p->folder, &p->tree, &err);
    p->archive = rc == 0 ? archive_write_new() : NULL;
    if (rc == 0 && (!p->archive || archive_write_add_filter_gzip(p->archive) != ARCHIVE_OK ||
                    archive_write_set_filter_option(p->archive, "gzip", "timestamp", NULL) != ARCHIVE_OK ||
                    archive_write_set_format_pax_restricted(p->archive) != ARCHIVE_OK ||
                    archive_write_set_bytes_in_last_block(p->archive, 1) != ARCHIVE_OK || /* no padding behind it */
                    archive_write_open(p->archive, p, NULL, take, NULL) != ARCHIVE_OK))
        rc = ERROR_MEMORY;
    if (rc < 0)
        finish(p, 500, err.message ? err.message : "out of memory");
    else
        work(p);
    error_clear(&err);
}

static void build_writable(struct rpc_call *call, void *runner)
{
    (void)runner;
    struct packing *p = rpc_call_user(call);
    if (p)
        work(p);
}

static void build_cancelled(struct rpc_call *call, void *runner)
{
    (void)runner;
    struct packing *p = rpc_call_user(call);
    if (p)
        finish(p, 0, "");
}

const struct rpc_method runner_build_method = {
    .name = "Read",
    .input = &runtime__service__descriptor,
    .output = &runtime__build_read_response__descriptor,
    .unary = build_read,
    .writable = build_writable,
    .cancelled = build_cancelled,
};
