#include "wire/pb_pool.h"
#include "wire/pb_wire.h"

#include <stdarg.h>
#include <stdlib.h>

int pb_pool_no_memory(struct pb_pool *p)
{
    return error_set(p->err, ERROR_MEMORY, "%s: out of memory (a descriptor set may take %zu MiB)",
                     p->name ? p->name : "descriptor set", PB_SET_MEMORY_MAX >> 20);
}

int pb_pool_error(struct pb_pool *p, const struct pb_file *file, int code, const char *format, ...)
{
    if (!p->err)
        return code;
    struct text message = TEXT_INIT;
    if (file)
        text_printf(&message, "%s: ", file->name);
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    if (text_ok(&message))
        error_set(p->err, code, "%s: %s", p->name, text_string(&message));
    else
        pb_pool_no_memory(p);
    text_deinit(&message);
    return code;
}

/* The set's files as they stand in its bytes: server reflection answers with these, options and extensions included. */
static int split_files(struct pb_pool *p, struct bytes set, const pb_set_proto *proto)
{
    p->files = arena_alloc(&p->arena, (proto->n_file + 1) * sizeof *p->files);
    if (!p->files)
        return pb_pool_no_memory(p);
    struct pb_reader r = {set.data, set.data + set.len};
    size_t ordinal = 0;
    while (r.at < r.end) {
        struct pb_item item;
        enum pb_fault fault = pb_item_next(&r, &item);
        if (fault)
            return pb_pool_error(p, NULL, ERROR_SYNTAX, "%s", pb_fault_text(fault));
        if (item.number != 1 || item.wire != PB_WIRE_BYTES)
            continue;
        const pb_file_descriptor *d = proto->file[ordinal++];
        if (!d->name || !*d->name)
            return pb_pool_error(p, NULL, ERROR_INVALID, "file %zu has no name", ordinal);
        struct pb_file *known = map_get(&p->files_by_name, d->name);
        if (known && bytes_equal(known->proto, item.data))
            continue; /* the same file twice: sets put behind one another */
        if (known)
            return pb_pool_error(p, NULL, ERROR_EXISTS, "file \"%s\" is there twice, with different content", d->name);
        struct pb_file *f = &p->files[p->file_count];
        f->name = arena_string(&p->arena, d->name);
        f->package = arena_string(&p->arena, d->package ? d->package : "");
        f->proto = item.data;
        f->descriptor = d;
        if (!f->name || !f->package || !map_put(&p->files_by_name, f->name, f))
            return pb_pool_no_memory(p);
        p->file_count++;
    }
    if (p->file_count == 0)
        return pb_pool_error(p, NULL, ERROR_INVALID, "the descriptor set holds no files");
    return 0;
}

/* A file of proto2 without services is kept for what imports it: options may be of its types, fields may not. */
static int check_syntax(struct pb_pool *p, struct pb_file *f)
{
    const char *syntax = f->descriptor->syntax;
    bool proto2 = !syntax || !*syntax || strcmp(syntax, "proto2") == 0;
    if (proto2 && f->descriptor->n_service == 0) {
        f->foreign = true;
        return 0;
    }
    f->features = (struct pb_features){PB_PRESENCE_EXPLICIT, PB_ENUM_OPEN, PB_REPEATED_PACKED, PB_ENCODING_LENGTH};
    if (pb_syntax_known(f->descriptor, &f->edition)) {
        const Google__Protobuf__FileOptions *options = f->descriptor->options;
        f->features = f->edition ? pb_features_of(f->features, options ? &options->base : NULL, PB_FEATURES_OF_FILE)
                                 : f->features;
        return 0;
    }
    return pb_pool_error(p, f, ERROR_UNSUPPORTED,
                         "syntax is \"%s\"; only proto3 and editions 2023 and 2024 are supported",
                         proto2 ? "proto2" : syntax);
}

static int link_imports(struct pb_pool *p, struct pb_file *f)
{
    const pb_file_descriptor *d = f->descriptor;
    f->dependencies = arena_alloc(&p->arena, (d->n_dependency + 1) * sizeof *f->dependencies);
    f->imports = arena_alloc(&p->arena, (d->n_dependency + 1) * sizeof *f->imports);
    f->import_public = arena_alloc(&p->arena, d->n_dependency + 1);
    if (!f->dependencies || !f->imports || !f->import_public)
        return pb_pool_no_memory(p);
    for (size_t i = 0; i < d->n_dependency; i++) {
        struct pb_file *import = map_get(&p->files_by_name, d->dependency[i]);
        if (!import)
            return pb_pool_error(p, f, ERROR_NOT_FOUND,
                                 "imports \"%s\", which is not in the set (protoc needs --include_imports)",
                                 d->dependency[i]);
        f->imports[f->dependency_count] = import;
        f->dependencies[f->dependency_count++] = import->name;
    }
    for (size_t i = 0; i < d->n_public_dependency; i++) {
        int32_t index = d->public_dependency[i];
        if (index < 0 || (size_t)index >= d->n_dependency)
            return pb_pool_error(p, f, ERROR_INVALID, "public import %d of %zu imports", index, d->n_dependency);
        f->import_public[index] = true;
    }
    return 0;
}

/* Files are taken away one by one once all they import is gone; what stays imports itself in a circle. */
static int check_cycles(struct pb_pool *p)
{
    size_t n = p->file_count, edges = 0, ready_count = 0, done = 0;
    for (size_t i = 0; i < n; i++)
        edges += p->files[i].dependency_count;
    size_t *waits = arena_alloc(&p->scratch, n * sizeof *waits);
    size_t *first = arena_alloc(&p->scratch, (n + 1) * sizeof *first);
    size_t *importers = arena_alloc(&p->scratch, (edges + 1) * sizeof *importers);
    size_t *ready = arena_alloc(&p->scratch, n * sizeof *ready);
    if (!waits || !first || !importers || !ready)
        return pb_pool_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        waits[i] = p->files[i].dependency_count;
        if (waits[i] == 0)
            ready[ready_count++] = i;
        for (size_t d = 0; d < waits[i]; d++)
            first[p->files[i].imports[d] - p->files]++;
    }
    /* Counting sort by imported file: first[] becomes the end, then the beginning, of each file's importers. */
    for (size_t i = 1; i < n; i++)
        first[i] += first[i - 1];
    first[n] = edges;
    for (size_t i = n; i-- > 0;)
        for (size_t d = 0; d < p->files[i].dependency_count; d++)
            importers[--first[p->files[i].imports[d] - p->files]] = i;
    while (ready_count > 0) {
        size_t file = ready[--ready_count];
        done++;
        for (size_t i = first[file]; i < first[file + 1]; i++)
            if (--waits[importers[i]] == 0)
                ready[ready_count++] = importers[i];
    }
    for (size_t i = 0; done < n && i < n; i++)
        if (waits[i] > 0)
            return pb_pool_error(p, &p->files[i], ERROR_INVALID,
                                 "imports form a circle that this file is part of, or "
                                 "leads to");
    return 0;
}

#define FILE_SOURCE_INFO 9 /* of a FileDescriptorProto */

/* The set without places and comments: most of its bytes, of which a pool needs nothing. ERROR_SYNTAX: it is no set;
 * whoever takes it whole finds out where. */
static int strip_source_info(struct bytes set, struct text *out)
{
    struct pb_reader files = {set.data, set.data + set.len};
    struct pb_item file, item;
    if (!text_reserve(out, set.len)) /* at once: it does not get longer */
        return ERROR_MEMORY;
    while (files.at < files.end) {
        if (pb_item_next(&files, &file) != PB_FAULT_NONE || file.number != 1 || file.wire != PB_WIRE_BYTES)
            return ERROR_SYNTAX;
        struct pb_reader r = {file.data.data, file.data.data + file.data.len};
        size_t mark = pb_open(out, file.number);
        while (r.at < r.end) {
            const uint8_t *from = r.at;
            if (pb_item_next(&r, &item) != PB_FAULT_NONE)
                return ERROR_SYNTAX;
            if (item.number != FILE_SOURCE_INFO || item.wire != PB_WIRE_BYTES)
                text_add(out, from, (size_t)(r.at - from));
        }
        pb_close(out, mark);
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}

static int unpack(struct pb_pool *p, struct bytes set, ProtobufCMessage **m, struct error *cause)
{
    struct text needed = TEXT_INIT;
    int rc = strip_source_info(set, &needed);
    if (rc == 0)
        rc = pb_unpack(&google__protobuf__file_descriptor_set__descriptor, text_bytes(&needed), &p->scratch, m, NULL);
    text_deinit(&needed);
    return rc && rc != ERROR_MEMORY
               ? pb_unpack(&google__protobuf__file_descriptor_set__descriptor, set, &p->scratch, m, cause)
               : rc;
}

static int build(struct pb_pool *p, struct bytes set)
{
    if (set.len > PB_SET_MAX)
        return pb_pool_error(p, NULL, ERROR_LIMIT, "%zu bytes; a descriptor set may have %zu", set.len, PB_SET_MAX);
    set.data = arena_copy(&p->arena, set.data, set.len);
    if (!set.data)
        return pb_pool_no_memory(p);
    ProtobufCMessage *m;
    struct error cause = ERROR_INIT;
    int rc = unpack(p, set, &m, &cause);
    if (rc) {
        pb_pool_error(p, NULL, rc, "not a descriptor set: %s", cause.message ? cause.message : error_code_name(rc));
        error_clear(&cause);
        return rc;
    }
    const pb_set_proto *proto = (const void *)m;
    if (proto->n_file > PB_FILES_MAX)
        return pb_pool_error(p, NULL, ERROR_LIMIT, "%zu files; a descriptor set may have %d", proto->n_file,
                             PB_FILES_MAX);
    rc = split_files(p, set, proto);
    for (size_t i = 0; !rc && i < p->file_count; i++)
        rc = check_syntax(p, &p->files[i]);
    for (size_t i = 0; !rc && i < p->file_count; i++)
        rc = link_imports(p, &p->files[i]);
    if (!rc)
        rc = check_cycles(p);
    if (!rc)
        rc = pb_pool_collect(p);
    if (!rc)
        rc = pb_pool_resolve(p);
    return rc;
}

int pb_pool_new(struct bytes set, const char *name, struct pb_pool **out, struct error *err)
{
    *out = NULL;
    struct pb_pool *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(err, ERROR_MEMORY, "%s: out of memory", name);
    p->err = err;
    p->scratch.limit = p->arena.limit = PB_SET_MEMORY_MAX;
    p->name = arena_string(&p->arena, name ? name : "descriptor set");
    int rc = p->name ? build(p, set) : pb_pool_no_memory(p);
    arena_deinit(&p->scratch);
    p->err = NULL;
    if (rc) {
        pb_pool_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

void pb_pool_free(struct pb_pool *p)
{
    if (!p)
        return;
    map_deinit(&p->symbols);
    map_deinit(&p->files_by_name);
    map_deinit(&p->methods);
    map_deinit(&p->free_methods);
    arena_deinit(&p->scratch);
    arena_deinit(&p->arena);
    free(p);
}
