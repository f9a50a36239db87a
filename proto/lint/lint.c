#include "proto/lint/internal.h"

#include "base/array.h"
#include "wire/pb.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

static const char *const rule_names[LINT_RULES] = {
    [LINT_PATH] = "path",         [LINT_PACKAGE] = "package", [LINT_SERVICE] = "service", [LINT_METHOD] = "method",
    [LINT_MESSAGES] = "messages", [LINT_COMMENT] = "comment", [LINT_FIELD] = "field",     [LINT_ZERO] = "zero",
    [LINT_NUMBERS] = "numbers",   [LINT_EVENTS] = "events",   [LINT_PHRASE] = "phrase",   [LINT_ALLOWED] = "allowed",
};

const char *lint_rule_name(enum lint_rule rule)
{
    return rule_names[rule];
}

void lint_deinit(struct lint *l)
{
    array_deinit(&l->findings);
    arena_deinit(&l->arena);
}

const lint_location *lint_place(const lint_file *file, const struct lint_path *path)
{
    if (!file->source_code_info)
        return NULL;
    for (size_t i = 0; i < file->source_code_info->n_location; i++) {
        const lint_location *l = file->source_code_info->location[i];
        if (l->n_path == path->count &&
            (path->count == 0 || memcmp(l->path, path->at, path->count * sizeof *path->at) == 0))
            return l;
    }
    return NULL;
}

const char *lint_name(struct lint_run *r, const char *scope, const char *name)
{
    const char *full = arena_printf(&r->lint->arena, "%s%s%s", scope, *scope ? "." : "", name);
    if (!full)
        r->failed = ERROR_MEMORY;
    return full ? full : name;
}

bool lint_is_word(const char *s, size_t len)
{
    if (len == 0 || !islower((unsigned char)s[0]))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]))
            return false;
    return true;
}

static bool covers(struct bytes pattern, const char *symbol)
{
    if (pattern.len > 2 && memcmp(pattern.data + pattern.len - 2, ".*", 2) == 0)
        return strncmp(symbol, (const char *)pattern.data, pattern.len - 1) == 0;
    return bytes_is(pattern, symbol);
}

static bool excused(struct lint_run *r, enum lint_rule rule, const char *symbol)
{
    bool yes = false;
    for (size_t i = 0; i < r->exceptions.count; i++) {
        struct lint_exception *e = &r->exceptions.items[i];
        if (bytes_is(e->rule, rule_names[rule]) && covers(e->symbol, symbol))
            e->used = yes = true;
    }
    return yes;
}

static void add(struct lint_run *r, struct lint_finding f)
{
    if (!f.text || !f.symbol || !f.file || !array_push(&r->lint->findings, f))
        r->failed = ERROR_MEMORY;
}

void lint_find(struct lint_run *r, enum lint_rule rule, const struct lint_path *path, const char *symbol,
               const char *format, ...)
{
    if (excused(r, rule, symbol))
        return;
    struct text text = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    const lint_location *l = lint_place(r->file, path);
    bool placed =
        l && l->n_span >= 2 && l->span[0] >= 0 && l->span[0] < INT32_MAX && l->span[1] >= 0 && l->span[1] < INT32_MAX;
    add(r, (struct lint_finding){
               .rule = rule,
               .file = arena_string(&r->lint->arena, r->file->name),
               .line = placed ? l->span[0] + 1 : 1,
               .column = placed ? l->span[1] + 1 : 1,
               .symbol = arena_string(&r->lint->arena, symbol),
               .text = text_ok(&text) ? arena_string(&r->lint->arena, text_string(&text)) : NULL,
           });
    text_deinit(&text);
}

static struct bytes next_word(struct bytes *line)
{
    size_t i = 0;
    while (i < line->len && line->data[i] != ' ')
        i++;
    struct bytes word = BYTES(line->data, i);
    while (i < line->len && line->data[i] == ' ')
        i++;
    *line = BYTES(line->data + i, line->len - i);
    return word;
}

static int read_exceptions(struct lint_run *r, struct bytes text, const char *name)
{
    int number = 0;
    for (size_t from = 0; from < text.len;) {
        const uint8_t *end = memchr(text.data + from, '\n', text.len - from);
        size_t to = end ? (size_t)(end - text.data) : text.len;
        struct bytes line = BYTES(text.data + from, to - from);
        from = to + 1;
        number++;
        if (line.len == 0 || line.data[0] == '#')
            continue;
        struct lint_exception e = {.line = number};
        e.rule = next_word(&line);
        e.symbol = next_word(&line);
        bool known = false;
        for (size_t i = 0; i < LINT_RULES; i++)
            known = known || bytes_is(e.rule, rule_names[i]);
        if (!known)
            return error_set_at(r->err, ERROR_INVALID, name, number, 1, "\"%.*s\" is no rule", (int)e.rule.len,
                                (const char *)e.rule.data);
        if (e.symbol.len == 0 || line.len == 0)
            return error_set_at(r->err, ERROR_INVALID, name, number, 1,
                                "an exception is a rule, a symbol, and the reason");
        if (!array_push(&r->exceptions, e))
            return error_set(r->err, ERROR_MEMORY, "out of memory");
    }
    return 0;
}

static void find_unused(struct lint_run *r, const char *name)
{
    for (size_t i = 0; i < r->exceptions.count; i++) {
        const struct lint_exception *e = &r->exceptions.items[i];
        if (e->used)
            continue;
        const char *symbol = arena_string_n(&r->lint->arena, (const char *)e->symbol.data, e->symbol.len);
        add(r, (struct lint_finding){
                   .rule = LINT_ALLOWED,
                   .file = name,
                   .line = e->line,
                   .column = 1,
                   .symbol = symbol,
                   .text = arena_printf(&r->lint->arena, "nothing breaks %.*s at %s any more; take the line away",
                                        (int)e->rule.len, (const char *)e->rule.data, symbol ? symbol : ""),
               });
    }
}

static int by_place(const void *a, const void *b)
{
    const struct lint_finding *x = a, *y = b;
    int order = strcmp(x->file, y->file);
    if (order == 0)
        order = (x->line > y->line) - (x->line < y->line);
    if (order == 0)
        order = (x->column > y->column) - (x->column < y->column);
    if (order == 0)
        order = (x->rule > y->rule) - (x->rule < y->rule);
    return order ? order : strcmp(x->text, y->text);
}

int lint_run(struct lint *l, struct bytes set, struct bytes allowed, const char *allowed_name, struct error *err)
{
    struct lint_run r = {.lint = l, .err = err};
    struct arena scratch = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    struct pb_pool *pool = NULL;
    const char *name = arena_string(&l->arena, allowed_name);
    int rc = name ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    /* The pool refuses what is no sound set, so that the rules need not; but into files of proto2 it hardly looks. */
    if (!rc && (rc = pb_pool_new(set, "descriptor set", &pool, err)) == 0)
        rc = pb_unpack(&google__protobuf__file_descriptor_set__descriptor, set, &scratch, &m, err);
    if (!rc)
        rc = read_exceptions(&r, allowed, name);
    if (rc)
        goto out;
    r.set = (const lint_set *)(const void *)m;
    for (size_t i = 0; i < r.set->n_file && !rc; i++) {
        r.file = r.set->file[i];
        if (strncmp(r.file->name, "google/", 7) == 0 || strncmp(r.file->name, "grpc/", 5) == 0)
            continue;
        if (!r.file->syntax || strcmp(r.file->syntax, "proto3") != 0)
            rc = error_set(err, ERROR_INVALID, "%s: the conventions are for proto3; begin it with syntax = \"proto3\"",
                           r.file->name);
        else if (!r.file->source_code_info)
            rc = error_set(err, ERROR_INVALID, "%s: the set has no source info (protoc --include_source_info)",
                           r.file->name);
        else
            lint_check_file(&r);
    }
    if (!rc)
        find_unused(&r, name);
    if (!rc && r.failed)
        rc = error_set(err, r.failed, "out of memory");
    if (l->findings.count > 0)
        qsort(l->findings.items, l->findings.count, sizeof *l->findings.items, by_place);
out:
    array_deinit(&r.exceptions);
    pb_pool_free(pool);
    arena_deinit(&scratch);
    return rc;
}

void lint_print(const struct lint *l, const char *prefix, struct text *out)
{
    for (size_t i = 0; i < l->findings.count; i++) {
        const struct lint_finding *f = &l->findings.items[i];
        text_printf(out, "%s%s:%d:%d: %s: %s\n", f->rule == LINT_ALLOWED ? "" : prefix, f->file, f->line, f->column,
                    rule_names[f->rule], f->text);
    }
}
