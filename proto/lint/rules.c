#include "proto/lint/internal.h"

#include "base/array.h"

#include <ctype.h>
#include <string.h>

#define NUMBERS_OF_OTHERS 100 /* from here on are additions to a contract that is somebody else's */

static bool is_camel(const char *s)
{
    if (!isupper((unsigned char)*s))
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s))
            return false;
    return true;
}

static bool is_snake(const char *s)
{
    if (!islower((unsigned char)*s))
        return false;
    for (; *s; s++)
        if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '_')
            return false;
    return true;
}

static bool ends(const char *s, const char *with)
{
    size_t n = strlen(s), m = strlen(with);
    return n >= m && strcmp(s + n - m, with) == 0;
}

static bool has_comment(const struct lint_run *r, const struct lint_path *path)
{
    const lint_location *l = lint_place(r->file, path);
    return l && ((l->leading_comments && *l->leading_comments) || (l->trailing_comments && *l->trailing_comments));
}

static void check_comment(struct lint_run *r, const struct lint_path *path, const char *kind, const char *symbol)
{
    if (!has_comment(r, path))
        lint_find(r, LINT_COMMENT, path, symbol, "%s %s has no comment; say what it is in the line above", kind,
                  symbol);
}

/* Whether a message is the request or the response of one method of the file. */
static bool is_of_one_method(const lint_file *file, const char *name)
{
    size_t uses = 0;
    for (size_t s = 0; s < file->n_service; s++)
        for (size_t m = 0; m < file->service[s]->n_method; m++) {
            const char *in = file->service[s]->method[m]->input_type, *out = file->service[s]->method[m]->output_type;
            const char *last_in = strrchr(in, '.'), *last_out = strrchr(out, '.');
            uses += strcmp(last_in ? last_in + 1 : in, name) == 0;
            uses += strcmp(last_out ? last_out + 1 : out, name) == 0;
        }
    return uses == 1 && (ends(name, "Request") || ends(name, "Response"));
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

struct numbers {
    ARRAY(int64_t) first;
    ARRAY(int64_t) last; /* of the same index */
};

static bool take(struct numbers *n, int64_t first, int64_t last)
{
    return array_push(&n->first, first) && array_push(&n->last, last);
}

/* The first number from `from` on, up to `to`, that is neither used nor reserved; `to` + 1: there is none. */
static int64_t first_gap(const struct numbers *n, int64_t from, int64_t to)
{
    for (bool moved = true; moved && from <= to;) {
        moved = false;
        for (size_t i = 0; i < n->first.count; i++)
            if (n->first.items[i] <= from && n->last.items[i] >= from) {
                from = n->last.items[i] + 1;
                moved = true;
            }
    }
    return from;
}

static int64_t highest(const struct numbers *n, int64_t below)
{
    int64_t most = -1;
    for (size_t i = 0; i < n->last.count; i++)
        if (n->last.items[i] < below && n->last.items[i] > most)
            most = n->last.items[i];
    return most;
}

static void check_gaps(struct lint_run *r, const struct numbers *n, int64_t from, const struct lint_path *path,
                       const char *symbol)
{
    int64_t ends_at = highest(n, NUMBERS_OF_OTHERS), gap = first_gap(n, from, ends_at);
    if (gap > ends_at) {
        ends_at = highest(n, INT32_MAX);
        gap = first_gap(n, NUMBERS_OF_OTHERS, ends_at);
    }
    if (gap <= ends_at)
        lint_find(r, LINT_NUMBERS, path, symbol,
                  "%s leaves %lld out; reserve what was taken away, so that nobody uses it for something else", symbol,
                  (long long)gap);
}

static void check_field_numbers(struct lint_run *r, const lint_message *m, const struct lint_path *path,
                                const char *symbol)
{
    struct numbers n = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < m->n_field; i++)
        ok = take(&n, m->field[i]->number, m->field[i]->number);
    for (size_t i = 0; ok && i < m->n_reserved_range; i++)
        ok = take(&n, m->reserved_range[i]->start, (int64_t)m->reserved_range[i]->end - 1);
    if (ok)
        check_gaps(r, &n, 1, path, symbol);
    else
        r->failed = ERROR_MEMORY;
    array_deinit(&n.first);
    array_deinit(&n.last);
}

static void check_value_numbers(struct lint_run *r, const lint_enum *e, const struct lint_path *path,
                                const char *symbol)
{
    struct numbers n = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < e->n_value; i++)
        ok = take(&n, e->value[i]->number, e->value[i]->number);
    for (size_t i = 0; ok && i < e->n_reserved_range; i++)
        ok = take(&n, e->reserved_range[i]->start, e->reserved_range[i]->end);
    if (ok)
        check_gaps(r, &n, 0, path, symbol);
    else
        r->failed = ERROR_MEMORY;
    array_deinit(&n.first);
    array_deinit(&n.last);
}

/* ---- what a file holds ------------------------------------------------------------------------------------------ */

static void check_enum(struct lint_run *r, const lint_enum *e, const struct lint_path *path, const char *scope)
{
    const char *symbol = lint_name(r, scope, e->name);
    check_comment(r, path, "enum", symbol);
    const char *zero = e->n_value > 0 ? e->value[0]->name : "";
    if (!ends(zero, "Unknown") && !ends(zero, "UNKNOWN") && !ends(zero, "UNSPECIFIED"))
        lint_find(r, LINT_ZERO, path, symbol,
                  "%s is 0 as %s, which is what a field that was not set says; call it so that it ends in UNKNOWN",
                  symbol, zero);
    check_value_numbers(r, e, path, symbol);
}

static void check_message(struct lint_run *r, const lint_message *m, const struct lint_path *path, const char *scope)
{
    const char *symbol = lint_name(r, scope, m->name);
    if (path->count > 2 || !is_of_one_method(r->file, m->name))
        check_comment(r, path, "message", symbol);
    for (size_t i = 0; i < m->n_field; i++) {
        struct lint_path below = lint_below(path, MESSAGE_FIELD, i);
        const char *field = lint_name(r, symbol, m->field[i]->name);
        if (!is_snake(m->field[i]->name))
            lint_find(r, LINT_FIELD, &below, field, "%s is not in lower_snake_case", field);
        lint_check_phrases(r, &below, field);
    }
    check_field_numbers(r, m, path, symbol);
    for (size_t i = 0; i < m->n_enum_type; i++) {
        struct lint_path below = lint_below(path, MESSAGE_ENUM, i);
        check_enum(r, m->enum_type[i], &below, symbol);
    }
    for (size_t i = 0; i < m->n_nested_type && path->count < 2 * LINT_DEPTH_MAX; i++) {
        struct lint_path below = lint_below(path, MESSAGE_NESTED, i);
        if (!m->nested_type[i]->options || !m->nested_type[i]->options->map_entry)
            check_message(r, m->nested_type[i], &below, symbol);
    }
}

static void check_message_name(struct lint_run *r, const struct lint_path *path, const char *symbol, const char *method,
                               const char *type, const char *kind)
{
    const char *package = r->file->package ? r->file->package : "";
    const char *want = arena_printf(&r->lint->arena, ".%s%s%s%s", package, *package ? "." : "", method, kind);
    if (!want)
        r->failed = ERROR_MEMORY;
    else if (strcmp(type, want) != 0)
        lint_find(r, LINT_MESSAGES, path, symbol, "%s has %s where %s is due, so that it can grow by itself", symbol,
                  type + (*type == '.'), want + 1);
}

static void check_service(struct lint_run *r, const lint_service *s, const struct lint_path *path, const char *scope)
{
    static const char *const says_nothing[] = {"Call", "Handle", "Do", "Execute", "Process", "Run"};
    const char *symbol = lint_name(r, scope, s->name);
    check_comment(r, path, "service", symbol);
    for (size_t i = 0; i < s->n_method; i++) {
        struct lint_path below = lint_below(path, SERVICE_METHOD, i);
        const char *name = s->method[i]->name, *method = lint_name(r, symbol, name);
        check_comment(r, &below, "method", method);
        if (!is_camel(name))
            lint_find(r, LINT_METHOD, &below, method, "%s is not in CamelCase", method);
        for (size_t k = 0; k < sizeof says_nothing / sizeof *says_nothing; k++)
            if (strcmp(name, says_nothing[k]) == 0)
                lint_find(r, LINT_METHOD, &below, method, "%s says nothing; name what is done", method);
        check_message_name(r, &below, method, name, s->method[i]->input_type, "Request");
        check_message_name(r, &below, method, name, s->method[i]->output_type, "Response");
    }
}

/* ---- the file itself -------------------------------------------------------------------------------------------- */

static void check_topic(struct lint_run *r, struct bytes topic, const struct lint_path *whole)
{
    const lint_file *f = r->file;
    struct lint_path package = {{FILE_PACKAGE}, 1};
    const char *name = f->package ? f->package : "";
    if (strlen(name) != topic.len + 6 || memcmp(name, topic.data, topic.len) != 0 || !ends(name, "events"))
        lint_find(r, LINT_PACKAGE, &package, f->name, "package \"%s\" of the topic %.*s is to be \"%.*sevents\"", name,
                  (int)topic.len, (const char *)topic.data, (int)topic.len, (const char *)topic.data);
    if (f->n_service > 0) {
        struct lint_path at = {{FILE_SERVICE, 0}, 2};
        lint_find(r, LINT_SERVICE, &at, f->name, "a topic has no service");
    }
    bool has_type = false, has_event = false;
    for (size_t i = 0; i < f->n_enum_type; i++)
        has_type = has_type || strcmp(f->enum_type[i]->name, "EventType") == 0;
    for (size_t i = 0; i < f->n_message_type; i++) {
        const lint_message *m = f->message_type[i];
        for (size_t k = 0; strcmp(m->name, "Event") == 0 && k < m->n_field; k++)
            has_event = has_event || (strcmp(m->field[k]->name, "type") == 0 && m->field[k]->type_name &&
                                      ends(m->field[k]->type_name, ".EventType"));
    }
    if (!has_type)
        lint_find(r, LINT_EVENTS, whole, f->name, "a topic has an enum EventType");
    if (!has_event)
        lint_find(r, LINT_EVENTS, whole, f->name, "a topic has a message Event with a field `type` of EventType");
}

static void check_domain(struct lint_run *r, struct bytes domain, const struct lint_path *whole)
{
    const lint_file *f = r->file;
    struct lint_path package = {{FILE_PACKAGE}, 1};
    if (!bytes_is(domain, f->package ? f->package : ""))
        lint_find(r, LINT_PACKAGE, &package, f->name, "package \"%s\" is to be \"%.*s\", as the folder",
                  f->package ? f->package : "", (int)domain.len, (const char *)domain.data);
    bool there = false;
    for (size_t i = 0; i < f->n_service; i++) {
        const char *s = f->service[i]->name;
        there = there || (strlen(s) == domain.len && toupper(domain.data[0]) == s[0] &&
                          memcmp(s + 1, domain.data + 1, domain.len - 1) == 0);
    }
    if (!there)
        lint_find(r, LINT_SERVICE, whole, f->name, "there is no service %c%.*s", toupper(domain.data[0]),
                  (int)domain.len - 1, (const char *)domain.data + 1);
}

/* What a path says a file is. */
static void check_path(struct lint_run *r)
{
    const char *name = r->file->name, *slash = strchr(name, '/'), *last = strrchr(name, '/');
    struct lint_path whole = {{FILE_SYNTAX}, 1};
    struct bytes folder = BYTES(name, slash ? (size_t)(slash - name) : 0);
    if (slash && slash != last && bytes_is(folder, "events") && strcmp(last, "/events.proto") == 0 &&
        lint_is_word(slash + 1, (size_t)(last - slash - 1))) {
        check_topic(r, BYTES(slash + 1, (size_t)(last - slash - 1)), &whole);
        return;
    }
    if (slash == last && lint_is_word(name, folder.len) && strncmp(last + 1, name, folder.len) == 0 &&
        strcmp(last + 1 + folder.len, ".proto") == 0) {
        check_domain(r, folder, &whole);
        return;
    }
    lint_find(r, LINT_PATH, &whole, name,
              "\"%s\" is neither <domain>/<domain>.proto nor events/<topic>/events.proto, with one lower-case word "
              "for each",
              name);
}

void lint_check_file(struct lint_run *r)
{
    const lint_file *f = r->file;
    struct lint_path root = {{0}, 0}, syntax = {{FILE_SYNTAX}, 1};
    check_path(r);
    if (!has_comment(r, &syntax))
        lint_find(r, LINT_COMMENT, &syntax, f->name,
                  "the file has no comment; say what the domain is in the line above syntax");
    const char *package = f->package ? f->package : "";
    for (size_t i = 0; i < f->n_enum_type; i++) {
        struct lint_path below = lint_below(&root, FILE_ENUM, i);
        check_enum(r, f->enum_type[i], &below, package);
    }
    for (size_t i = 0; i < f->n_message_type; i++) {
        struct lint_path below = lint_below(&root, FILE_MESSAGE, i);
        check_message(r, f->message_type[i], &below, package);
    }
    for (size_t i = 0; i < f->n_service; i++) {
        struct lint_path below = lint_below(&root, FILE_SERVICE, i);
        check_service(r, f->service[i], &below, package);
    }
}
